// Retires segments and drains retired ones, a step at a time: DESIGN's cleaner and drain rule as a
// state machine over a Log. It promises that nothing is deleted but through `Log.delete`, which
// checks the rule itself; that a retirer's covers are durable before its licence is appended, and
// the licence before its file goes; that a step reads about `stepBytes`; and that it comes to rest.
// It reads no clock, starts no thread and knows nothing of what records mean.
//
// Call `step` now and then, in the turn in which `isDead` is answered; commit the log if the step
// says that it waits.

public struct Drainer: Sendable {
  enum Purpose: Hashable, Sendable {
    /// We hand out the licence.
    case retire
    /// Somebody did.
    case drain
  }

  struct Group: Hashable, Sendable {
    var names: [SegmentName]
    var purpose: Purpose
  }

  enum Phase: Sendable {
    case idle
    /// A checkpoint is made, and with it the survey that victims are chosen by.
    case surveying(Checkpointer)
    case examining(Group, ExaminationRun, isCovered: Bool)
    /// Covers are appended.
    case covering(Group, until: LogSequence)
    /// Licences are appended.
    case licensing(Group, until: LogSequence)
    /// They are durable: the last look before the files go.
    case confirming(ExaminationRun)
    /// Drained; what the examination rests on has to be durable.
    case checking([Examination], until: LogSequence)
  }

  struct Waiting: Sendable {
    /// Since when we know that it is retired, have caught up, and lack covers.
    var since: UInt64
    var next: UInt64
  }

  public let options: DrainOptions
  /// What the last survey found.
  public internal(set) var survey: Survey?
  /// What of it other segments cover, as of a revision of the retirements.
  var covered: (revision: UInt64, bytes: [SegmentName: UInt64])?
  /// Own segments below this were written before this start.
  let firstSerial: Serial
  var phase = Phase.idle
  var waiting: [SegmentName: Waiting] = [:]
  /// Segments that can't go whatever is dead in them: they can't be read to the end, or were
  /// written with larger limits than ours.
  var kept: Set<SegmentName> = []
  /// Segments that were not worth it, with the live bytes that the survey gave them then.
  var unworthy: [SegmentName: UInt64] = [:]
  var pace = SurveyPace()
  private var scrub = Scrub()
  /// What a step appended before it failed: told with the next.
  private var untold: [DrainStep.Batch] = []

  /// What a step may ask of the layer above.
  public struct Questions {
    /// This node has held all that a neighbour's vector listed, and still hears it.
    public var caughtUp: Bool
    /// Whether the segments of this node, which is gone, are ours to retire.
    public var mayRetire: (NodeID) -> Bool
    /// Whether a record can never matter again.
    public var isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
    /// Asked last, right before a file goes: false if something in it is wanted again. Who says yes
    /// must not count on it any more.
    public var mayGo: (SegmentName) -> Bool
    /// It said yes, and the file stays after all.
    public var stays: (SegmentName) -> Void

    public init(
      caughtUp: Bool, mayRetire: @escaping (NodeID) -> Bool,
      isDead: @escaping (RecordKind, UnsafeRawBufferPointer) -> Bool,
      mayGo: @escaping (SegmentName) -> Bool = { _ in true },
      stays: @escaping (SegmentName) -> Void = { _ in }
    ) {
      self.caughtUp = caughtUp
      self.mayRetire = mayRetire
      self.isDead = isDead
      self.mayGo = mayGo
      self.stays = stays
    }
  }

  /// To be made when the log has just been opened.
  public init(of log: Log, _ options: DrainOptions = DrainOptions()) {
    self.options = options
    firstSerial = log.openSegment.serial
  }

  public mutating func step(
    _ log: Log, at now: UInt64, _ ask: Questions
  ) throws(LogError) -> DrainStep {
    var step = DrainStep()
    step.appended = untold
    untold = []
    do throws(LogError) {
      try go(on: log, now, ask, &step)
    } catch {
      untold = step.appended
      throw error
    }
    return step
  }

  private mutating func go(
    on log: Log, _ now: UInt64, _ ask: Questions, _ step: inout DrainStep
  ) throws(LogError) {
    // The first word that one's own open segment is retired ends it.
    if log.retirements.isRetired(log.openSegment) != nil { log.seal() }
    pace.note(written: log.bytesWritten, at: now)
    if !ask.caughtUp { rest() }
    var budget = options.stepBytes
    switch phase {
    case .idle:
      try start(log, now, ask, &step)
    case .surveying(var pass):
      phase = .idle
      let found: Survey?
      do throws(LogError) {
        found = try pass.advance(log, budget: &budget, isDead: ask.isDead)
      } catch {
        pass.abandon(log)
        throw error
      }
      step.hasMore = true
      guard let found else {
        phase = .surveying(pass)
        return
      }
      surveyed(found, log, now, couldNotStore: pass.couldNotStore)
      // Told each time: who could not set it aside tries again.
      kept.formUnion(pass.unsound)
      step.unsound += pass.unsound
    case .examining(let group, var run, let isCovered):
      phase = .idle
      let found = try run.advance(log, survey, budget: &budget, isDead: ask.isDead)
      step.hasMore = true
      guard let found else {
        phase = .examining(group, run, isCovered: isCovered)
        return
      }
      switch group.purpose {
      case .retire: try retire(found, log, isCovered, &step)
      case .drain: try drain(found, log, now, isCovered, &step)
      }
    case .covering(let group, let until):
      guard isDurable(log, until, &step) else { return }
      phase = .examining(group, examination(of: group, log), isCovered: true)
      step.hasMore = true
    case .licensing(let group, let until):
      guard isDurable(log, until, &step) else { return }
      phase = .confirming(
        ExaminationRun(group.names, in: log, limit: options.groupBytes, keepsWeak: false))
      step.hasMore = true
    case .confirming(var run):
      phase = .idle
      let found = try run.advance(log, survey, budget: &budget, isDead: ask.isDead)
      step.hasMore = true
      if let found { check(found) } else { phase = .confirming(run) }
    case .checking(let examinations, let until):
      guard isDurable(log, until, &step) else { return }
      phase = .idle
      try delete(examinations, log, now, ask, &step)
    }
  }

  /// A copy was cut short: nothing that was found so far is to be gone by. Scrubbing goes on.
  public mutating func copyBecameShorter(_ log: Log) {
    stop(log)
    survey = nil
    covered = nil
    kept = []
    unworthy = [:]
  }

  /// It can't be read to its end: it stays, and its owner is told, once.
  private mutating func leave(_ name: SegmentName, _ step: inout DrainStep) {
    if kept.insert(name).inserted { step.unsound.append(name) }
  }

  /// Who was away waits the whole grace again, and drains nothing meanwhile.
  private mutating func rest() {
    waiting = [:]
    if case .surveying = phase { return }
    phase = .idle
  }

  private func isDurable(_ log: Log, _ until: LogSequence, _ step: inout DrainStep) -> Bool {
    if log.durable >= until || log.hasBug(.undurableCoversCount) { return true }
    step.waitsFor = until
    return false
  }

  private mutating func start(
    _ log: Log, _ now: UInt64, _ ask: Questions, _ step: inout DrainStep
  ) throws(LogError) {
    if ask.caughtUp, let group = choose(log, now, ask.mayRetire) {
      phase = .examining(group, examination(of: group, log), isCovered: false)
      step.hasMore = true
      return
    }
    if ask.caughtUp, sealIfIdle(log, now) {
      // Its file is finished by the next commit.
      step.waitsFor = log.sequence
      step.hasMore = true
      return
    }
    if isSurveyDue(log, now) {
      phase = .surveying(
        Checkpointer(of: log, isStored: log.storesCheckpoints && isStoringDue(now)))
      step.hasMore = true
      return
    }
    if ask.caughtUp, let floor = RetirementFloor.next(of: log, openedAt: firstSerial) {
      // What a floor makes dead is a reason to survey again, so it is not counted as our own.
      step.waitsFor = try append(floor.records, to: log, &step, isOwn: false)
      step.hasMore = floor.hasMore
    }
    step.wakeAt = waiting.values.map(\.next).min()
    var budget = options.stepBytes
    try scrub.advance(log, options, at: now, budget: &budget)
    if scrub.isRunning {
      step.wakeAt = min(step.wakeAt ?? .max, now + options.scrubPause)
    }
  }

  // MARK: - Retiring

  private mutating func retire(
    _ examinations: [Examination], _ log: Log, _ isCovered: Bool, _ step: inout DrainStep
  ) throws(LogError) {
    var worthy: [Examination] = []
    for examination in examinations {
      if !examination.complete {
        leave(examination.segment, &step)
      } else if isCovered || isWorth(examination, log) {
        worthy.append(examination)
      } else {
        unworthy[examination.segment] = survey?.bytes(of: examination.segment)?.live ?? 0
      }
    }
    let group = Group(names: worthy.map(\.segment), purpose: .retire)
    let lacking = worthy.flatMap { $0.uncovered + toRepeat($0) }
    if !lacking.isEmpty { return try cover(lacking, for: group, log, &step) }
    guard !worthy.isEmpty else { return }
    let until = try append(
      group.names.map { Retirement.retired($0).record }, to: log, &step)
    step.retired = group.names
    phase = .licensing(group, until: until)
    step.waitsFor = until
  }

  /// Whether retiring one of our own segments frees more than it writes, or it is a tiny one of an
  /// earlier start. The segments of the dead are taken over as they are.
  private func isWorth(_ examination: Examination, _ log: Log) -> Bool {
    // What the survey found is believed of what was not looked at.
    guard examination.segment.node == log.node, !examination.hasMore else { return true }
    let weak = countsWeakCovers ? 0 : examination.weakBytes
    let live = examination.liveBytes + weak
    let dead = examination.deadBytes + examination.coveredBytes - weak
    return live < dead || isMergeable(examination.segment, live: live)
  }

  func isMergeable(_ name: SegmentName, live: UInt64) -> Bool {
    name.serial < firstSerial && live <= options.mergeLimit
  }

  /// Covers that may go soon don't count for a retirer; or two nodes would each rest on the other.
  private func toRepeat(_ examination: Examination) -> [Record] {
    countsWeakCovers ? [] : examination.weaklyCovered
  }

  var countsWeakCovers: Bool { options.plantedBugs.contains(.anyCoverIsDeadWeight) }

  // MARK: - Draining

  private mutating func drain(
    _ examinations: [Examination], _ log: Log, _ now: UInt64, _ isCovered: Bool,
    _ step: inout DrainStep
  ) throws(LogError) {
    var drained: [Examination] = []
    var lacking: [Record] = []
    var group = Group(names: [], purpose: .drain)
    for examination in examinations {
      let name = examination.segment
      if examination.isDrained {
        drained.append(examination)
      } else if !examination.complete {
        // It rotted since the start: only a whole copy may go.
        leave(name, &step)
      } else if isCovered || isOurs(name, log) || hasWaited(name, now) {
        group.names.append(name)
        lacking += examination.uncovered
      }
    }
    if !lacking.isEmpty { return try cover(lacking, for: group, log, &step) }
    // Others filled the memory, and have to wait.
    for name in group.names { recheck(name, now) }
    check(drained)
  }

  /// The tail of one's own segment that others retired: nobody else has it.
  private func isOurs(_ name: SegmentName, _ log: Log) -> Bool { name.node == log.node }

  /// Whether the retirer's covers are overdue; notes that they are missing otherwise.
  private mutating func hasWaited(_ name: SegmentName, _ now: UInt64) -> Bool {
    let since = waiting[name]?.since ?? now
    if now - min(since, now) >= options.grace { return true }
    waiting[name] = Waiting(since: since, next: min(since + options.grace, now + options.recheck))
    return false
  }

  // MARK: - Appending

  private mutating func cover(
    _ records: [Record], for group: Group, _ log: Log, _ step: inout DrainStep
  ) throws(LogError) {
    do throws(LogError) {
      var seen: Set<Record> = []
      let until = try append(records.filter { seen.insert($0).inserted }, to: log, &step)
      phase = .covering(group, until: until)
      step.waitsFor = until
    } catch {
      switch error {
      case .recordTooLarge, .batchTooLarge:
        // Written with larger limits than ours: it stays where it is.
        kept.formUnion(group.names)
        return
      default: break
      }
      // What was appended covers once it is durable; the next examination finds the rest.
      if let last = step.appended.last { phase = .covering(group, until: last.sequence) }
      throw error
    }
  }

  /// Covers free space: they may use the reserve of a full log.
  private mutating func append(
    _ records: [Record], to log: Log, _ step: inout DrainStep, isOwn: Bool = true
  ) throws(LogError) -> LogSequence {
    var last = log.sequence
    var batches: [DrainStep.Batch] = []
    defer {
      step.appended += batches
      if isOwn { for batch in batches { pace.appended(batch.size) } }
    }
    try log.append(all: records, usingReserve: true) { records, appended in
      batches.append(
        DrainStep.Batch(first: appended.first, records: records, sequence: appended.sequence))
      last = appended.sequence
    }
    return last
  }

  // MARK: - Deletion

  private mutating func check(_ examinations: [Examination]) {
    let drained = examinations.filter(\.isDrained)
    guard let until = drained.map(\.asOf).max() else { return }
    phase = .checking(drained, until: until)
  }

  /// One file at a time, in the order of names: an earlier one may rest on a later one.
  private mutating func delete(
    _ examinations: [Examination], _ log: Log, _ now: UInt64, _ ask: Questions,
    _ step: inout DrainStep
  ) throws(LogError) {
    step.hasMore = true
    for examination in examinations where log.end(of: examination.segment) != nil {
      let name = examination.segment
      guard ask.mayGo(name) else {
        // An archive was named since; what facts say only grows.
        recheck(name, now)
        continue
      }
      do throws(LogError) {
        try log.delete(examination)
        step.deleted.append(name)
      } catch {
        if log.end(of: name) != nil { ask.stays(name) }
        // If something changed meanwhile: look again later.
        guard case .notDrained = error else { throw error }
        recheck(name, now)
      }
    }
  }

  private mutating func recheck(_ name: SegmentName, _ now: UInt64) {
    waiting[name] = Waiting(since: waiting[name]?.since ?? now, next: now + options.recheck)
  }
}
