import Foundation

// Medians, spreads and percentiles, and the table they are printed in.

/// The same measurement of several rounds.
struct Figures {
  var values: [Double] = []

  var median: Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// `median [least - most]`.
  func text(_ format: (Double) -> String) -> String {
    guard let least = values.min(), let most = values.max() else { return "-" }
    return "\(format(median)) [\(format(least)) - \(format(most))]"
  }
}

/// One round of calls.
struct Round {
  var seconds = 0.0
  /// From submit to result, of each call, in nanoseconds.
  var latencies: [UInt64] = []

  func percentile(_ share: Double) -> Double {
    let sorted = latencies.sorted()
    guard !sorted.isEmpty else { return .nan }
    let index = Int((share * Double(sorted.count)).rounded(.up)) - 1
    return Double(sorted[min(max(index, 0), sorted.count - 1)])
  }
}

/// All rounds of one peer in one measurement.
struct Series {
  var rate = Figures()
  var total = Figures()
  var p50 = Figures()
  var p99 = Figures()

  mutating func add(_ round: Round) {
    rate.values.append(Double(round.latencies.count) / round.seconds)
    total.values.append(round.seconds)
    p50.values.append(round.percentile(0.5))
    p99.values.append(round.percentile(0.99))
  }
}

enum Unit {
  static func count(_ value: Double) -> String {
    let digits = String(Int(value.rounded()))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// From nanoseconds.
  static func milliseconds(_ value: Double) -> String {
    String(format: "%.2f ms", value / 1e6)
  }

  static func seconds(_ value: Double) -> String { String(format: "%.3f s", value) }

  static func ratio(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// Columns as wide as their widest cell; the first to the left, the others to the right.
struct Table {
  private var rows: [[String]]

  init(_ head: [String]) { rows = [head] }

  mutating func add(_ row: [String]) { rows.append(row) }

  func show(_ title: String) {
    print("\n\(title)")
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
      print(line)
    }
    fflush(nil)
  }
}
