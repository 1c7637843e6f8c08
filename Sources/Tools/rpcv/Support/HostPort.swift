/// A coordinator's address as people write it: `host:port`, `[2001:db8::1]:port`, or a host alone.
/// The name is resolved only when somebody connects: addresses are hints, never identities.
struct HostPort: Hashable, Comparable, Sendable, CustomStringConvertible {
  var host: String
  var port: UInt16

  /// What a coordinator listens on unless told otherwise.
  static let defaultPort: UInt16 = 7480

  init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  static func < (a: HostPort, b: HostPort) -> Bool { (a.host, a.port) < (b.host, b.port) }

  var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// `allowsAnyHost` takes `:port` too (an address to listen on, on every interface); its host is
  /// empty.
  init(
    parsing text: String, defaultPort: UInt16 = HostPort.defaultPort, allowsAnyHost: Bool = false
  ) throws(ParseError) {
    let failure = ParseError(text: text, wanted: "an address (such as lab3.example.org:7480)")
    var host = text[...]
    var port: Substring?
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { throw failure }
      let after = text[text.index(after: close)...]
      host = text[text.index(after: text.startIndex)..<close]
      guard host.contains(":"), after.isEmpty || after.hasPrefix(":") else { throw failure }
      port = after.isEmpty ? nil : after.dropFirst()
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
      if host.contains(":") {
        throw ParseError(
          text: text, wanted: "an address: an IPv6 one stands in brackets, [\(text)]:port")
      }
    }
    guard !host.isEmpty || allowsAnyHost, host.utf8.count <= 255,
      host.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0 != "/" && $0 != "," && $0 != "@" })
    else { throw failure }
    if let port {
      guard !port.isEmpty, port.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = UInt16(port)
      else {
        throw ParseError(text: text, wanted: "an address: its port is a number up to 65535")
      }
      self.init(host: String(host), port: number)
    } else {
      self.init(host: String(host), port: defaultPort)
    }
  }

  /// Addresses separated by commas or blanks, each once, in their order.
  static func list(parsing text: String, defaultPort: UInt16 = HostPort.defaultPort)
    throws(ParseError) -> [HostPort]
  {
    var result: [HostPort] = []
    for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
      let address = try HostPort(parsing: String(part), defaultPort: defaultPort)
      if !result.contains(address) { result.append(address) }
    }
    return result
  }
}
