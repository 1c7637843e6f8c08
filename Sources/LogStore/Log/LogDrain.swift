// Examining segments and deleting drained ones: the drain rule. A file goes only when every record
// in it is dead for ever or has a durable cover that was read back, and its retirement is durable.
// A retirement is a licence; nothing here goes by it alone.

extension Log {
  /// Reads each of `segments` and looks for covers in everything else that is held. `isDead` is
  /// asked for kinds above LogStore's own. Nothing changes.
  public func examine(
    _ segments: [SegmentName], isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> [Examination] {
    try cleaning.withLock { _ throws(LogError) in
      var examinations: [Examination] = []
      let held = vector()
      for name in segments {
        guard let end = end(of: name) else { throw .unknownSegment(name) }
        examinations.append(Examination(of: end, complete: isComplete(name) == true))
      }
      if !hasBug(.drainCheckSkipped) {
        let table = retirements
        var search = CoverSearch(
          victims: segments, of: node, isRetired: { table.isRetired($0) != nil })
        for index in examinations.indices {
          try collect(index, &examinations[index], &search, isDead)
        }
        try findCovers(held, victims: segments, &search)
        search.report(into: &examinations)
      }
      // What `isDead` rests on is in the log by now; it has to be durable before a file goes.
      let asOf = sequence
      for index in examinations.indices { examinations[index].asOf = asOf }
      return examinations
    }
  }

  private func collect(
    _ index: Int, _ examination: inout Examination, _ search: inout CoverSearch,
    _ isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) {
    let table = retirements
    var dead: UInt64 = 0
    do throws(LogError) {
      try forEachFrame(of: examination.end) { header, raw throws(LogError) in
        try walk(raw, of: header, in: examination.segment) { _, kind, payload in
          let gone =
            kind.value <= RecordKind.lastOfLogStore
            ? table.isDeadForEver(kind, payload) : isDead(kind, payload)
          if gone {
            dead += UInt64(payload.count + Format.recordHeaderSize)
          } else {
            search.want(index, kind, payload)
          }
        }
      }
    } catch {
      guard case .damaged = error else { throw error }
      examination.complete = false
    }
    examination.deadBytes = dead
  }

  /// Segments that stay are asked before those under examination themselves.
  private func findCovers(
    _ held: [SegmentEnd], victims: [SegmentName], _ search: inout CoverSearch
  ) throws(LogError) {
    guard !search.isEmpty else { return }
    let stays = held.filter { !victims.contains($0.name) }
    let goes = held.filter { victims.contains($0.name) }
    for end in stays + goes {
      let limit = hasBug(.undurableCoversCount) ? end.end : end.durableEnd
      do throws(LogError) {
        try forEachFrame(of: end, before: limit) { header, raw throws(LogError) in
          try walk(raw, of: header, in: end.name) { _, kind, payload in
            search.offer(end.name, kind, payload)
          }
        }
      } catch {
        // What stands before the damage was verified and covers; what stands behind does not.
        guard case .damaged = error else { throw error }
      }
    }
  }

  /// Deletes a drained copy. Throws `.notDrained` with the reason if it may not go (yet).
  public func delete(_ drained: Examination) throws(LogError) {
    try cleaning.withLock { _ throws(LogError) in
      try syncing.withLock { _ throws(LogError) in
        try files.withLock { files throws(LogError) in
          let name = drained.segment
          if let why = try refusal(drained, files.writing) { throw .notDrained(name, why) }
          if let file = files.open.removeValue(forKey: name) { fs.close(file.handle) }
          try LogError.io { () throws(FileError) in try fs.remove(path(of: name)) }
          state.withLock { state in
            state.remove(name)
            state.missing[name] = nil
          }
          files.indexes[name] = nil
          do throws(FileError) { try fs.synchronizeDirectory(directory) } catch {
            throw poison(error)
          }
        }
      }
    }
  }

  private func refusal(
    _ drained: Examination, _ writing: SegmentName?
  ) throws(LogError) -> NotDrained? {
    try state.withLock { state throws(LogError) in
      try state.check()
      guard let copy = state[drained.segment] else { throw .unknownSegment(drained.segment) }
      if drained.segment == state.current || drained.segment == writing { return .stillWritten }
      guard drained.complete, copy.isComplete else { return .damageNotHealed }
      guard drained.uncovered.isEmpty else { return .uncoveredRecords(drained.uncovered.count) }
      guard copy.end.end == drained.end.end else { return .changedSinceExamined }
      for cover in drained.coveredBy where state[cover] == nil { return .coverGone(cover) }
      let through = hasBug(.undurableCoversCount) ? state.sequence : state.durable
      guard through >= drained.asOf else { return .notDurable }
      let isEmptyOwn = drained.segment.node == node && copy.end.records == .zero
      let isRetired = state.retirements.isDurablyRetired(
        drained.segment, through: through)
      return isRetired || isEmptyOwn ? nil : .notRetired
    }
  }
}
