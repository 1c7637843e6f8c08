// The bounds of the transport.

/// Every bound of the transport, with its reason. One set serves servers and clients.
public struct TransportSettings: Sendable {
  /// Both ends must have the same; it changes when frames or the preface change.
  public var protocolVersion: UInt64 = 1
  /// Told to the peer, for people.
  public var software = "rpcv"

  /// Of a frame's length field. Larger ones are refused before a byte of them is kept.
  public var frameLimit = 16 << 20
  /// From the connection to the peer's preface: a silent stranger goes soon.
  public var prefaceTime: Duration = .seconds(10)
  /// While a frame is unfinished its bytes must come at `minimumRate` at least, looked at every
  /// `frameTime`: a slow link may be slow, a byte a second is cut off.
  public var frameTime: Duration = .seconds(30)
  /// Bytes a second.
  public var minimumRate = 16 << 10
  /// Written bytes that the peer doesn't take for so long end the connection.
  public var stallTime: Duration = .seconds(30)
  /// A connection without an exchange under way is closed by the client after `idleTime`, and by
  /// the server after twice that, so that a client seldom sends into a closing connection.
  public var idleTime: Duration = .seconds(60)
  public var connectTime: Duration = .seconds(5)

  /// Server: at the limit the longest idle connection goes; if none is idle the new one is refused.
  public var connectionLimit = 4096
  /// Server: unanswered requests of one connection before it is no longer read.
  public var requestLimit = 512
  /// Server: bytes of unanswered requests and unfinished frames of all connections together.
  public var receiveLimit = 256 << 20
  /// Bytes that wait to be written to one peer: beyond, a server closes and a client refuses.
  public var sendLimit = 64 << 20
  /// Client: exchanges under way with one address.
  public var exchangeLimit = 4096

  public init() {}

  /// How often time limits are looked at.
  var tick: Duration {
    let least = [prefaceTime, frameTime, stallTime, idleTime].min() ?? .seconds(4)
    return min(max(least / 4, .milliseconds(10)), .seconds(1))
  }
}
