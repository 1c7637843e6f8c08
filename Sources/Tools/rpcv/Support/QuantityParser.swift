// Durations and sizes as people type them in flags, environment and file.

/// A text that is not what was wanted, with examples of what would be.
struct ParseError: Error, Equatable, CustomStringConvertible {
  let text: String
  let wanted: String
  var description: String { "'\(text)' is not \(wanted)" }
}

extension Duration {
  private static let wanted = "a duration (such as 500ms, 10s, 1.5h or 1h30m)"

  /// `500ms`, `10s`, `1.5h`, `1h30m`, `2d`; units are ns, us, ms, s, m (or min), h, d. A number
  /// without a unit is 0 or, where the option has always had that unit elsewhere, `bareUnit`s.
  init(parsing text: String, bareUnit: Duration? = nil) throws(ParseError) {
    let failure = ParseError(text: text, wanted: Self.wanted)
    var rest = text[...]
    var sum = 0.0
    var isFirst = true
    while !rest.isEmpty {
      let (value, after) = try Quantity.number(rest, or: failure)
      let unit = after.prefix { !Quantity.isNumeric($0) }
      if unit.isEmpty {
        guard isFirst, after.isEmpty, bareUnit != nil || value == 0 else { throw failure }
        sum = value * (bareUnit ?? .zero).inSeconds
      } else {
        guard let length = Self.units[String(unit)] else { throw failure }
        sum += value * length
      }
      rest = after[unit.endIndex...]
      isFirst = false
    }
    // Some three hundred years in nanoseconds: what the protocol's clocks can count.
    guard !isFirst, sum <= 9e9 else { throw failure }
    self = .nanoseconds(Int64((sum * 1e9).rounded()))
  }

  private static let units: [String: Double] = [
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60,
    "h": 3600, "d": 86400,
  ]
}

/// A number of bytes.
struct ByteSize: Hashable, Comparable, Sendable, CustomStringConvertible {
  var bytes: UInt64
  init(bytes: UInt64) { self.bytes = bytes }
  static func < (a: ByteSize, b: ByteSize) -> Bool { a.bytes < b.bytes }
  var description: String { Format.size(bytes) }

  /// `4096`, `64MiB`, `64M` (the same), `1.5GiB`, `1GB` (a power of ten); letters of either case.
  init(parsing text: String) throws(ParseError) {
    let failure = ParseError(text: text, wanted: "a size (such as 4096, 64MiB or 2GB)")
    let (value, after) = try Quantity.number(text[...], or: failure)
    let unit = after.drop { $0 == " " }.lowercased()
    guard let factor = Self.units[unit] else { throw failure }
    let bytes = value * factor
    guard bytes < 0x1p63, bytes.rounded() == bytes else { throw failure }
    self.bytes = UInt64(bytes)
  }

  private static let units: [String: Double] = {
    var units: [String: Double] = ["": 1, "b": 1]
    for (index, letter) in "kmgtp".enumerated() {
      let power = Double(index + 1)
      var binary = 1.0
      var decimal = 1.0
      for _ in 0..<Int(power) {
        binary *= 1024
        decimal *= 1000
      }
      units["\(letter)"] = binary
      units["\(letter)ib"] = binary
      units["\(letter)b"] = decimal
    }
    return units
  }()
}

enum Quantity {
  /// The number (digits, at most one point) that `text` begins with, and what follows.
  static func number(_ text: Substring, or failure: ParseError) throws(ParseError)
    -> (Double, Substring)
  {
    let digits = text.prefix(while: isNumeric)
    guard let first = digits.first, first != ".", digits.last != ".", digits.utf8.count <= 18,
      let value = Double(digits)
    else { throw failure }
    return (value, text[digits.endIndex...])
  }

  static func isNumeric(_ character: Character) -> Bool {
    character == "." || ("0"..."9").contains(character)
  }
}
