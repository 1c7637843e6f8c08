import Foundation

// Medians, spreads and percentiles, and the table they are printed in.

/// The same measurement of several rounds.
package struct Figures: Sendable {
  package var values: [Double] = []

  package init(_ values: [Double] = []) { self.values = values }

  package var median: Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// `median [least - most]`.
  package func text(_ format: (Double) -> String) -> String {
    guard let least = values.min(), let most = values.max() else { return "-" }
    return "\(format(median)) [\(format(least)) - \(format(most))]"
  }
}

/// One round of calls.
package struct Round: Sendable {
  package var seconds = 0.0
  /// From submit to result, of each call, in nanoseconds.
  package var latencies: [UInt64] = []

  package init() {}

  package func percentile(_ share: Double) -> Double {
    let sorted = latencies.sorted()
    guard !sorted.isEmpty else { return .nan }
    let index = Int((share * Double(sorted.count)).rounded(.up)) - 1
    return Double(sorted[min(max(index, 0), sorted.count - 1)])
  }
}

package enum Unit {
  package static func count(_ value: Double) -> String {
    let digits = String(Int(value.rounded()))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// From nanoseconds.
  package static func milliseconds(_ value: Double) -> String {
    String(format: "%.2f ms", value / 1e6)
  }

  package static func seconds(_ value: Double) -> String { String(format: "%.3f s", value) }

  package static func ratio(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// Columns as wide as their widest cell; the first to the left, the others to the right.
package struct Table {
  private var rows: [[String]]

  package init(_ head: [String]) { rows = [head] }

  package mutating func add(_ row: [String]) { rows.append(row) }

  package func show(_ title: String) {
    print("\n\(text(title))", terminator: "")
    fflush(nil)
  }

  /// The title and a line a row.
  package func text(_ title: String) -> String {
    var text = title + "\n"
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    for row in rows {
      var line = "  "
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += column == 0 ? cell + space : "  " + space + cell
      }
      text += line + "\n"
    }
    return text
  }
}
