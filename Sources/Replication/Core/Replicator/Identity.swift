import LogStore

// What must not be: another history under a name of ours, or under anybody's; and retirement, which
// ends a name. The core only tells: sealing, a new identity and appending are the engine's.

extension Replicator {
  /// Once: what comes after the first conflict adds nothing.
  mutating func raise(_ found: IdentityConflict) {
    guard conflict == nil else { return }
    conflict = found
    emit(.identityConflict(found))
  }

  /// Our open segment, or the one that this start opened and has not written to yet.
  func newestOwn(_ log: LogKind) -> SegmentName? {
    let held = vector.newest(of: LogOwner(node: local.node, log: log))?.name
    let opened = opened.first { $0.log == log }
    guard let held, let opened else { return held ?? opened }
    return held.serial < opened.serial ? opened : held
  }

  /// A peer's word on a segment of ours. False if it can't be.
  mutating func examineOwn(_ their: SegmentEnd) -> Bool {
    guard let newest = newestOwn(their.name.log) else { return true }
    guard let ours = vector.end(of: their.name) else {
      if their.name.serial < newest.serial || retirements.contains(their.name) {
        return true
      }
      raise(.unknownSegment(their.name))
      return false
    }
    if their.name == newest && their.end > ours.end {
      raise(.bytesBeyondEnd(their.name, theirs: their.end, ours: ours.end))
      return false
    }
    if their.end == ours.end && their.chain != ours.chain {
      raise(.otherBytes(their.name))
      return false
    }
    return true
  }

  mutating func examineFloor(_ owner: LogOwner, _ floor: Serial) {
    guard owner.node == local.node, let newest = newestOwn(owner.log) else { return }
    if floor > newest.serial.next { raise(.floorAhead(owner, floor: floor)) }
  }

  /// Two intact histories under one name: both stay where they are.
  mutating func diverged(_ name: SegmentName, from peer: PeerInfo?) {
    if name.node == local.node { raise(.otherBytes(name)) }
    outbox.remove(name)
    pulls.finish(name)
    if view?.refused.insert(name).inserted == true {
      let place = peer.map { "at \($0.address)" } ?? "at a peer"
      note("\(name) has other bytes \(place) than here: its writer was cloned or restored")
    }
    if catchUp.excuse(name) { emit(.caughtUp) }
  }

  // MARK: - Retirement

  /// A peer refuses a segment with a record that says why.
  mutating func learnedRetired(_ name: SegmentName, by record: Record) {
    if catchUp.excuse(name) { emit(.caughtUp) }
    guard !retirements.contains(name) else { return }
    guard (1...3).contains(record.kind.value) else {
      note(
        "\(name) was refused as retired with a record of kind \(record.kind), which can't say so")
      return
    }
    if appended.count >= 4096 { appended.removeAll() }
    if appended.insert(name).inserted { emit(.appendRetired(record, for: name)) }
    sealIfOpen(name)
  }

  /// Our own log knows it now.
  mutating func learnedRetired(_ segment: RetiredSegment) {
    retirements.insert(segment)
    appended.remove(segment.name)
    outbox.remove(segment.name)
    sealIfOpen(segment.name)
    if catchUp.excuse(segment.name) { emit(.caughtUp) }
  }

  mutating func learnedFloor(_ floor: OwnerFloor) {
    retirements.insert(floor)
    vector.raiseFloor(of: floor.owner, to: floor.floor)
    for end in vector.group(of: floor.owner)?.ends ?? []
    where end.name.serial < floor.floor {
      outbox.remove(end.name)
      sealIfOpen(end.name)
    }
    examineFloor(floor.owner, floor.floor)
    if catchUp.excuse(below: floor.floor, of: floor.owner) { emit(.caughtUp) }
  }

  private mutating func sealIfOpen(_ name: SegmentName) {
    guard name.node == local.node, newestOwn(name.log) == name,
      sealed.insert(name).inserted
    else { return }
    emit(.sealOpenSegment(name.log))
  }
}
