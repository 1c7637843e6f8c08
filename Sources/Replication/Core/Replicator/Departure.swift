import LogStore

// An orderly stop. Who stops says so to everybody who may wait for its answers, and they pass over
// it at once instead of after the suspicion time. It is a word of one incarnation: the next start
// of that node is trusted like any other, and a word that comes too late harms nobody.

extension Replicator {
  /// Of this node: it says farewell, and `hasLeft` when that has been heard or can't be.
  mutating func leave() {
    guard hasStarted, !isLeaving else { return }
    isLeaving = true
    for route in membership.routes
    where !detector.isSuspected(route) && detector.lastHeard(route) != nil {
      sync(at: route, .farewell)
    }
  }

  /// After `.leave`: nothing more is to be waited for before the process ends.
  public var hasLeft: Bool {
    !hasStarted
      || isLeaving
        && !exchanges.open.contains {
          if case .sync(let context) = $0.context { context.purpose == .farewell } else { false }
        }
  }

  /// Of a peer. Only what is known of this very incarnation changes.
  mutating func departed(_ peer: PeerInfo) {
    let routes = membership.entries.filter {
      $0.node == peer.node && $0.incarnation == peer.incarnation && !$0.isSelf
    }.map(\.address)
    guard !routes.isEmpty else { return }
    farewells[peer.node] = peer.incarnation
    var isNews = false
    for route in routes where detector.suspect(route) {
      lastFailures[route] = "it was stopped"
      isNews = true
    }
    if isNews { refreshRing() }
  }

  /// Whether the last that answered at this route has said farewell since: an answer that it gave
  /// before, or while it stops, takes nothing back.
  func hasDeparted(_ route: String) -> Bool {
    guard let entry = membership.entry(at: route), let node = entry.node,
      let farewell = farewells[node]
    else { return false }
    return farewell == entry.incarnation
  }
}
