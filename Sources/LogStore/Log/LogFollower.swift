// Follows a log as it grows: every record of every held segment once, in each segment's order, as
// soon as it is durable. It owns where it stands; between commits it sleeps, woken by the writer
// thread, never by a clock. For threads that may block.

public struct LogFollower: ~Copyable {
  private let log: Log
  private let writer: LogWriter
  private var cursors: [SegmentName: FrameCursor] = [:]

  /// Starts at the beginning of all that is held.
  public init(_ log: Log, _ writer: LogWriter) {
    self.log = log
    self.writer = writer
  }

  /// Gives `body` what has become durable since the last call; if nothing has, waits for it. False
  /// when the writer has stopped and everything was given. Throws `.damaged` where the log is; the
  /// records before the damage were given.
  public mutating func next(_ body: Log.Visit) throws(LogError) -> Bool {
    while true {
      let durable = log.durable
      if try give(body) > 0 { return true }
      guard writer.awaitCommit(after: durable) else { return try give(body) > 0 }
    }
  }

  private mutating func give(_ body: Log.Visit) throws(LogError) -> Int {
    var count = 0
    let ends = log.vector()
    for end in ends where end.durableEnd > cursors[end.name]?.offset ?? .zero {
      var cursor = cursors[end.name] ?? .start
      defer { cursors[end.name] = cursor }
      var budget = Int.max
      do throws(LogError) {
        _ = try log.walkFrames(
          of: end.name, from: &cursor, before: end.durableEnd, budget: &budget
        ) { header, raw throws(LogError) in
          try log.walk(raw, of: header, in: end.name) { position, kind, payload in
            body(position, kind, payload)
            count += 1
          }
        }
      } catch {
        // It was drained a moment ago: what lives of it stands elsewhere.
        guard case .unknownSegment = error else { throw error }
      }
    }
    // What was deleted is not asked for again.
    if cursors.count > ends.count {
      let held = Set(ends.map(\.name))
      cursors = cursors.filter { held.contains($0.key) }
    }
    return count
  }
}
