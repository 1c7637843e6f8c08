// Which segments a drainer looks at next, and when it surveys the log to find out: victims by bytes
// freed for bytes written. It reads nothing but what the survey found.

extension Drainer {
  /// What is retired goes before what could be.
  mutating func choose(
    _ log: Log, _ now: UInt64, _ mayRetire: (NodeID) -> Bool
  ) -> Group? {
    let table = log.retirements
    let held = log.vector().filter { end in
      end.name != log.openSegment && !kept.contains(end.name)
        && (log.isComplete(end.name) == true || table.isRetired(end.name) != nil)
    }
    let names = Set(held.map(\.name))
    waiting = waiting.filter { names.contains($0.key) }
    unworthy = unworthy.filter { names.contains($0.key) }
    let due = held.filter { (waiting[$0.name]?.next ?? 0) <= now }
    let retired = due.filter { table.isRetired($0.name) != nil }
    if !retired.isEmpty { return group(retired, .drain) }
    let others = held.filter { table.isRetired($0.name) == nil }
    let adopted = others.filter { $0.name.node != log.node && mayRetire($0.name.node) }
    if !adopted.isEmpty { return group(adopted, .retire) }
    return victims(log, others.filter { $0.name.node == log.node })
  }

  /// Only who retires appends weakly covered records again.
  func examination(of group: Group, _ log: Log) -> ExaminationRun {
    ExaminationRun(
      group.names, in: log, limit: options.groupBytes, keepsWeak: group.purpose == .retire)
  }

  private func group(_ ends: [SegmentEnd], _ purpose: Purpose) -> Group {
    var names: [SegmentName] = []
    var bytes: UInt64 = 0
    for end in ends.prefix(options.groupCount) {
      bytes += end.end.value
      if bytes > options.groupBytes && !names.isEmpty { break }
      names.append(end.name)
    }
    return Group(names: names, purpose: purpose)
  }

  /// Own segments that are worth it, the best first, as many as are cleaned at once.
  private mutating func victims(_ log: Log, _ own: [SegmentEnd]) -> Group? {
    guard let survey else { return nil }
    let table = log.retirements
    let covered: [SegmentName: UInt64]
    if let known = self.covered, known.revision == table.revision {
      covered = known.bytes
    } else {
      covered = survey.coveredBytes { victim, other in
        countsWeakCovers
          || (table.isRetired(other) == nil && (other > victim || other.node == log.node))
      }
      self.covered = (table.revision, covered)
    }
    var candidates: [(name: SegmentName, live: UInt64, dead: UInt64)] = []
    for end in own {
      let name = end.name
      guard survey.knowsAll(of: end), let bytes = survey.bytes(of: name) else { continue }
      if let before = unworthy[name], bytes.live >= before { continue }
      let live = bytes.live - min(covered[name] ?? 0, bytes.live)
      let dead = bytes.all - min(live, bytes.all)
      if live < dead || isMergeable(name, live: live) { candidates.append((name, live, dead)) }
    }
    // Dead bytes for each byte that is written again; then by name: the same each time.
    candidates.sort { a, b in
      let (left, right) = (a.dead.gain(over: a.live), b.dead.gain(over: b.live))
      return left == right ? a.name < b.name : left > right
    }
    var names: [SegmentName] = []
    var written: UInt64 = 0
    let limit = log.isPressed ? log.options.reserve / 2 : options.groupBytes
    for candidate in candidates.prefix(options.groupCount) {
      written += candidate.live
      if written > limit && (log.isPressed || !names.isEmpty) { break }
      names.append(candidate.name)
    }
    return names.isEmpty ? nil : Group(names: names.sorted(), purpose: .retire)
  }

  // MARK: - Surveys

  func isSurveyDue(_ log: Log, _ now: UInt64) -> Bool {
    guard !log.hasPendingCheckpoint else { return false }
    guard let survey else {
      // Older segments are there to be judged; else nothing is before something was written.
      return log.vector().contains { $0.name.node == log.node && $0.name.serial < firstSerial }
        || pace.fresh >= options.surveyLeast || pace.isQuiet(options, at: now)
    }
    if pace.fresh >= max(options.surveyLeast, survey.liveBytes / 2) { return true }
    if log.isPressed, pace.fresh > 0, pace.hasAged(options.pressedEvery, at: now) { return true }
    if let age = options.surveyEvery, pace.hasAged(age, at: now) { return true }
    return pace.isQuiet(options, at: now)
  }

  /// Whether a survey is to leave a checkpoint: enough was written since the last one to pay for
  /// its size, and the disk did not refuse one a moment ago.
  func isStoringDue(_ now: UInt64) -> Bool {
    pace.mayStore(at: now, least: (survey?.liveBytes ?? 0) / 8)
  }

  mutating func surveyed(_ found: Survey, _ log: Log, _ now: UInt64, couldNotStore: Bool) {
    survey = found
    covered = nil
    pace.surveyed(at: now, isStored: log.hasPendingCheckpoint)
    if couldNotStore { pace.couldNotStore(at: now) }
  }

  /// An open segment full of garbage, when nothing is written to it or space is short, is left for
  /// a new one, so that it can be cleaned.
  func sealIfIdle(_ log: Log, _ now: UInt64) -> Bool {
    guard pace.isIdle(options, at: now) || log.isPressed, let survey,
      let end = log.end(of: log.openSegment), survey.knowsAll(of: end),
      let bytes = survey.bytes(of: end.name), bytes.all >= bytes.live * 2 + options.sealLeast
    else { return false }
    log.seal()
    return log.openSegment != end.name
  }
}

extension Log {
  /// Space is short: cleaning goes before everything else.
  public var isPressed: Bool {
    if fullness != nil { return true }
    guard let capacity = options.capacity else { return false }
    return bytesUsed + options.reserve * 2 > capacity
  }
}

extension UInt64 {
  fileprivate func gain(over cost: UInt64) -> Double { Double(self) / Double(cost + 1) }
}

/// How much was written since the last survey, and since when nothing was.
struct SurveyPace: Sendable {
  private var written: UInt64 = 0
  private var changedAt: UInt64 = 0
  /// Bytes that the drainer wrote itself, at most: they are no reason to look again.
  private var own: UInt64 = 0
  private var seen: UInt64 = 0
  private var surveyedAt: UInt64 = 0
  private var stored: UInt64 = 0
  /// Until then no checkpoint is tried, and how long that was.
  private var refusedUntil: UInt64 = 0
  private var refusal: UInt64 = 0

  private static let leastRefusal: UInt64 = 60_000_000_000
  private static let longestRefusal: UInt64 = 3_600_000_000_000

  /// Bytes that others wrote since the last survey.
  var fresh: UInt64 { written - min(seen + own, written) }
  /// Something, and at least so much, was written since the last checkpoint.
  func mayStore(at now: UInt64, least: UInt64) -> Bool {
    written > stored && written - stored >= least && now >= refusedUntil
  }

  /// Trying fills the disk for a moment, so it is done more and more rarely.
  mutating func couldNotStore(at now: UInt64) {
    refusal = min(max(refusal * 2, Self.leastRefusal), Self.longestRefusal)
    refusedUntil = now + refusal
  }

  mutating func note(written: UInt64, at now: UInt64) {
    guard written != self.written else { return }
    self.written = written
    changedAt = now
  }

  mutating func appended(_ size: Int) { own += UInt64(size) + 2 * Log.frameOverhead }

  mutating func surveyed(at now: UInt64, isStored: Bool) {
    seen = written
    own = 0
    surveyedAt = now
    guard isStored else { return }
    stored = written
    refusal = 0
  }

  func hasAged(_ age: UInt64, at now: UInt64) -> Bool { now - min(surveyedAt, now) >= age }

  func isQuiet(_ options: DrainOptions, at now: UInt64) -> Bool {
    fresh >= options.idleLeast && isIdle(options, at: now)
  }

  func isIdle(_ options: DrainOptions, at now: UInt64) -> Bool {
    now - min(changedAt, now) >= options.idleAfter
  }
}
