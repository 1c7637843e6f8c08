// An examination of some segments, a part at a time: live records are read until they fill the
// memory that they may take, then covers of them are looked for in what else is held, and so on;
// what has none is kept, until that is too much as well. It owns how far it has come; nothing
// changes. What is dead stays dead and bytes never change, so what an earlier part found still
// holds when a later one ends; what may change meanwhile (a cover's file goes, a copy grows)
// `Log.delete` checks.

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
  /// Where reading goes on when the covers of what was read are found; nil if all was read.
  private var rest: (index: Int, cursor: FrameCursor)?
  /// Bytes of records in memory that end the examination.
  private let limit: UInt64
  private let keepsWeak: Bool

  /// Stored bytes between two looks at how much is in memory.
  private static let part = 256 * 1024

  /// Segments that are no longer held are left out. `keepsWeak`: the caller appends weakly covered
  /// records again.
  init(
    _ segments: [SegmentName], in log: Log, limit: UInt64 = .max, keepsWeak: Bool = true
  ) {
    self.limit = limit
    self.keepsWeak = keepsWeak
    names = segments.filter { log.end(of: $0) != nil }
    search = CoverSearch(victims: names, of: log.node)
    for name in names {
      guard let end = log.end(of: name) else { continue }
      // Of a retired one nobody may have the rest any more; what lived there its retirer covered.
      let isWhole = log.isComplete(name) == true || log.retirements.isRetired(name) != nil
      examinations.append(Examination(of: end, complete: isWhole))
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
        let isAtEnd = try read(index, log, &budget, isDead)
        let next = isAtEnd ? (index + 1, .start) : (index, cursor)
        if search.size >= limit / 2, next.0 < examinations.count {
          startSearch(log, survey, before: next)
        } else {
          (stage, cursor) = (.reading(next.0), next.1)
        }
      case .reading: startSearch(log, survey, before: nil)
      case .searching(let index) where index < places.count && search.open > 0:
        guard try look(index, log, &budget) else { return nil }
        stage = .searching(index + 1)
        cursor = index + 1 < places.count ? places[index + 1].from : .start
      case .searching:
        search.report(into: &examinations, keepsWeak: keepsWeak)
        search = CoverSearch(victims: names, of: log.node)
        guard let rest, held < limit else { return finish(log) }
        (stage, cursor) = (.reading(rest.index), rest.cursor)
      }
    }
    return nil
  }

  private mutating func startSearch(
    _ log: Log, _ survey: Survey?, before rest: (Int, FrameCursor)?
  ) {
    self.rest = rest.map { (index: $0.0, cursor: $0.1) }
    places = choosePlaces(log, survey)
    (stage, cursor) = (.searching(0), places.first?.from ?? .start)
  }

  /// Bytes of the records that the examinations hold.
  private var held: UInt64 {
    examinations.reduce(0) { $0 + $1.liveBytes + (keepsWeak ? $1.weakBytes : 0) }
  }

  private mutating func finish(_ log: Log) -> [Examination] {
    if let rest {
      for index in rest.index..<examinations.count { examinations[index].hasMore = true }
    }
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
    let share = min(budget, Self.part)
    var left = share
    defer {
      examinations[index].deadBytes += dead
      budget -= share - left
    }
    do throws(LogError) {
      let isAtEnd = try log.walkFrames(
        of: end.name, from: &cursor, before: end.end, budget: &left
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
