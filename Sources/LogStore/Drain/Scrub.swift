// Reads everything that is held, now and then and slowly, so that rot is found while another copy
// is there to heal it. It changes nothing: what it finds, the node's next start sets aside.

struct Scrub: Sendable {
  private var next: [SegmentName] = []
  private var cursor = FrameCursor.start
  private(set) var isRunning = false
  /// When the next round begins.
  private(set) var dueAt: UInt64?

  /// Reads about `budget` bytes, if a round is due or under way. Throws `.damaged` at what is not
  /// what was written.
  mutating func advance(
    _ log: Log, _ options: DrainOptions, at now: UInt64, budget: inout Int
  ) throws(LogError) {
    guard let due = dueAt else {
      dueAt = now + options.scrubAfter
      return
    }
    if !isRunning {
      guard now >= due else { return }
      isRunning = true
      next = log.vector().map(\.name).reversed()
      cursor = .start
    }
    while budget > 0, let name = next.last {
      // What was deleted meanwhile can't rot.
      guard let end = log.end(of: name) else {
        pass()
        continue
      }
      do throws(LogError) {
        guard
          try log.walkFrames(
            of: name, from: &cursor, before: end.durableEnd, budget: &budget, { _, _ in })
        else { return }
        if end.durableEnd == end.end, end.end > .zero { try log.check(cursor, against: end) }
      } catch {
        guard case .unknownSegment = error else { throw error }
      }
      pass()
    }
    guard next.isEmpty else { return }
    isRunning = false
    dueAt = now + options.scrubEvery
  }

  private mutating func pass() {
    next.removeLast()
    cursor = .start
  }
}
