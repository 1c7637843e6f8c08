/// A JSON value to be printed. Members keep the order in which they were given, so that the same
/// report is the same text. There is no parser: nothing here reads JSON.
enum JSON: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  /// Not finite: printed as null, for JSON has no such number.
  case double(Double)
  case string(String)
  case array([JSON])
  case object([(key: String, value: JSON)])

  /// Bytes that are meant as text; what is not UTF-8 shows as U+FFFD.
  static func text(_ bytes: some Sequence<UInt8>) -> JSON {
    .string(String(decoding: Array(bytes), as: UTF8.self))
  }

  /// On one line.
  var line: String { String(decoding: encoded(indent: nil), as: UTF8.self) }

  /// Indented for people, with a line break at the end.
  var pretty: String { String(decoding: encoded(indent: 0), as: UTF8.self) + "\n" }

  private func encoded(indent: Int?) -> [UInt8] {
    var out: [UInt8] = []
    write(to: &out, indent: indent)
    return out
  }

  private func write(to out: inout [UInt8], indent: Int?) {
    switch self {
    case .null: out += Array("null".utf8)
    case .bool(let value): out += Array((value ? "true" : "false").utf8)
    case .int(let value): out += Array(String(value).utf8)
    case .uint(let value): out += Array(String(value).utf8)
    case .double(let value): out += Array((value.isFinite ? "\(value)" : "null").utf8)
    case .string(let value): Self.write(value, to: &out)
    case .array(let values):
      Self.write("[", values, "]", to: &out, indent: indent) { value, out, indent in
        value.write(to: &out, indent: indent)
      }
    case .object(let members):
      Self.write("{", members, "}", to: &out, indent: indent) { member, out, indent in
        Self.write(member.key, to: &out)
        out.append(UInt8(ascii: ":"))
        if indent != nil { out.append(UInt8(ascii: " ")) }
        member.value.write(to: &out, indent: indent)
      }
    }
  }

  private static func write<Element>(
    _ open: String, _ elements: [Element], _ close: String, to out: inout [UInt8], indent: Int?,
    each: (Element, inout [UInt8], Int?) -> Void
  ) {
    out += Array(open.utf8)
    for (index, element) in elements.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      breakLine(&out, indent.map { $0 + 1 })
      each(element, &out, indent.map { $0 + 1 })
    }
    if !elements.isEmpty { breakLine(&out, indent) }
    out += Array(close.utf8)
  }

  private static func breakLine(_ out: inout [UInt8], _ indent: Int?) {
    guard let indent else { return }
    out.append(UInt8(ascii: "\n"))
    out += Array(repeating: UInt8(ascii: " "), count: indent * 2)
  }

  private static func write(_ string: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += Array("\\\"".utf8)
      case UInt8(ascii: "\\"): out += Array("\\\\".utf8)
      case UInt8(ascii: "\n"): out += Array("\\n".utf8)
      case UInt8(ascii: "\r"): out += Array("\\r".utf8)
      case UInt8(ascii: "\t"): out += Array("\\t".utf8)
      case 0..<0x20, 0x7f:
        let digits = Array("0123456789abcdef".utf8)
        out += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(integerLiteral value: Int64) { self = .int(value) }
  init(arrayLiteral elements: JSON...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { ($0.0, $0.1) })
  }
}
