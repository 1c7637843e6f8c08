import LogStore
import ReplicationCore

// Which nodes are absent: those of whose segments no new byte was seen for long, in this node's own
// uptime. It owns what was seen when, over all starts of this node; that somebody is absent is an
// opinion, on which only depends who re-appends whose records. It may not know the ring.

struct Presence: Sendable {
  /// So often in `adoptAfter` what was seen is noted on the disk: a restart forgets no more.
  private static let notes = 32

  let adoptAfter: Duration
  private let startedAt: Instant
  /// How long earlier starts were up.
  private let before: Duration
  private var seen: [NodeID: Duration] = [:]
  /// What the notes on the disk don't tell yet.
  private var unnoted: Set<NodeID> = []
  private var noteAt: Instant

  /// `noted` by earlier starts; `nodes` are those whose segments are held. One that was never noted
  /// is taken for seen just now.
  init(
    _ noted: Uptimes, holding nodes: some Sequence<NodeID>, adoptAfter: Duration, at now: Instant
  ) {
    self.adoptAfter = adoptAfter
    startedAt = now
    before = .nanoseconds(Int64(clamping: noted.total))
    noteAt = now + adoptAfter / Self.notes
    for node in nodes {
      seen[node] = before
      if let at = noted.seen[node] {
        seen[node] = min(before, .nanoseconds(Int64(clamping: at)))
      } else {
        unnoted.insert(node)
      }
    }
  }

  private func uptime(at now: Instant) -> Duration { before + (now - startedAt) }

  /// A new byte of the node's segments has come.
  mutating func saw(_ node: NodeID, at now: Instant) {
    seen[node] = uptime(at: now)
    unnoted.insert(node)
  }

  /// Nothing could be seen until now, since nothing could be taken.
  mutating func sawNothing(until now: Instant) {
    for node in seen.keys { saw(node, at: now) }
  }

  func silence(of node: NodeID, at now: Instant) -> Duration {
    uptime(at: now) - (seen[node] ?? before)
  }

  func absent(at now: Instant) -> Set<NodeID> {
    Set(seen.keys.filter { silence(of: $0, at: now) >= adoptAfter })
  }

  /// What is to be noted now, if it is time.
  mutating func takeNotes(at now: Instant) -> Uptimes? {
    guard now >= noteAt else { return nil }
    noteAt = now + adoptAfter / Self.notes
    var notes = Uptimes(total: Self.nanoseconds(uptime(at: now)))
    for node in unnoted { notes.seen[node] = seen[node].map(Self.nanoseconds) }
    unnoted = []
    return notes
  }

  private static func nanoseconds(_ span: Duration) -> UInt64 { span.wholeNanoseconds }
}

/// Whose segments are one's own to take over, of those who are gone.
struct Adoption: Sendable {
  var me: NodeID
  /// The coordinators that are there, this one among them.
  var living: Set<NodeID>
  /// The operator said that they never return.
  var removed: Set<NodeID>

  /// The nearest of the living after a removed node takes it over at once, the k-th nearest one
  /// that was silent for k times `adoptAfter`: so somebody does, whoever else is gone.
  func isMine(_ node: NodeID, _ presence: Presence, at now: Instant) -> Bool {
    guard node != me else { return false }
    let order = living.union([me]).subtracting([node]).sorted()
    let start = order.firstIndex { $0 > node } ?? 0
    guard let index = order.firstIndex(of: me) else { return false }
    let rank = (index - start + order.count) % order.count
    if rank == 0, removed.contains(node) { return true }
    return presence.silence(of: node, at: now) >= presence.adoptAfter * (rank + 1)
  }
}
