import DequeModule
import LogStore
import ReplicationCore

// What the program said of its calls (collected, cancelled, released) and the own log has not taken
// yet, in its order. A refused append loses nothing: it is tried again after a pause, and until
// then the program's word counts as not held. It knows nothing of what the records mean.

struct UnloggedControls: Sendable {
  private var waiting: Deque<Record> = []
  /// The first so many were handed to the log, which has not answered.
  private var inFlight = 0
  /// After a refusal.
  private(set) var retryAt: Instant?

  private static var pause: Duration { .seconds(1) }

  var count: Int { waiting.count }
  var isInFlight: Bool { inFlight > 0 }

  mutating func add(_ records: [Record]) { waiting.append(contentsOf: records) }

  /// What is to be appended now, in one batch.
  mutating func next(limit: Int, at now: Instant) -> [Record]? {
    guard inFlight == 0, !waiting.isEmpty, retryAt.map({ $0 <= now }) ?? true else { return nil }
    inFlight = min(limit, waiting.count)
    return Array(waiting.prefix(inFlight))
  }

  /// These came back as facts.
  mutating func appended(_ records: [Record]) {
    guard inFlight > 0, records.count == inFlight, records.first == waiting.first else { return }
    waiting.removeFirst(inFlight)
    inFlight = 0
    retryAt = nil
  }

  /// Whether it was one of these that was refused, and whether that is news.
  mutating func refused(at now: Instant) -> (isOurs: Bool, isNews: Bool) {
    guard inFlight > 0 else { return (false, false) }
    defer {
      inFlight = 0
      retryAt = now + Self.pause
    }
    return (true, retryAt == nil)
  }
}
