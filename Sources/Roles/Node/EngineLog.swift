import LogStore
import ReplicationCore
import RolesCore

// The facts log and the cores: appends go in, facts and news of durability come back.

extension NodeEngine {
  enum Appender: Sendable { case client, server, coordinator, engine }

  /// Appends in one batch; the facts come back to every core before any other event.
  mutating func append(_ records: [Record], for appender: Appender) {
    guard !records.isEmpty else { return }
    do throws(LogError) {
      let appended = try facts.append(RecordBatch(records))
      arrivedFacts.append(
        FactBatch(
          segment: appended.first.segment, firstOrdinal: appended.first.ordinal, records: records,
          sequence: appended.sequence))
      if settings.factsLog.syncPolicy == .always { commitNow() }
      // What the reserve takes of a full log is no sign of space.
      if !isLogFull { toldRefusal = nil }
      outputs.append(.commitSoon(.facts))
    } catch {
      refuseAppend(error, for: appender)
    }
  }

  /// The policy `always`: one sync an append, whatever gathers. What it fails at, the writer's next
  /// commit meets too.
  private mutating func commitNow() {
    try? facts.commit()
    logAdvanced()
  }

  private mutating func refuseAppend(_ error: LogError, for appender: Appender) {
    let refusal: Refusal
    switch error {
    case .full, .bufferFull:
      refusal = Refusal(.logFull, "\(error)")
      setLogFull(true)
    case .poisoned:
      refusal = Refusal(.poisoned, "\(error)")
      reportPoison("\(error)")
    case .recordTooLarge, .batchTooLarge: refusal = Refusal(.tooLarge, "\(error)")
    case .io, .closed, .emptyBatch, .unknownSegment, .noSuchRecord, .notAFrameBoundary, .beyondEnd,
      .damaged,
      .newerVersion, .notDrained, .inUse, .notWritable, .badIdentity, .badArchive:
      refusal = Refusal(.unknown, "\(error)")
    }
    if refusal.text != toldRefusal {
      toldRefusal = refusal.text
      outputs.append(.note("not appended: \(refusal.text)"))
    }
    switch appender {
    case .client: events.prepend(.client(.appendRefused(reason: refusal.text)))
    case .server: events.prepend(.server(.appendRefused(reason: refusal.text)))
    case .coordinator: events.prepend(.coordinator(.appendRefused(refusal)))
    case .engine: break
    }
  }

  mutating func setLogFull(_ full: Bool) {
    guard full != isLogFull else { return }
    isLogFull = full
    if !full {
      toldRefusal = nil
      presence?.sawNothing(until: now)
    }
    outputs.append(
      .warning(
        full
          ? "the log is full: new work is refused, all that is held stays readable"
          : "the log takes new work again"))
    events.append(.coordinator(.logFull(full)))
  }

  /// Under a quota new work is taken again only when some room has been made in both logs.
  private var hasRoom: Bool {
    settings.factsLog.isBelowHighWater(facts.bytesUsed)
      && settings.archivesLog.isBelowHighWater(archives.log.bytesUsed)
  }

  mutating func reportPoison(_ text: String) {
    guard !isPoisoned else { return }
    isPoisoned = true
    outputs.append(.poisoned(text))
  }

  mutating func deliver(_ batch: FactBatch) {
    if coordinator != nil {
      for directive in coordinator?.handle(.facts(batch), at: now) ?? [] {
        directives.append(.coordinator(directive))
      }
    }
    if server != nil {
      for directive in server?.handle(.facts(batch), at: now) ?? [] {
        directives.append(.server(directive))
      }
    }
    if client != nil {
      for directive in client?.handle(.facts(batch), at: now) ?? [] {
        directives.append(.client(directive))
      }
    }
    noteRemovals(in: batch)
  }

  /// After a commit, an ingest or a tick: what is durable now, and how far the segments go.
  mutating func logAdvanced() {
    if let error = facts.poisoned ?? archives.log.poisoned { reportPoison("\(error)") }
    let durable = facts.durable
    if durable > persisted {
      persisted = durable
      events.append(.coordinator(.persisted(through: durable)))
      events.append(.server(.persisted(through: durable)))
      events.append(.client(.persisted(through: durable)))
    }
    let isAnyFull = facts.fullness != nil || archives.log.fullness != nil
    if isAnyFull { setLogFull(true) } else if isLogFull, hasRoom { setLogFull(false) }
    archivesAdvanced()
    reportChangedEnds()
    reportRetirements()
    cleaningMayGoOn()
  }

  /// Tells the replicator which segments grew or became durable since it was last told.
  private mutating func reportChangedEnds() {
    guard replicator != nil else { return }
    let vector = facts.vector() + archives.log.vector()
    guard vector != lastVector else { return }
    var before: [SegmentName: SegmentEnd] = [:]
    before.reserveCapacity(lastVector.count)
    for end in lastVector { before[end.name] = end }
    var changed: [SegmentEnd] = []
    for end in vector {
      let old = before.removeValue(forKey: end.name)
      guard old != end else { continue }
      changed.append(end)
      if end.name.node != facts.node, end.end > old?.end ?? .zero {
        presence?.saw(end.name.node, at: now)
      }
    }
    lastVector = vector
    if !changed.isEmpty { events.append(.replicator(.logChanged(changed))) }
    for name in before.keys.sorted() {
      events.append(.replicator(.segmentGone(name)))
    }
  }

  mutating func load(_ positions: [Position]) -> [Record?] {
    positions.map { position in
      do throws(LogError) { return try facts.record(at: position) } catch {
        healIfDamaged(error)
        outputs.append(.note("a logged record can't be read again: \(error)"))
        return nil
      }
    }
  }

  /// The log that a segment belongs to.
  func log(of name: SegmentName) -> Log { name.log == .facts ? facts : archives.log }
}
