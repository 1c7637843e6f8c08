/// When a peer that was asked does not answer: a suspicion, never a fact, always revocable. Peers
/// are routes (addresses). Only who is asked can be suspected, and only an answer counts as a sign
/// of life: what a peer says on its own does not prove that it hears us.
public struct FaultDetector: Sendable {
  /// How long an asked peer may stay silent.
  public var timeout: Duration
  /// The same for a peer that has never answered yet: a list's dead addresses are passed quickly.
  public var firstTimeout: Duration
  /// One lost message is no suspicion.
  public var leastAsked = 2

  private struct Peer: Sendable {
    /// The first question since the last answer.
    var waitingSince: Instant?
    var asked = 0
    var lastAsked: Instant?
    var lastHeard: Instant?
    var isSuspected = false
  }
  private var peers: [String: Peer] = [:]
  private var lastCheck: Instant?

  public init(timeout: Duration = .seconds(10), firstTimeout: Duration = .seconds(3)) {
    self.timeout = timeout
    self.firstTimeout = min(firstTimeout, timeout)
  }

  public func isSuspected(_ route: String) -> Bool { peers[route]?.isSuspected ?? false }
  public func lastAsked(_ route: String) -> Instant? { peers[route]?.lastAsked }
  public func lastHeard(_ route: String) -> Instant? { peers[route]?.lastHeard }
  public func isWaiting(for route: String) -> Bool { peers[route]?.waitingSince != nil }

  public mutating func asked(_ route: String, at now: Instant) {
    var peer = peers[route] ?? Peer()
    if peer.waitingSince == nil { peer.waitingSince = now }
    peer.asked += 1
    peer.lastAsked = now
    peers[route] = peer
  }

  /// An answer came. True if this takes a suspicion back.
  public mutating func heard(
    _ route: String, at now: Instant, forgiving: Bool = true
  ) -> Bool {
    var peer = peers[route] ?? Peer()
    let forgiven = peer.isSuspected && forgiving
    peer.waitingSince = nil
    peer.asked = 0
    peer.lastHeard = now
    if forgiven { peer.isSuspected = false }
    peers[route] = peer
    return forgiven
  }

  /// Looks at all of `routes`; the newly suspected ones, in that order.
  public mutating func check(_ routes: [String], at now: Instant) -> [String] {
    excuseOwnPause(now)
    var suspected: [String] = []
    for route in routes {
      guard let peer = peers[route], !peer.isSuspected, let since = peer.waitingSince,
        peer.asked >= leastAsked,
        now - since >= (peer.lastHeard == nil ? firstTimeout : timeout)
      else { continue }
      peers[route]?.isSuspected = true
      suspected.append(route)
    }
    return suspected
  }

  /// Suspects it without evidence (an operator, a test). True if it was not suspected.
  public mutating func suspect(_ route: String) -> Bool {
    if isSuspected(route) { return false }
    peers[route, default: Peer()].isSuspected = true
    return true
  }

  public mutating func forget(_ route: String) { peers[route] = nil }

  /// A pause of ours (stopped, suspended) is not their silence: waiting starts anew.
  private mutating func excuseOwnPause(_ now: Instant) {
    defer { lastCheck = now }
    guard let last = lastCheck, now - last > firstTimeout else { return }
    peers = peers.mapValues { peer in
      var peer = peer
      if peer.waitingSince != nil { peer.waitingSince = now }
      return peer
    }
  }
}
