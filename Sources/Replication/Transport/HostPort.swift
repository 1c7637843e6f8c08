// Addresses in text, as people write them.

/// Where a peer listens: a host's name or number, and a port. A hint, never an identity.
public struct HostPort: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads `host:port`, `[v6 address]:port`, and, with `defaultPort`, a host alone.
  public init(_ text: String, defaultPort: Int? = nil) throws(TransportError) {
    var host = Substring(text)
    var portText: Substring?
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else {
        throw .badAddress(text, reason: "the ] after the IPv6 address is missing")
      }
      host = text[text.index(after: text.startIndex)..<close]
      let rest = text[text.index(after: close)...]
      guard rest.isEmpty || rest.hasPrefix(":") else {
        throw .badAddress(text, reason: "only :PORT may follow the ]")
      }
      portText = rest.isEmpty ? nil : rest.dropFirst()
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      guard !host.contains(":") else {
        throw .badAddress(text, reason: "an IPv6 address stands in brackets, as in [::1]:7000")
      }
      portText = text[text.index(after: colon)...]
    }
    guard !host.isEmpty else { throw .badAddress(text, reason: "the host is missing") }
    guard let portText else {
      guard let defaultPort else { throw .badAddress(text, reason: "the port is missing") }
      self.init(host: String(host), port: defaultPort)
      return
    }
    guard let port = UInt16(portText), portText.allSatisfy(\.isNumber) else {
      throw .badAddress(text, reason: "the port must be a number from 0 to 65535")
    }
    self.init(host: String(host), port: Int(port))
  }

  public static func < (a: HostPort, b: HostPort) -> Bool { (a.host, a.port) < (b.host, b.port) }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
