import LogStore

/// What the successor said that it holds: the base of every decision to ship. It is rebuilt by each
/// Sync and dropped when the successor or its incarnation changes.
struct PeerView: Sendable {
  struct Held: Sendable {
    var end: Offset
    /// When its own word on this segment last came, in this core's count of events.
    var turn: UInt64
  }
  let peer: PeerInfo
  var takesArchives = false
  var held: [SegmentName: Held] = [:]
  /// The serials of its newest own segments: it alone writes them.
  var newest: [LogKind: Serial] = [:]
  /// Refused as retired or diverged: not offered to this incarnation again.
  var refused: Set<SegmentName> = []
  /// Of the Sync that this view was last built from.
  var turn: UInt64 = 0
  /// How often in a row a segment was ahead of ours at a Sync while ours did not move.
  var surplus: [SegmentName: (end: Offset?, times: Int)] = [:]

  func end(of name: SegmentName) -> Offset { held[name]?.end ?? .zero }

  /// Its own segments come from it to us. Only an older one of which it has lost the tail goes
  /// back.
  func mayLack(_ name: SegmentName) -> Bool {
    if refused.contains(name) || name.log == .archives && !takesArchives { return false }
    guard name.node == peer.node else { return true }
    guard let newest = newest[name.log] else { return true }
    return name.serial < newest
  }
}
