// What is done with a segment's file at start: docs/FORMAT.md's recovery table as a pure function.
// It owns the decision alone; SegmentScan found the facts, Recovery carries it out.

public enum RecoveryDecision: Hashable, Sendable, CaseIterable {
  /// The file is whole as it is.
  case keep
  /// Allocated space behind the end is given back.
  case trim
  /// Own segment: what was never durable is torn; it is cut off and reported.
  case cutTornTail
  /// Copy of another's: what this disk never noted as durable is cut off and fetched again.
  case cutAndFetch
  /// Durable bytes are damaged: the file is kept aside, its valid prefix becomes the copy, intact
  /// frames behind the damage are salvaged, the rest is healed from another node.
  case quarantine
  /// Durable bytes are missing at the end, and there is nothing to keep aside: healed from another.
  case awaitHealing
  /// Nothing of this file was ever shipped or acknowledged: it goes.
  case discard
}

/// What is known of a file when the decision is made. Every field enters the table.
struct RecoveryFinding: Hashable, Sendable {
  enum Writer: Hashable, Sendable, CaseIterable { case thisNode, another }
  enum Header: Hashable, Sendable, CaseIterable { case intact, unreadable }
  enum Tail: Hashable, Sendable, CaseIterable { case nothing, zeros, damage }
  /// Whether the intact prefix reaches every durable end that may be believed.
  enum Reach: Hashable, Sendable, CaseIterable { case all, short }

  var writer: Writer
  var header: Header
  var tail: Tail
  var reach: Reach

  var decision: RecoveryDecision {
    switch (header, reach, tail, writer) {
    case (.intact, .all, .nothing, .thisNode): .keep
    case (.intact, .all, .nothing, .another): .keep
    case (.intact, .all, .zeros, .thisNode): .trim
    case (.intact, .all, .zeros, .another): .trim
    case (.intact, .all, .damage, .thisNode): .cutTornTail
    case (.intact, .all, .damage, .another): .cutAndFetch
    case (.intact, .short, .nothing, .thisNode): .awaitHealing
    case (.intact, .short, .nothing, .another): .awaitHealing
    case (.intact, .short, .zeros, .thisNode): .awaitHealing
    case (.intact, .short, .zeros, .another): .awaitHealing
    case (.intact, .short, .damage, .thisNode): .quarantine
    case (.intact, .short, .damage, .another): .quarantine
    // A header is durable before the first frame is written: a file of nothing but zeros was
    // never used, one with other bytes was.
    case (.unreadable, .all, .nothing, .thisNode): .discard
    case (.unreadable, .all, .nothing, .another): .discard
    case (.unreadable, .all, .zeros, .thisNode): .discard
    case (.unreadable, .all, .zeros, .another): .discard
    case (.unreadable, .all, .damage, .thisNode): .quarantine
    case (.unreadable, .all, .damage, .another): .discard
    case (.unreadable, .short, .nothing, .thisNode): .quarantine
    case (.unreadable, .short, .nothing, .another): .quarantine
    case (.unreadable, .short, .zeros, .thisNode): .quarantine
    case (.unreadable, .short, .zeros, .another): .quarantine
    case (.unreadable, .short, .damage, .thisNode): .quarantine
    case (.unreadable, .short, .damage, .another): .quarantine
    }
  }
}
