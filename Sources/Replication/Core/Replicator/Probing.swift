import LogStore

// Who is there: the round of each heartbeat period, suspicions and their end, the ring that follows
// from them. Everybody known is asked now and then, at a bounded rate, suspected or not: a failure
// far away is known before that node becomes the successor, and who comes back is taken back.

/// What was last said of a coordinator that does not answer.
struct Suspicion: Hashable, Sendable {
  var address: String
  var node: NodeID?
}

extension Replicator {
  mutating func makeRound() {
    for id in exchanges.overdue(at: now) { failed(id, "no answer in time") }
    inbox.forgetPushes(olderThan: settings.heartbeatPeriod * 2, at: now)
    for address in membership.forget(silentFor: settings.forgetAfter, at: now) {
      detector.forget(address)
      lastFailures[address] = nil
    }
    _ = detector.check(membership.routes, at: now)
    refreshRing()
    probe()
    rotatePulls()
  }

  mutating func heard(_ route: String) {
    if hasDeparted(route) {
      _ = detector.heard(route, at: now, forgiving: false)
      return
    }
    lastFailures[route] = nil
    let forgiving = !settings.plantedBugs.contains(.neverForgives)
    if detector.heard(route, at: now, forgiving: forgiving) { refreshRing() }
  }

  /// A peer speaks to us on its own. That proves nothing about the way to it, so it is asked.
  mutating func meet(_ peer: PeerInfo) {
    guard membership.met(peer, at: now), peer.node != local.node,
      membership.entry(at: peer.address) != nil
    else { return }
    let route = peer.address
    if detector.isSuspected(route) || detector.lastHeard(route) == nil {
      let asked = detector.lastAsked(route)
      if asked.map({ now - $0 >= settings.heartbeatPeriod }) ?? true { sync(at: route, .probe) }
    }
    if let view, view.peer.node == peer.node, view.peer.incarnation != peer.incarnation {
      syncSoon()
    }
  }

  mutating func remove(_ node: NodeID) {
    guard node != local.node else {
      note("this node was removed from the grid by an operator; it needs a new data directory")
      return
    }
    for address in membership.remove(node) {
      detector.forget(address)
      lastFailures[address] = nil
    }
    catchUp.drop(node)
    refreshRing()
  }

  private mutating func probe() {
    var due: [(asked: Instant, route: String)] = []
    for route in membership.routes where route != successor?.route {
      let isUrgent = !detector.isSuspected(route) && detector.isWaiting(for: route)
      let interval = isUrgent ? settings.heartbeatPeriod : settings.probeEvery
      guard let asked = detector.lastAsked(route) else {
        due.append((.zero, route))
        continue
      }
      if now - asked >= interval { due.append((asked, route)) }
    }
    due.sort { $0.asked != $1.asked ? $0.asked < $1.asked : $0.route < $1.route }
    for (_, route) in due.prefix(settings.probesPerPeriod) { sync(at: route, .probe) }
  }

  // MARK: - Ring

  /// After every change of membership or suspicion.
  mutating func refreshRing() {
    guard hasStarted else { return }
    ringChanges += 1
    tellSuspicions()
    ring = Ring(local: local, membership: membership, isSuspected: detector.isSuspected)
    if membership.routes.isEmpty && catchUp.alone() { emit(.caughtUp) }
    let next = ring.successor
    defer { successor = next }
    if let next, let successor, next.isSame(as: successor) { return }
    if next == nil && successor == nil { return }
    replaceOutbox()
    failures = 0
    guard let next else {
      note("no other coordinator answers: this one goes on alone")
      return
    }
    note("the successor on the ring is \(next.address)")
    syncSoon()
  }

  /// A node is suspected when every known address of it is.
  private mutating func tellSuspicions() {
    var current: [Suspicion] = []
    var reachable: Set<NodeID> = []
    for entry in membership.entries where !entry.isSelf {
      if let node = entry.node, !detector.isSuspected(entry.address) { reachable.insert(node) }
    }
    var told: Set<NodeID> = []
    for entry in membership.entries where !entry.isSelf && detector.isSuspected(entry.address) {
      if let node = entry.node {
        guard !reachable.contains(node), told.insert(node).inserted else { continue }
      }
      current.append(
        Suspicion(address: entry.advertised ?? entry.address, node: entry.node))
    }
    guard current != suspicions else { return }
    for old in suspicions where !current.contains(old) {
      emit(.unsuspect(address: old.address, old.node))
      note("coordinator \(old.address) is no longer suspected")
    }
    for new in current where !suspicions.contains(new) {
      emit(.suspect(address: new.address, new.node))
      let reason = lastFailures[new.address] ?? "it does not answer"
      note("coordinator \(new.address) is suspected: \(reason)")
    }
    for suspicion in current {
      if let node = suspicion.node { catchUp.drop(node) }
    }
    suspicions = current
  }
}
