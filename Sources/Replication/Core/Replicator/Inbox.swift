import LogStore

/// What others asked of this node and what it owes them: ingests and reads under way, and
/// acknowledgements that wait for the disk. Bounded.
struct Inbox: Sendable {
  enum IngestContext: Sendable {
    case ship(Replicator.RequestToken, SegmentName, need: Offset, more: Bool, from: PeerInfo)
    case pull(SegmentName, Replicator.ExchangeID)
  }
  enum ReadContext: Sendable {
    case ship(Outbox.Read, generation: UInt64)
    case fetch(Replicator.RequestToken, SegmentName)
  }
  struct HeldAcknowledgement: Sendable {
    var token: Replicator.RequestToken
    var segment: SegmentName
    /// Answered when it is durable up to here.
    var need: Offset
    var deadline: Instant
  }

  private var lastID: UInt64 = 0
  private(set) var ingests: [Replicator.IngestID: IngestContext] = [:]
  private(set) var reads: [Replicator.ReadID: ReadContext] = [:]
  private(set) var servedFetches = 0
  /// In order of deadline, as all wait equally long.
  var held: [HeldAcknowledgement] = []
  /// When a peer last pushed a piece of a segment: that one need not be fetched.
  private(set) var pushed: [SegmentName: Instant] = [:]
  private static let pushedLimit = 4096

  mutating func begin(_ context: IngestContext) -> Replicator.IngestID {
    lastID += 1
    ingests[Replicator.IngestID(lastID)] = context
    return Replicator.IngestID(lastID)
  }

  mutating func end(_ id: Replicator.IngestID) -> IngestContext? { ingests.removeValue(forKey: id) }

  mutating func begin(_ context: ReadContext) -> Replicator.ReadID {
    lastID += 1
    reads[Replicator.ReadID(lastID)] = context
    if case .fetch = context { servedFetches += 1 }
    return Replicator.ReadID(lastID)
  }

  mutating func end(_ id: Replicator.ReadID) -> ReadContext? {
    let context = reads.removeValue(forKey: id)
    if case .fetch = context { servedFetches -= 1 }
    return context
  }

  mutating func notePush(_ name: SegmentName, at now: Instant) {
    if pushed[name] != nil || pushed.count < Self.pushedLimit { pushed[name] = now }
  }

  mutating func forgetPushes(olderThan age: Duration, at now: Instant) {
    pushed = pushed.filter { now - $0.value <= age }
  }
}
