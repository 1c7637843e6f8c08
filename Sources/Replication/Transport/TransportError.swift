// The one error type of the transport.

/// What went wrong between two processes: with whom, and what that means. An exchange that failed
/// may or may not have been carried out by the peer, except where a case says that it was not sent.
public enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text names no address. Nothing was sent.
  case badAddress(String, reason: String)
  /// Another process listens there already.
  case addressInUse(HostPort)
  case cannotListen(HostPort, reason: String)
  /// The machine answers, but nobody listens on the port. Nothing was sent.
  case refused(HostPort)
  /// No connection could be made. Nothing was sent.
  case unreachable(HostPort, reason: String)
  case versionMismatch(peer: String, theirs: UInt64, ours: UInt64, software: String)
  case frameTooLarge(peer: String, length: UInt64, limit: Int)
  /// The peer doesn't speak this protocol, or no longer does so sensibly.
  case badFrame(peer: String, reason: String)
  case timedOut(peer: String, waitingFor: String)
  /// The connection ended before the answer.
  case closed(peer: String, reason: String)
  /// The peer says no; it did not carry the request out.
  case rejected(peer: String, reason: String)
  /// A bound of this process is reached. Nothing was sent.
  case busy(peer: String, reason: String)
  /// The client or the server was shut down here.
  case stopped

  public var description: String {
    switch self {
    case .badAddress(let text, let reason): "'\(text)' is not an address: \(reason)"
    case .addressInUse(let address):
      "port \(address.port) on \(address.host) is in use by another process"
    case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
    case .refused(let address): "nobody listens on \(address) (connection refused)"
    case .unreachable(let address, let reason): "cannot reach \(address): \(reason)"
    case .versionMismatch(let peer, let theirs, let ours, let software):
      "\(peer) speaks protocol version \(theirs) (\(software.isEmpty ? "unnamed" : software)), "
        + "this process version \(ours): update the older one"
    case .frameTooLarge(let peer, let length, let limit):
      "\(peer) announces a frame of \(length) bytes, the limit is \(limit)"
    case .badFrame(let peer, let reason): "\(peer) doesn't speak the protocol: \(reason)"
    case .timedOut(let peer, let what): "\(peer): timed out waiting for \(what)"
    case .closed(let peer, let reason): "connection with \(peer) ended: \(reason)"
    case .rejected(let peer, let reason): "\(peer) refuses: \(reason)"
    case .busy(let peer, let reason): "\(peer): \(reason)"
    case .stopped: "the transport was shut down"
    }
  }
}
