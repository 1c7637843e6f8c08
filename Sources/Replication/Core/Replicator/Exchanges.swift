import LogStore

/// An exchange that this core opened and what it was for.
struct Exchange: Sendable {
  enum Context: Sendable {
    case sync(SyncContext)
    case ship(ShipContext)
    case fetch(SegmentName, Offset)
  }
  var id: Replicator.ExchangeID
  var route: String
  var sentAt: Instant
  var deadline: Instant
  var context: Context
}

struct SyncContext: Sendable {
  var purpose: SyncPurpose
  /// What the request told; the owners that the response leaves out are equal to it.
  var told: SegmentVector
  /// When it was told, in the core's own count of events.
  var turn: UInt64
}

struct ShipContext: Sendable {
  var segment: SegmentName
  var offset: Offset
  var count: Int
  /// Of the outbox and of the lane: what was sent before a change must not steer what came after.
  var generation: UInt64
  var epoch: UInt64
  var more: Bool
}

/// The exchanges under way, oldest first. Ids ascend, so it stays sorted by itself.
struct Exchanges: Sendable {
  private(set) var open: [Exchange] = []
  private var last: UInt64 = 0

  mutating func begin(
    to route: String, at now: Instant, timeout: Duration, _ context: Exchange.Context
  ) -> Replicator.ExchangeID {
    last += 1
    let id = Replicator.ExchangeID(last)
    open.append(
      Exchange(id: id, route: route, sentAt: now, deadline: now + timeout, context: context))
    return id
  }

  mutating func end(_ id: Replicator.ExchangeID) -> Exchange? {
    let index = open.partitioningIndex { $0.id >= id }
    guard index < open.count, open[index].id == id else { return nil }
    return open.remove(at: index)
  }

  /// Those whose deadline passed: the transport owes their end, but no bound may hang on that.
  func overdue(at now: Instant) -> [Replicator.ExchangeID] {
    open.filter { $0.deadline < now }.map(\.id)
  }
}
