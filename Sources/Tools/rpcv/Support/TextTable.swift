/// A table for people: aligned columns, two blanks apart, no lines. Numbers are aligned right.
struct TextTable: Sendable {
  enum Alignment: Sendable { case left, right }

  struct Column: Sendable {
    var title: String
    var alignment: Alignment
    static func left(_ title: String) -> Column { Column(title: title, alignment: .left) }
    static func right(_ title: String) -> Column { Column(title: title, alignment: .right) }
  }

  let columns: [Column]
  private var rows: [[String]] = []

  init(_ columns: [Column]) { self.columns = columns }

  var isEmpty: Bool { rows.isEmpty }

  /// Missing cells are empty, surplus ones are dropped.
  mutating func add(_ cells: [String]) {
    rows.append(columns.indices.map { $0 < cells.count ? Self.printable(cells[$0]) : "" })
  }

  /// With a line break behind every row. Nothing but the titles if there are no rows.
  func text(withTitles: Bool = true) -> String {
    let titles = columns.map(\.title)
    let all = withTitles ? [titles] + rows : rows
    let widths = columns.indices.map { column in all.map { Self.width($0[column]) }.max() ?? 0 }
    return all.map { line($0, widths) + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var line = ""
    for (index, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[index] - Self.width(cell))
      if index > 0 { line += "  " }
      line += columns[index].alignment == .left ? cell + padding : padding + cell
    }
    while line.last == " " { line.removeLast() }
    return line
  }

  /// Control characters would break the lines, or do worse to a terminal.
  static func printable(_ cell: String) -> String {
    String(
      String.UnicodeScalarView(
        cell.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{fffd}" : $0 }))
  }

  /// Columns on a terminal: East Asian wide characters and emoji take two.
  static func width(_ text: String) -> Int {
    text.reduce(0) { sum, character in
      guard let scalar = character.unicodeScalars.first else { return sum }
      return sum + (isWide(scalar) || character.unicodeScalars.contains("\u{fe0f}") ? 2 : 1)
    }
  }

  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isEmojiPresentation { return true }
    switch scalar.value {
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff,
      0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x20000...0x3fffd:
      return true
    default: return false
    }
  }
}
