// The line that shows on a terminal while a run goes on: counts, rate, time left. The model knows
// no clock (it is told the time since the start); the painter decides when a frame is due.

struct ProgressModel: Sendable {
  /// All jobs of the run, once the sources have ended.
  var total: Int?
  /// Jobs made so far.
  var made = 0
  var running = 0
  private(set) var done = 0
  private(set) var failed = 0

  /// (time, jobs done) at least half a second apart, over the last half minute: the rate is that of
  /// the recent past, because the first jobs of a run tell little about the later ones.
  private var samples: [(at: Duration, done: Int)] = [(.zero, 0)]

  mutating func ended(_ outcome: JobOutcome, at elapsed: Duration) {
    done += 1
    if outcome.hasFailed { failed += 1 }
    if let last = samples.last, elapsed - last.at >= .milliseconds(500) {
      samples.append((elapsed, done))
      if let second = samples.dropFirst().first, elapsed - second.at > .seconds(30) {
        samples.removeFirst()
      }
    }
  }

  /// A job that was counted as done left no file that it should have.
  mutating func failedLate() { failed += 1 }

  /// Jobs a second; nil while nothing has ended.
  func rate(at elapsed: Duration) -> Double? {
    guard let first = samples.first, done > first.done, elapsed > first.at else { return nil }
    return Double(done - first.done) / (elapsed - first.at).inSeconds
  }

  /// nil while the total or the rate is unknown.
  func timeLeft(at elapsed: Duration) -> Duration? {
    guard let total, total > done, let rate = rate(at: elapsed) else { return nil }
    return .seconds(Double(total - done) / rate)
  }

  /// At most `width` characters, the most important first.
  func line(at elapsed: Duration, width: Int) -> String {
    var parts = [
      "\(Format.count(done))/\(total.map(Format.count) ?? Format.count(made) + "+") done",
      "\(Format.count(running)) running",
    ]
    if failed > 0 { parts.append("\(Format.count(failed)) failed") }
    if let rate = rate(at: elapsed) { parts.append(Format.rate(rate)) }
    if let left = timeLeft(at: elapsed) { parts.append("\(Format.duration(left)) left") }
    var line = parts[0]
    for part in parts.dropFirst() where line.count + 2 + part.count <= width {
      line += ", " + part
    }
    return bar(line, width: width) ?? String(line.prefix(width))
  }

  /// What is said when the run is over.
  func summary(at elapsed: Duration) -> String {
    let rate = elapsed > .zero ? " (\(Format.rate(Double(done) / elapsed.inSeconds)))" : ""
    let failures = failed == 0 ? "" : ", \(Format.count(failed)) failed"
    let calls = "\(Format.count(done)) \(done == 1 ? "call" : "calls")"
    return "\(calls)\(failures) in \(Format.duration(elapsed))\(rate)"
  }

  private func bar(_ line: String, width: Int) -> String? {
    let room = min(width - line.count - 3, 30)
    guard let total, total > 0, room >= 10 else { return nil }
    let filled = room * min(done, total) / total
    return "[" + String(repeating: "#", count: filled)
      + String(repeating: ".", count: room - filled) + "] " + line
  }
}

/// Turns the model into what is written to the terminal: at most five frames a second, none in a
/// pipe. Other output must be preceded by `clear()`.
struct ProgressPainter: Sendable {
  static let period = Duration.milliseconds(200)

  let isOn: Bool
  private var lastDrawn: Duration?
  private var isShown = false

  init(isOn: Bool) { self.isOn = isOn }

  /// The bytes of a frame if one is due.
  mutating func frame(_ model: ProgressModel, at elapsed: Duration, width: Int) -> Bytes? {
    guard isOn else { return nil }
    if let lastDrawn, elapsed - lastDrawn < Self.period { return nil }
    lastDrawn = elapsed
    isShown = true
    // A line that reaches the last column makes some terminals scroll.
    return Array(("\r" + model.line(at: elapsed, width: max(width - 1, 1)) + "\u{1b}[K").utf8)
  }

  /// Takes the line away; the next frame is due at once.
  mutating func clear() -> Bytes {
    guard isShown else { return [] }
    isShown = false
    lastDrawn = nil
    return Array("\r\u{1b}[K".utf8)
  }
}
