import LogStore

// Vectors: told as one digest an owner, in full only where they differ. One Sync a period with the
// successor is the heartbeat, and all that is said at rest.

extension Replicator {
  mutating func syncWithSuccessor() {
    nextSync = now + settings.heartbeatPeriod
    guard let successor else { return }
    lastSync = now
    sync(at: successor.route, .heartbeat)
  }

  mutating func sync(at route: String, _ purpose: SyncPurpose) {
    let told = purpose.tellsVector ? vector : SegmentVector()
    let request = SyncRequest(
      from: local, purpose: purpose, members: membership.shared,
      digests: told.digests(archives: settings.replicatesArchives),
      archives: settings.replicatesArchives)
    let context = SyncContext(purpose: purpose, told: told, turn: turn)
    let timeout = purpose == .farewell ? settings.farewellTimeout : settings.syncTimeout
    _ = send(.sync(request), to: route, timeout: timeout, .sync(context))
  }

  // MARK: - Answering

  mutating func answer(_ request: SyncRequest, _ token: RequestToken) {
    if request.purpose == .farewell { departed(request.from) } else { meet(request.from) }
    membership.merge(request.members, at: now)
    refreshRing()
    if request.purpose == .heartbeat && request.from.node != local.node { lastPredecessor = now }
    var response = SyncResponse(from: local)
    response.members = membership.shared
    response.archives = settings.replicatesArchives
    if request.purpose.tellsVector { compare(request, into: &response) }
    emit(.reply(token, .sync(response)))
  }

  private func compare(_ request: SyncRequest, into response: inout SyncResponse) {
    var theirs: [LogOwner: UInt64] = [:]
    for digest in request.digests { theirs[digest.owner] = digest.digest }
    let archives = request.archives && settings.replicatesArchives
    let groups = vector.groups.filter { $0.owner.log == .facts || archives }
    // What doesn't fit is told another time: each response begins elsewhere.
    var room = settings.vectorLimit
    let total = groups.reduce(0) { $0 + $1.ends.count }
    let start = total > room ? Int(turn % UInt64(groups.count)) : 0
    for index in groups.indices {
      let group = groups[(start + index) % groups.count]
      let isEqual = theirs[group.owner] == group.digest
      let told = isEqual ? group.ends.filter { $0.durableEnd < $0.end } : group.ends
      guard told.count <= room || told.count == group.ends.count && room == settings.vectorLimit
      else {
        response.omitted.append(group.owner)
        continue
      }
      room -= min(room, told.count)
      if isEqual {
        response.lagging.append(contentsOf: told)
      } else {
        response.owners.append(group)
      }
    }
    for digest in request.digests where vector.group(of: digest.owner) == nil {
      response.owners.append(OwnerVector(owner: digest.owner))
    }
  }

  // MARK: - The answer

  mutating func synced(
    _ exchange: Exchange, _ context: SyncContext, _ response: SyncResponse
  ) {
    let peer = response.from
    let verdict = membership.answered(exchange.route, by: peer, at: now)
    membership.merge(response.members, at: now)
    refreshRing()
    switch verdict {
    case .clone:
      raise(.twin(address: exchange.route))
      return
    case .selfAlias: return
    case .removed:
      detector.forget(exchange.route)
      lastFailures[exchange.route] = nil
      return
    case .same: break
    case .newNode, .newIncarnation:
      farewells[peer.node] = nil
      // This answer, unlike others before it, is a sign of life.
      heard(exchange.route)
    }
    guard context.purpose.tellsVector else { return }

    let theirs = PeerVector(
      told: context.told, response, archives: response.archives && settings.replicatesArchives)
    let isSuccessor = successor?.node == peer.node
    var isNews = true
    if isSuccessor {
      failures = 0
      isNews = see(theirs, of: peer, context)
    }
    for owner in response.owners where owner.owner.node == local.node {
      examineFloor(owner.owner, owner.floor)
    }
    compareVectors(theirs, peer, at: exchange.route, context, isSuccessor && isNews)
    if isSuccessor && isNews { offerAll() }
  }

  /// Takes the successor's vector for its view. False if it is older than the view.
  private mutating func see(
    _ theirs: PeerVector, of peer: PeerInfo, _ context: SyncContext
  ) -> Bool {
    var new = PeerView(peer: peer)
    if let old = view, old.peer.node == peer.node, old.peer.incarnation == peer.incarnation {
      if context.turn < old.turn { return false }
      new.refused = old.refused
      new.surplus = old.surplus
      // What it said later of a single segment stands.
      new.held = old.held.filter {
        $0.value.turn > context.turn || theirs.omitted.contains($0.key.owner)
      }
      for log in LogKind.allCases
      where theirs.omitted.contains(LogOwner(node: peer.node, log: log)) {
        new.newest[log] = old.newest[log]
      }
    } else {
      replaceOutbox()
    }
    new.turn = context.turn
    new.takesArchives = theirs.archives
    for end in theirs.ends {
      if end.name.node == peer.node {
        new.newest[end.name.log] = max(end.name.serial, new.newest[end.name.log] ?? Serial(0))
      }
      if new.held[end.name] == nil {
        new.held[end.name] = PeerView.Held(end: end.end, turn: context.turn)
      }
    }
    view = new
    outbox.isPaused = false
    return true
  }

  /// What is durable there, what differs, what is to be fetched.
  private mutating func compareVectors(
    _ theirs: PeerVector, _ peer: PeerInfo, at route: String, _ context: SyncContext,
    _ isSuccessor: Bool
  ) {
    let urgent = context.purpose == .pull || !catchUp.isDone || !hearsPredecessor
    var missing: [SegmentName: Offset] = [:]
    var surplus: [SegmentName: (end: Offset?, times: Int)] = [:]
    for their in theirs.ends where isReplicated(their.name.log) {
      let ours = vector.end(of: their.name)
      if their.name.node == local.node && !examineOwn(their) { continue }
      if let ours, ours.end == their.end, ours.chain != their.chain {
        diverged(their.name, from: peer)
        continue
      }
      if ours != nil { noteDurable(their, at: peer.node) }
      guard (ours?.end ?? .zero) < their.end || ours == nil,
        !retirements.contains(their.name), view?.refused.contains(their.name) != true
      else { continue }
      missing[their.name] = their.end
      if isSuccessor {
        let before = view?.surplus[their.name]
        let times = before.map { $0.end == ours?.end ? $0.times + 1 : 1 } ?? 1
        surplus[their.name] = (ours?.end, times)
      }
      if urgent || their.name.node == local.node
        || surplus[their.name].map({ $0.times >= patience }) == true
      {
        pulls.want(their.name, their.end, from: peer.node, at: route)
      }
    }
    if isSuccessor { view?.surplus = surplus }
    if theirs.omitted.isEmpty && catchUp.took(peer, missing: missing) { emit(.caughtUp) }
  }

  /// How many heartbeats a surplus waits for the predecessor; of a periodic one, two of its
  /// periods.
  private var patience: Int {
    guard let every = settings.shipEvery else { return settings.surplusPatience }
    let periods = every.wholeNanoseconds / max(1, settings.heartbeatPeriod.wholeNanoseconds)
    return max(
      settings.surplusPatience, Int(clamping: periods.multipliedReportingOverflow(by: 2).0))
  }

  mutating func noteDurable(_ end: SegmentEnd, at peer: NodeID) {
    let known = durableElsewhere[end.name]
    guard end.durableEnd > known?.end ?? .zero else { return }
    durableElsewhere[end.name] = (end.durableRecords, end.durableEnd)
    if successor?.node == peer {
      emit(.successorDurable(end.name, end.durableRecords, end.durableEnd))
    } else {
      emit(.peerDurable(peer, end.name, end.durableRecords, end.durableEnd))
    }
  }
}

/// A peer's whole vector, put together from what it was told and how it answered.
struct PeerVector: Sendable {
  /// Sorted within an owner.
  private(set) var ends: [SegmentEnd] = []
  let omitted: Set<LogOwner>
  let archives: Bool

  init(told: SegmentVector, _ response: SyncResponse, archives: Bool) {
    self.archives = archives
    omitted = Set(response.omitted)
    let isMeant = { (owner: LogOwner) in owner.log == .facts || archives }
    var differing: Set<LogOwner> = []
    for vector in response.owners where isMeant(vector.owner) {
      // Twice the same owner is garbage: the first counts.
      guard differing.insert(vector.owner).inserted else { continue }
      ends.append(contentsOf: vector.ends)
    }
    var lagging: [SegmentName: SegmentEnd] = [:]
    for end in response.lagging { lagging[end.name] = end }
    for group in told.groups
    where isMeant(group.owner) && !differing.contains(group.owner)
      && !omitted.contains(group.owner)
    {
      for var end in group.ends {
        let behind = lagging[end.name]
        end.durableEnd = min(end.end, behind?.durableEnd ?? end.end)
        end.durableRecords = min(end.records, behind?.durableRecords ?? end.records)
        ends.append(end)
      }
    }
  }
}
