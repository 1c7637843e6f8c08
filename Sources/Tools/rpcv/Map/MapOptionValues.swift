// How the values of options are read; each error names its option.

extension MapOption {
  static func word(_ value: Bytes, _ name: String) throws(MapError) -> String {
    guard let word = String(validating: value, as: UTF8.self) else {
      throw .usage("\(name): '\(text(value))' is not UTF-8 text")
    }
    return word
  }

  static func parse<Value>(
    _ value: Bytes, _ name: String, _ read: (String) throws(ParseError) -> Value
  ) throws(MapError) -> Value {
    let word = try word(value, name)
    do { return try read(word) } catch { throw .usage("\(name): \(error)") }
  }

  static func number(_ value: Bytes, _ name: String, in range: ClosedRange<Int64>)
    throws(MapError) -> Int64
  {
    guard let number = Int64(try word(value, name)), range.contains(number) else {
      throw .usage(
        "\(name): '\(text(value))' is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  static func fileName(_ value: Bytes, _ name: String) throws(MapError) -> Bytes {
    guard !value.isEmpty, !value.contains(0) else {
      throw .usage("\(name): '\(text(value))' is not the name of a file")
    }
    return value
  }

  static func delimiter(_ value: Bytes) throws(MapError) -> UInt8 {
    switch text(value) {
    case "\\n": return UInt8(ascii: "\n")
    case "\\t": return UInt8(ascii: "\t")
    case "\\r": return UInt8(ascii: "\r")
    case "\\0": return 0
    default:
      guard value.count == 1 else {
        throw .usage("-d: '\(text(value))' is not one byte (or \\n, \\t, \\r, \\0)")
      }
      return value[0]
    }
  }

  static func variable(_ value: Bytes) throws(MapError) -> MapOptions.Variable {
    let word = try word(value, "--env")
    let mark = word.firstIndex(of: "=")
    let name = word[..<(mark ?? word.endIndex)]
    let isName = name.utf8.allSatisfy {
      $0 == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
    }
    guard isName, let first = name.first, !first.isNumber, !value.contains(0) else {
      throw .usage("--env: '\(word)' is not NAME or NAME=VALUE")
    }
    return MapOptions.Variable(
      name: String(name), value: mark.map { String(word[word.index(after: $0)...]) })
  }
}
