import LogStore

/// Whether this node has, since its start, once held everything that one neighbour's full vector
/// listed. For each neighbour the first complete vector counts until all of it is held: a newer one
/// would chase the writers for ever.
struct CatchUp: Sendable {
  private struct Target: Sendable {
    let peer: PeerInfo
    var missing: [SegmentName: Offset]
  }
  private var targets: [Target] = []
  private(set) var isDone = false
  private static let limit = 4

  /// True once: when it becomes done.
  mutating func alone() -> Bool { finish() }

  /// `peer` holds what `missing` lists beyond ours.
  mutating func took(_ peer: PeerInfo, missing: [SegmentName: Offset]) -> Bool {
    if isDone { return false }
    if missing.isEmpty { return finish() }
    targets.removeAll { $0.peer.node == peer.node && $0.peer.incarnation != peer.incarnation }
    guard !targets.contains(where: { $0.peer.node == peer.node }) else { return false }
    if targets.count == Self.limit { targets.removeFirst() }
    targets.append(Target(peer: peer, missing: missing))
    return false
  }

  mutating func holds(_ name: SegmentName, upTo end: Offset) -> Bool {
    if isDone || targets.isEmpty { return false }
    for index in targets.indices {
      if let wanted = targets[index].missing[name], wanted <= end {
        targets[index].missing[name] = nil
      }
    }
    return targets.contains { $0.missing.isEmpty } && finish()
  }

  /// Nobody can or need hold it: retired, or diverged.
  mutating func excuse(_ name: SegmentName) -> Bool {
    holds(name, upTo: Offset(.max))
  }

  /// All of these are retired.
  mutating func excuse(below floor: Serial, of owner: LogOwner) -> Bool {
    if isDone || targets.isEmpty { return false }
    for index in targets.indices {
      targets[index].missing = targets[index].missing.filter {
        $0.key.owner != owner || $0.key.serial >= floor
      }
    }
    return targets.contains { $0.missing.isEmpty } && finish()
  }

  /// The peer no longer has what it listed, or is gone: its next vector counts.
  mutating func drop(_ node: NodeID) { targets.removeAll { $0.peer.node == node } }

  private mutating func finish() -> Bool {
    if isDone { return false }
    isDone = true
    targets = []
    return true
  }
}
