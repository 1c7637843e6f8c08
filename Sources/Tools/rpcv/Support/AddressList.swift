import ReplicationTransport

// Addresses of coordinators as they stand in flags, environment and file.

/// What a coordinator listens on unless told otherwise.
let standardPort = 7070

extension HostPort {
  /// `host:port`, `[IPv6]:port`, or a host alone, which stands for the standard port.
  static func parse(_ text: String) throws(ParseError) -> HostPort {
    let address: HostPort
    do {
      address = try HostPort(text, defaultPort: standardPort)
    } catch {
      var why = "\(error)"
      if case .badAddress(_, let reason) = error { why = reason }
      throw ParseError(text: text, wanted: "an address (such as lab3.example.org:7070): \(why)")
    }
    let isName = address.host.unicodeScalars.allSatisfy {
      $0.value > 0x20 && $0 != "/" && $0 != "@"
    }
    guard isName, address.host.utf8.count <= 255 else {
      throw ParseError(text: text, wanted: "an address (such as lab3.example.org:7070)")
    }
    return address
  }

  /// An address to listen on: `:port` stands for every interface.
  static func parseListening(_ text: String) throws(ParseError) -> HostPort {
    try parse(text.hasPrefix(":") ? "0.0.0.0" + text : text)
  }

  /// Addresses separated by commas or blanks, each once, in their order.
  static func parseList(_ text: String) throws(ParseError) -> [HostPort] {
    var result: [HostPort] = []
    for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
      let address = try parse(String(part))
      if !result.contains(address) { result.append(address) }
    }
    return result
  }
}
