// As much JSON as the dump prints: written, never read.

enum JSONValue {
  case number(UInt64)
  case text(String)
  case flag(Bool)
  case null
  case object([(String, JSONValue)])

  static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.text) ?? .null }
  static func optional(_ number: UInt64?) -> JSONValue { number.map(JSONValue.number) ?? .null }

  var text: String {
    switch self {
    case .number(let value): return "\(value)"
    case .flag(let value): return value ? "true" : "false"
    case .null: return "null"
    case .text(let value): return Self.quoted(value)
    case .object(let fields):
      let parts = fields.map { Self.quoted($0.0) + ":" + $0.1.text }
      return "{" + parts.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<" ", "\u{7f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
