import LogStore

// What the successor lacks of any segment goes to it, verbatim, from the end that it named. The
// outbox keeps order, window and rewinding; here its reads become messages and the answers news.

extension Replicator {
  /// After a Sync: everything that the successor lacks; in the paper's mode only when it is time.
  mutating func offerAll() {
    if let every = settings.shipEvery {
      guard now >= nextShip else { return }
      nextShip = now + every
    }
    for group in vector.groups {
      for end in group.ends {
        outbox.resume(end.name, at: now)
        offer(end)
      }
    }
  }

  mutating func offer(_ end: SegmentEnd) {
    let name = end.name
    guard let view, isReplicated(name.log), view.mayLack(name), !retirements.contains(name)
    else { return }
    // After a conflict of identity nobody gets more under the old one.
    if conflict != nil && name.node == local.node { return }
    let held = view.end(of: name)
    guard held < end.end else { return }
    outbox.want(name, from: held, to: end.end, priority: priority(of: name))
  }

  private func priority(of name: SegmentName) -> Outbox.Priority {
    if name.log == .archives { return .archives }
    guard name.node == local.node else { return .facts }
    return vector.newest(of: name.owner)?.name == name ? .urgent : .facts
  }

  /// Another successor, or another start of it: nothing of the old outbox steers the new one.
  mutating func replaceOutbox() {
    view = nil
    orphanBytes += outbox.shippedBytes
    outbox = Outbox(settings, generation: outbox.generation + 1)
  }

  mutating func pumpShips() {
    // Successors that change faster than exchanges end must not add up.
    guard view != nil, orphanBytes < settings.windowLimit else { return }
    while let read = outbox.nextRead() {
      let id = inbox.begin(.ship(read, generation: outbox.generation))
      emit(.read(id, read.segment, from: read.offset, maxBytes: read.reserved))
    }
  }

  mutating func didReadForShip(
    _ read: Outbox.Read, generation: UInt64, _ outcome: ReadOutcome
  ) {
    guard generation == outbox.generation, let successor else { return }
    var bytes: [UInt8] = []
    switch outcome {
    case .bytes(let read): bytes = read
    case .failed(let reason): note("\(read.segment) can't be read at \(read.offset): \(reason)")
    }
    // Nobody may learn of bytes that the vector does not list yet.
    if let end = vector.end(of: read.segment)?.end, read.offset + bytes.count > end { bytes = [] }
    let (send, more) = outbox.didRead(read, count: bytes.count)
    if bytes.isEmpty {
      outbox.rest(read.segment, until: now + settings.heartbeatPeriod)
    }
    guard send, let lane = outbox.lanes[read.segment] else { return }
    let context = ShipContext(
      segment: read.segment, offset: read.offset, count: bytes.count,
      generation: generation, epoch: lane.epoch, more: more)
    let request = ShipRequest(
      from: local, segment: read.segment, offset: read.offset, more: more, bytes: bytes)
    _ = self.send(
      .ship(request), to: successor.route,
      timeout: settings.transferTimeout(bytes: bytes.count), .ship(context))
  }

  mutating func shipped(
    _ exchange: Exchange, _ ship: ShipContext, _ response: ShipResponse
  ) {
    let name = ship.segment
    var end = response.end
    if end?.name != name { end = nil }
    guard ship.generation == outbox.generation, let peer = view?.peer else {
      orphanBytes -= ship.count
      return
    }
    outbox.returned(ship)
    outbox.window.answered(bytes: ship.count, after: now - exchange.sentAt, at: now)
    if let end {
      if name.node == local.node && !examineOwn(end) { return }
      view?.held[name] = PeerView.Held(end: end.end, turn: turn)
      if vector.end(of: name) != nil { noteDurable(end, at: peer.node) }
    }
    let theirs = end?.end ?? .zero
    switch response.outcome {
    case .accepted where theirs >= ship.offset + ship.count:
      outbox.accepted(name, upTo: theirs)
    case .accepted, .gap:
      refused(ship, end: theirs, "takes it only from \(theirs) on")
    case .damaged:
      if refused(ship, end: theirs, "finds it damaged at \(theirs)") {
        emit(.doubtCopy(name, at: theirs))
      }
    case .diverged: diverged(name, from: peer)
    case .retired(let record):
      view?.refused.insert(name)
      outbox.remove(name)
      learnedRetired(name, by: record)
    case .refused(let reason):
      refused(ship, end: view?.end(of: name) ?? .zero, reason, atOnce: true)
    }
  }

  /// Rewinds; a lane that is refused at the same end again and again rests ever longer, so that two
  /// nodes that don't agree don't keep each other busy. True when it begins to rest.
  @discardableResult
  private mutating func refused(
    _ ship: ShipContext, end: Offset, _ reason: String, atOnce: Bool = false
  ) -> Bool {
    let times = outbox.refused(ship, end: end) + (atOnce ? 2 : 0)
    guard times >= 3 else { return false }
    let rest = settings.heartbeatPeriod * (1 << min(times - 3, 6))
    outbox.rest(ship.segment, until: now + rest)
    note("\(ship.segment) at \(ship.offset): the successor refuses it: \(reason)")
    return true
  }

  mutating func lost(_ ship: ShipContext) {
    guard ship.generation == outbox.generation else {
      orphanBytes -= ship.count
      return
    }
    outbox.returned(ship)
    outbox.window.failed(at: now)
    outbox.isPaused = true
    outbox.lost(ship, end: view?.end(of: ship.segment) ?? .zero)
  }
}
