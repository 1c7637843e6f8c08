// Examining segments and deleting drained ones: the drain rule. A file goes only when every record
// in it is dead for ever or has a durable cover that was read back, and its retirement is durable.
// A retirement is a licence; nothing here goes by it alone.

extension Log {
  /// Reads each of `segments` and looks for covers in everything else that is held. `isDead` is
  /// asked for kinds above LogStore's own. Nothing changes.
  public func examine(
    _ segments: [SegmentName], isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws(LogError) -> [Examination] {
    for name in segments where end(of: name) == nil { throw .unknownSegment(name) }
    return try cleaning.withLock { _ throws(LogError) in
      var run = ExaminationRun(segments, in: self)
      while true {
        var budget = Int.max
        if let found = try run.advance(self, nil, budget: &budget, isDead: isDead) { return found }
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
      let isRetired = state.retirements.isRetired(drained.segment) != nil
      guard drained.complete, copy.isComplete || isRetired else { return .damageNotHealed }
      guard drained.uncovered.isEmpty, !drained.hasMore else {
        return .uncoveredRecords(drained.uncovered.count)
      }
      guard copy.end.end == drained.end.end else { return .changedSinceExamined }
      for cover in drained.coveredBy where state[cover] == nil { return .coverGone(cover) }
      let through = hasBug(.undurableCoversCount) ? state.sequence : state.durable
      guard through >= drained.asOf else { return .notDurable }
      let isEmptyOwn = drained.segment.node == node && copy.end.records == .zero
      let isLicensed = state.retirements.isDurablyRetired(
        drained.segment, through: through)
      return isLicensed || isEmptyOwn ? nil : .notRetired
    }
  }
}
