import LogStore

@testable import ReplicationCore

/// What the nodes of a grid write, retire, sync and drain.
extension Grid {
  mutating func append(_ index: Int, bytes: Int, to log: LogKind = .facts) {
    guard nodes[index].core != nil else { return }
    let payload = (0..<bytes).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
    guard let name = nodes[index].log.append(payload, to: log) else { return }
    wrote(index, name)
  }

  mutating func roll(_ index: Int, _ log: LogKind = .facts) {
    guard nodes[index].core != nil else { return }
    openSegment(index, log)
    if let name = nodes[index].log.open[log] { changed(index, [name]) }
  }

  /// Retires the node's oldest own segment that tells of no retirement itself.
  mutating func retireOldest(_ index: Int) {
    guard nodes[index].core != nil else { return }
    let log = nodes[index].log
    let own = log.copies.keys.sorted().filter { name in
      name.node == nodes[index].id && name.log == .facts && log.open[.facts] != name
        && log.retired[name] == nil
        && !(log.copies[name].map(Grid.tellsRetirement) ?? true)
    }
    guard let victim = own.first, let written = nodes[index].log.retire(victim),
      let record = nodes[index].log.retired[victim]
    else { return }
    wrote(index, written)
    feed(index, .retired([RetiredSegment(name: victim, record: record)]))
  }

  private static func tellsRetirement(_ copy: FakeLog.Copy) -> Bool {
    copy.boundaries.indices.dropFirst().contains { index in
      copy.bytes[copy.boundaries[index - 1].end + 16] == FakeLog.retiredKind
    }
  }

  mutating func openSegment(_ index: Int, _ log: LogKind) {
    let name = nodes[index].log.roll(log, using: &dice)
    canonical[name] = nodes[index].log.copies[name]?.bytes
  }

  mutating func wrote(_ index: Int, _ name: SegmentName) {
    if let copy = nodes[index].log.copies[name], let known = canonical[name]?.count {
      canonical[name]?.append(contentsOf: copy.bytes[known...])
    }
    changed(index, [name])
  }

  mutating func changed(_ index: Int, _ names: [SegmentName]) {
    commitLater(index)
    feed(index, .logChanged(names.compactMap { nodes[index].log.end(of: $0) }))
  }

  mutating func commitLater(_ index: Int) {
    guard !nodes[index].isCommitting else { return }
    nodes[index].isCommitting = true
    let slow = Double.random(in: 0..<1, using: &dice) < faults.slowDisk
    let wait = UInt64.random(in: slow ? 1_000_000...4_000_000 : 500...8_000, using: &dice)
    queue.add(.commit(node: index, life: nodes[index].life), at: now + .microseconds(wait))
  }

  mutating func commit(_ index: Int) {
    nodes[index].isCommitting = false
    let moved = nodes[index].log.commit()
    feed(index, .logChanged(moved.compactMap { nodes[index].log.end(of: $0) }))
    // The licence to drain is durable: this log drains at once.
    let retired = nodes[index].log.retired.keys.sorted()
    for name in retired where nodes[index].log.copies[name] != nil {
      guard nodes[index].log.open[name.log] != name else { continue }
      nodes[index].log.delete(name)
      feed(index, .segmentGone(name))
    }
  }
}
