// An examination of some segments, a part at a time: each is read to its end, then covers of its
// live records are looked for in what else is held. It owns how far it has come; nothing changes.
// What is dead stays dead and bytes never change, so what an earlier part found still holds when a
// later one ends; what may change meanwhile (a cover's file goes, a copy grows) `Log.delete`
// checks.

struct ExaminationRun: Sendable {
  private enum Stage: Sendable {
    case reading(Int)
    case searching(Int)
  }

  let names: [SegmentName]
  private var examinations: [Examination] = []
  private var search: CoverSearch
  private var stage = Stage.reading(0)
  private var cursor = FrameCursor.start
  /// Where covers are looked for, in this order, and from where on.
  private var places: [(end: SegmentEnd, from: FrameCursor)] = []

  /// Segments that are no longer held are left out.
  init(_ segments: [SegmentName], in log: Log) {
    names = segments.filter { log.end(of: $0) != nil }
    search = CoverSearch(victims: names, of: log.node)
    for name in names {
      guard let end = log.end(of: name) else { continue }
      examinations.append(Examination(of: end, complete: log.isComplete(name) == true))
    }
  }

  /// Reads about `budget` bytes, taking them off it. The examinations once all is read, else nil.
  mutating func advance(
    _ log: Log, _ survey: Survey?, budget: inout Int,
    isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> [Examination]? {
    while budget > 0 {
      switch stage {
      case .reading(let index) where index < examinations.count:
        guard !log.hasBug(.drainCheckSkipped) else { return finish(log) }
        guard try read(index, log, &budget, isDead) else { return nil }
        stage = .reading(index + 1)
        cursor = .start
      case .reading:
        places = choosePlaces(log, survey)
        cursor = places.first?.from ?? .start
        stage = .searching(0)
      case .searching(let index) where index < places.count && search.open > 0:
        guard try look(index, log, &budget) else { return nil }
        stage = .searching(index + 1)
        cursor = index + 1 < places.count ? places[index + 1].from : .start
      case .searching:
        search.report(into: &examinations)
        return finish(log)
      }
    }
    return nil
  }

  private mutating func finish(_ log: Log) -> [Examination] {
    // What `isDead` rests on is in the log by now; it has to be durable before a file goes.
    let asOf = log.sequence
    for index in examinations.indices { examinations[index].asOf = asOf }
    return examinations
  }

  private mutating func read(
    _ index: Int, _ log: Log, _ budget: inout Int,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> Bool {
    let end = examinations[index].end
    let table = log.retirements
    var dead: UInt64 = 0
    defer { examinations[index].deadBytes += dead }
    do throws(LogError) {
      let isAtEnd = try log.walkFrames(
        of: end.name, from: &cursor, before: end.end, budget: &budget
      ) { header, raw throws(LogError) in
        try log.walk(raw, of: header, in: end.name) { _, kind, payload in
          if table.isGone(kind, payload, isDead) {
            dead += UInt64(payload.count + Format.recordHeaderSize)
          } else {
            search.want(index, kind, payload)
          }
        }
      }
      if isAtEnd { try log.check(cursor, against: end) }
      return isAtEnd
    } catch {
      switch error {
      case .damaged, .unknownSegment: examinations[index].complete = false
      default: throw error
      }
      return true
    }
  }

  // MARK: covers

  /// Segments that stay are asked before those under examination themselves, later ones before
  /// earlier: what was appended again stands in the latest. Of a segment that a survey knows, only
  /// what came after it is read, unless the survey saw a record with the same hash there.
  private func choosePlaces(
    _ log: Log, _ survey: Survey?
  ) -> [(end: SegmentEnd, from: FrameCursor)] {
    guard search.open > 0 else { return [] }
    let proposed = survey?.segments(with: search.hashes)
    let held = log.vector().reversed()
    let stays = held.filter { !names.contains($0.name) }
    let goes = held.filter { names.contains($0.name) }
    return (stays + goes).map { end in
      guard let survey, let proposed, !proposed.contains(end.name),
        let mark = survey.marks[end.name]
      else { return (end, .start) }
      return (end, mark.cursor)
    }
  }

  private mutating func look(
    _ index: Int, _ log: Log, _ budget: inout Int
  ) throws(LogError) -> Bool {
    let end = places[index].end
    let limit = log.hasBug(.undurableCoversCount) ? end.end : end.durableEnd
    let isRetired = log.retirements.isRetired(end.name) != nil
    do throws(LogError) {
      return try log.walkFrames(of: end.name, from: &cursor, before: limit, budget: &budget) {
        header, raw throws(LogError) in
        try log.walk(raw, of: header, in: end.name) { _, kind, payload in
          search.offer(end.name, kind, payload, isRetired: isRetired)
        }
      }
    } catch {
      // What stands before the damage was verified and covers; what stands behind does not.
      switch error {
      case .damaged, .unknownSegment: return true
      default: throw error
      }
    }
  }
}

extension RetirementTable {
  /// Whether a record can never matter again: LogStore's own kinds by this table, others by
  /// `isDead`.
  func isGone(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) -> Bool {
    kind.value <= RecordKind.lastOfLogStore ? isDeadForEver(kind, payload) : isDead(kind, payload)
  }
}
