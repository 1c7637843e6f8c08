// Numbers as people read them, and durations as people write them.

enum Quantity {
  /// 512 B, 1.5 KiB, 64.0 MiB.
  static func bytes(_ count: UInt64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
    guard count >= 1024 else { return "\(count) B" }
    var value = Double(count) / 1024
    var unit = 0
    while value >= 1023.95, unit + 1 < units.count {
      value /= 1024
      unit += 1
    }
    return fixed(value, digits: 1) + " " + units[unit]
  }

  static func fixed(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let rounded = UInt64((value * scale).rounded())
    guard digits > 0 else { return "\(rounded)" }
    let (whole, part) = rounded.quotientAndRemainder(dividingBy: UInt64(scale))
    let text = "\(part)"
    return "\(whole)." + String(repeating: "0", count: digits - text.count) + text
  }

  /// The part of the whole; - if there is none.
  static func percent(_ part: UInt64, of whole: UInt64) -> String {
    whole == 0 ? "-" : fixed(100 * Double(part) / Double(whole), digits: 0) + "%"
  }

  /// The two greatest units: 5s, 3m 20s, 2h 5m, 12d 3h.
  static func age(milliseconds: UInt64) -> String {
    let seconds = milliseconds / 1000
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3600: return "\(seconds / 60)m \(seconds % 60)s"
    case ..<86_400: return "\(seconds / 3600)h \(seconds / 60 % 60)m"
    default: return "\(seconds / 86_400)d \(seconds / 3600 % 24)h"
    }
  }

  /// 90s, 10m, 1h30m, 2d as milliseconds.
  static func duration(_ text: String) -> UInt64? {
    var total: UInt64 = 0
    var digits = ""
    for character in text {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      let units: [Character: UInt64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
      guard let unit = units[character], let count = UInt64(digits) else { return nil }
      let (part, over) = count.multipliedReportingOverflow(by: unit)
      let (sum, above) = total.addingReportingOverflow(part)
      guard !over, !above else { return nil }
      total = sum
      digits = ""
    }
    return digits.isEmpty && total > 0 ? total : nil
  }
}

/// A table for people: aligned columns, two blanks apart. Numbers are aligned right.
struct TextTable {
  enum Column {
    case left(String)
    case right(String)

    var title: String {
      switch self {
      case .left(let title), .right(let title): title
      }
    }
  }

  private let columns: [Column]
  private var rows: [[String]]

  init(_ columns: [Column]) {
    self.columns = columns
    rows = [columns.map(\.title)]
  }

  var isEmpty: Bool { rows.count == 1 }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  var lines: [String] {
    let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (index, column) in columns.enumerated() {
        let padding = String(repeating: " ", count: widths[index] - row[index].count)
        if index > 0 { line += "  " }
        if case .left = column {
          line += row[index] + padding
        } else {
          line += padding + row[index]
        }
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
