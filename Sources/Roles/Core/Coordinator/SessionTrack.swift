import LogStore
import ReplicationCore

// What the coordinator keeps about one session: how far it is durable, what it may deliver, who
// waits for it. Derived from facts; losing it loses nothing.

/// A call's place in its session.
struct SessionPlace: Hashable, Comparable, Sendable {
  var counter: CallCounter
  var digest: Digest
  static func < (a: SessionPlace, b: SessionPlace) -> Bool {
    a.counter != b.counter ? a.counter < b.counter : a.digest < b.digest
  }
  static func start(of counter: CallCounter) -> SessionPlace {
    SessionPlace(counter: counter, digest: .zero)
  }
}

struct SessionTrack: Sendable {
  /// Up to here each counter was found durable here, archives aside.
  var durableThrough = CallCounter.zero
  /// Submissions that wait for archives, by counter.
  var blocked = SortedSet<SessionPlace>()
  /// Up to here each counter was found safe; counted again when `copies` changes.
  var safeThrough = CallCounter.zero

  /// Every call that the ledger holds.
  var calls = SortedSet<SessionPlace>()
  /// Results and exhausted calls that nobody has collected and whose archives are here.
  var deliverable = SortedSet<SessionPlace>()
  /// Collected ones: sent to a client that asks for them by counter, as a relaunched one does.
  var collected = SortedSet<SessionPlace>()

  /// Collected ones whose results are not here: sought when a client asks for them.
  var bereft = SortedSet<SessionPlace>()

  var incarnations = IncarnationWatch()
  /// Its requests that wait for news.
  var polls = SortedSet<RequestToken>()
  var digests = DigestRun()

  /// Every counter up to here is durable here, archives included.
  var acceptedThrough: CallCounter {
    guard let first = blocked.first, first.counter <= durableThrough else {
      return durableThrough
    }
    return CallCounter(first.counter.value - 1)
  }
}

/// The running hash over a session's digests, kept so that the next client costs only what is new.
/// Per counter from the release watermark on the least digest; released counters are skipped.
struct DigestRun: Sendable {
  private(set) var from = CallCounter.zero
  private(set) var through = CallCounter.zero
  private var hash = RunningHash()

  var value: Hash256 { hash.value }

  mutating func restart(from first: CallCounter) {
    from = first
    through = CallCounter(max(first.value, 1) - 1)
    hash = RunningHash()
  }

  /// A digest that was hashed already may have changed: count again.
  mutating func invalidate(_ counter: CallCounter) {
    if counter <= through { restart(from: from) }
  }

  mutating func append(_ digest: Digest?) {
    if let digest { hash.update(digest) }
    through = through.next
  }

  /// Released counters, however many: they add nothing.
  mutating func skip(through last: CallCounter) { through = max(through, last) }
}
