// Retires segments and drains retired ones, a step at a time: DESIGN's drain rule as a state
// machine over a Log. It promises that nothing is deleted but through `Log.delete`, which checks
// the rule itself; that a retirer's covers are durable before its licence is appended, and the
// licence before its file goes; and that it comes to rest. It reads no clock, starts no thread and
// knows nothing of what records mean.
//
// Call `step` now and then, in the turn in which `isDead` is answered; commit the log if the step
// says that it waits. A step examines at most one group of segments.

public struct Drainer: Sendable {
  private enum Purpose: Hashable, Sendable {
    /// We hand out the licence.
    case retire
    /// Somebody did.
    case drain
  }

  private struct Group: Hashable, Sendable {
    var names: [SegmentName]
    var purpose: Purpose
  }

  private enum Phase: Sendable {
    case idle
    /// Covers are appended.
    case covering(Group, until: LogSequence)
    /// Licences are appended.
    case licensing(Group, until: LogSequence)
    /// Drained; what the examination rests on has to be durable.
    case checking([Examination], until: LogSequence)
  }

  private struct Waiting: Sendable {
    /// Since when we know that it is retired, have caught up, and lack covers.
    var since: UInt64
    var next: UInt64
  }

  public let options: DrainOptions
  /// Own segments below this were written before this start.
  private let firstSerial: Serial
  private var phase = Phase.idle
  private var waiting: [SegmentName: Waiting] = [:]
  /// Older segments that are worth keeping as they are, or can't be read to the end.
  private var kept: Set<SegmentName> = []
  /// What a step appended before it failed: told with the next.
  private var untold: [DrainStep.Batch] = []

  /// To be made when the log has just been opened.
  public init(of log: Log, _ options: DrainOptions = DrainOptions()) {
    self.options = options
    firstSerial = log.openSegment.serial
  }

  /// `caughtUp`: this node has held all that a neighbour's vector listed, and still hears it.
  /// `mayRetire`: whether the segments of this removed node are ours to retire.
  public mutating func step(
    _ log: Log, at now: UInt64, caughtUp: Bool, mayRetire: (NodeID) -> Bool,
    isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> DrainStep {
    var step = DrainStep()
    step.appended = untold
    untold = []
    do throws(LogError) {
      try go(on: log, now, caughtUp, mayRetire, isDead, &step)
    } catch {
      untold = step.appended
      throw error
    }
    return step
  }

  private mutating func go(
    on log: Log, _ now: UInt64, _ caughtUp: Bool, _ mayRetire: (NodeID) -> Bool,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool, _ step: inout DrainStep
  ) throws(LogError) {
    // The first word that one's own open segment is retired ends it.
    if log.retirements.isRetired(log.openSegment) != nil { log.seal() }
    guard caughtUp else {
      // Who was away waits the whole grace again.
      waiting = [:]
      phase = .idle
      return
    }
    switch phase {
    case .idle:
      try start(log, now, mayRetire, isDead, &step)
    case .covering(let group, let until):
      guard isDurable(log, until, &step) else { return }
      phase = .idle
      try examine(group, log, now, isCovered: true, isDead, &step)
    case .licensing(let group, let until):
      guard isDurable(log, until, &step) else { return }
      phase = .idle
      let held = group.names.filter { log.end(of: $0) != nil }
      check(try log.examine(held, isDead: isDead), log)
      step.hasMore = true
    case .checking(let examinations, let until):
      guard isDurable(log, until, &step) else { return }
      phase = .idle
      try delete(examinations, log, now, isDead, &step)
    }
  }

  private func isDurable(_ log: Log, _ until: LogSequence, _ step: inout DrainStep) -> Bool {
    if log.durable >= until || log.hasBug(.undurableCoversCount) { return true }
    step.waitsFor = until
    return false
  }

  // MARK: - Choice

  private mutating func start(
    _ log: Log, _ now: UInt64, _ mayRetire: (NodeID) -> Bool,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool, _ step: inout DrainStep
  ) throws(LogError) {
    guard let group = choose(log, now, mayRetire) else {
      if let floor = RetirementFloor.next(of: log, openedAt: firstSerial) {
        step.waitsFor = try append(floor.records, to: log, &step)
        step.hasMore = floor.hasMore
      }
      step.wakeAt = waiting.values.map(\.next).min()
      return
    }
    try examine(group, log, now, isCovered: false, isDead, &step)
  }

  /// What is retired goes before what could be.
  private mutating func choose(
    _ log: Log, _ now: UInt64, _ mayRetire: (NodeID) -> Bool
  ) -> Group? {
    let table = log.retirements
    let held = log.vector().filter { $0.name != log.openSegment }
    let names = Set(held.map(\.name))
    waiting = waiting.filter { names.contains($0.key) }
    let retired = held.filter { end in
      guard table.isRetired(end.name) != nil, !kept.contains(end.name),
        log.isComplete(end.name) == true
      else { return false }
      return (waiting[end.name]?.next ?? 0) <= now
    }
    if !retired.isEmpty { return group(retired, .drain) }
    let older = held.filter { end in
      guard !kept.contains(end.name), log.isComplete(end.name) == true,
        table.isRetired(end.name) == nil
      else { return false }
      return end.name.node == log.node
        ? end.name.serial < firstSerial : mayRetire(end.name.node)
    }
    return older.isEmpty ? nil : group(older, .retire)
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

  // MARK: - Examination

  private mutating func examine(
    _ group: Group, _ log: Log, _ now: UInt64, isCovered: Bool,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool, _ step: inout DrainStep
  ) throws(LogError) {
    let held = group.names.filter { log.end(of: $0) != nil }
    let examinations = try log.examine(held, isDead: isDead)
    step.hasMore = true
    switch group.purpose {
    case .retire: try retire(examinations, log, isCovered, &step)
    case .drain: try drain(examinations, log, now, isCovered, &step)
    }
  }

  private mutating func retire(
    _ examinations: [Examination], _ log: Log, _ isCovered: Bool, _ step: inout DrainStep
  ) throws(LogError) {
    let worthy = examinations.filter { $0.complete && (isCovered || isWorth($0, log)) }
    for examination in examinations
    where !worthy.contains(where: { $0.segment == examination.segment }) {
      kept.insert(examination.segment)
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

  /// Whether retiring an older segment of our own frees more than it writes, or it is tiny. The
  /// segments of the dead are taken over as they are.
  private func isWorth(_ examination: Examination, _ log: Log) -> Bool {
    guard examination.segment.node == log.node else { return true }
    let weak = countsWeakCovers ? 0 : examination.weakBytes
    let live = examination.liveBytes + weak
    let dead = examination.deadBytes + examination.coveredBytes - weak
    return live <= options.mergeLimit || live < dead
  }

  /// Covers that may go soon don't count for a retirer; or two nodes would each rest on the other.
  private func toRepeat(_ examination: Examination) -> [Record] {
    countsWeakCovers ? [] : examination.weaklyCovered
  }

  private var countsWeakCovers: Bool { options.plantedBugs.contains(.anyCoverIsDeadWeight) }

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
        kept.insert(name)
      } else if isCovered || isOurs(name, log) || hasWaited(name, now) {
        group.names.append(name)
        lacking += examination.uncovered
      }
    }
    if !lacking.isEmpty { return try cover(lacking, for: group, log, &step) }
    check(drained, log)
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

  /// In batches that any frame takes.
  private func append(
    _ records: [Record], to log: Log, _ step: inout DrainStep
  ) throws(LogError) -> LogSequence {
    let limit = min(log.options.frameLimit, 256 * 1024)
    var rest = records[...]
    var last = log.sequence
    while !rest.isEmpty {
      var count = 0
      var size = 0
      while count < rest.count {
        size += rest[rest.startIndex + count].payload.count + Format.recordHeaderSize
        if count > 0 && size > limit { break }
        count += 1
      }
      let batch = Array(rest.prefix(count))
      let appended = try append(batch, to: log)
      step.appended.append(
        DrainStep.Batch(first: appended.first, records: batch, sequence: appended.sequence))
      last = appended.sequence
      rest = rest.dropFirst(count)
    }
    return last
  }

  private func append(_ batch: [Record], to log: Log) throws(LogError) -> Appended {
    do throws(LogError) {
      return try log.append(RecordBatch(batch))
    } catch .bufferFull {
      try log.write()
      return try log.append(RecordBatch(batch))
    }
  }

  // MARK: - Deletion

  private mutating func check(_ examinations: [Examination], _ log: Log) {
    let drained = examinations.filter(\.isDrained)
    guard let until = drained.map(\.asOf).max() else { return }
    phase = .checking(drained, until: until)
  }

  /// One file at a time, in the order of names: an earlier one may rest on a later one.
  private mutating func delete(
    _ examinations: [Examination], _ log: Log, _ now: UInt64,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool, _ step: inout DrainStep
  ) throws(LogError) {
    step.hasMore = true
    for examination in examinations where log.end(of: examination.segment) != nil {
      // An archive may have been named since; what facts say only grows.
      if log.kind == .archives {
        let again = try log.examine([examination.segment], isDead: isDead)
        guard again.allSatisfy(\.isDrained) else { continue }
      }
      do throws(LogError) {
        try log.delete(examination)
        step.deleted.append(examination.segment)
      } catch .notDrained(let name, _) {
        // Something changed meanwhile: look again later.
        waiting[name] = Waiting(since: waiting[name]?.since ?? now, next: now + options.recheck)
      }
    }
  }
}
