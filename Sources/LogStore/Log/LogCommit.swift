// Making things durable. A commit writes what gathered, then syncs every file with unsynced bytes
// outside the lock that writers take, so that others append and write meanwhile. A sync that fails
// stops the log for good: nothing is retried, nothing later is reported durable.

/// A file whose sync a commit has started, with the ends that it will make durable.
private struct SyncWork {
  var name: SegmentName
  var handle: FileHandle
  var ends: SegmentEnd
}

extension Log {
  /// Writes what is buffered and makes everything up to the sequence at the call durable. Throws
  /// `.full` if some of it found no space: that stays buffered, the rest is durable. `onWritten` is
  /// called between write and sync, if there is anything to sync: bytes may be shipped then.
  public func commit(onWritten: () -> Void = {}) throws(LogError) {
    try makeDurable(onWritten)
    try publishCheckpoint()
  }

  /// `commit` without what it may bring about besides: who waits for the records need not wait for
  /// a checkpoint's sync.
  func makeDurable(_ onWritten: () -> Void) throws(LogError) {
    try syncing.withLock { _ throws(LogError) in
      if hasBug(.acknowledgeBeforeSync) { try synchronize(takeWork()) }
      var shortage: LogError?
      var through = LogSequence.zero
      let work = try files.withLock { files throws(LogError) in
        do throws(LogError) { through = try writeQueue(&files) } catch {
          guard case .full = error, let stuck = files.queue.first else { throw error }
          shortage = error
          through = LogSequence(stuck.firstSequence.value - 1)
        }
        return hasBug(.acknowledgeBeforeSync) ? CommitWork() : collect(&files)
      }
      if !work.syncs.isEmpty { onWritten() }
      try synchronize(work)
      try report(work, through: through)
      if let shortage { throw shortage }
    }
  }

  private struct CommitWork {
    var syncs: [SyncWork] = []
    var directory = false
  }

  private func takeWork() -> CommitWork { files.withLock { collect(&$0) } }

  private func collect(_ files: inout LogFiles) -> CommitWork {
    var work = CommitWork(directory: files.directoryDirty)
    files.directoryDirty = false
    for name in files.dirty {
      guard let copy = state.withLock({ $0[name] }), var file = files.open[name] else { continue }
      // An empty frame alone is not worth a sync.
      if name == files.writing, copy.end.records == copy.end.durableRecords { continue }
      file.isDirty = false
      file.isSyncing = true
      files.open[name] = file
      work.syncs.append(SyncWork(name: name, handle: file.handle, ends: copy.end))
    }
    return work
  }

  private func synchronize(_ work: CommitWork) throws(LogError) {
    guard options.syncPolicy != .never else { return }
    do throws(FileError) {
      for item in work.syncs {
        do throws(FileError) { try fs.synchronize(item.handle) } catch {
          guard hasBug(.failedSyncRetried) else { throw error }
          try fs.synchronize(item.handle)
        }
      }
      if work.directory, !hasBug(.directoryNotSynced) { try fs.synchronizeDirectory(directory) }
    } catch {
      throw poison(error)
    }
  }

  private func report(_ work: CommitWork, through: LogSequence) throws(LogError) {
    try files.withLock { files throws(LogError) in
      var notes: [Note] = []
      for item in work.syncs { files.open[item.name]?.isSyncing = false }
      try state.withLock { state throws(LogError) in
        try state.check()
        for item in work.syncs {
          guard var copy = state[item.name], copy.end.durableEnd < item.ends.end else { continue }
          copy.end.durableEnd = item.ends.end
          copy.end.durableRecords = item.ends.records
          state.update(copy)
          if !copy.isOurs, testifies { notes.append(.durable(item.name, end: item.ends.end)) }
        }
        state.durable = max(state.durable, through)
      }
      keepNotes(notes, &files)
      files.trim(fs)
    }
  }

  /// Notes that find no space are lost, and what they would have told of copies is fetched again;
  /// the file is tried again with the next.
  func keepNotes(_ notes: [Note], _ files: inout LogFiles) {
    do throws(FileError) {
      try openNotes(&files)
      try files.notes?.append(notes, on: fs)
      guard files.notes?.isLong == true else { return }
      var all = state.withLock { $0.notes }
      all.fold(files.uptimes)
      files.notes = try files.notes?.rewritten(all, on: fs)
      files.directoryDirty = true
    } catch {}
  }

  /// The file could not be opened at the start if the disk was full.
  func openNotes(_ files: inout LogFiles) throws(FileError) {
    guard files.notes == nil else { return }
    files.notes = try NotesFile.open(in: directory, log: kind, on: fs).0
  }

  /// Notes for how long this node has been up, and when it saw others: what no other node can know.
  public func note(_ uptimes: Uptimes) {
    let seen = uptimes.seen.keys.sorted().compactMap { node in
      uptimes.seen[node].map { Note.seen(node, at: $0) }
    }
    files.withLock { files in
      files.uptimes = uptimes
      keepNotes([.uptime(uptimes.total)] + seen, &files)
    }
  }

  /// As noted last, by this start or an earlier one.
  public var notedUptimes: Uptimes { files.withLock { $0.uptimes } }

  /// Everything durable, the open segment finished, every file closed. Later appends throw.
  public func close() throws(LogError) {
    try commit()
    closePendingCheckpoint()
    try syncing.withLock { _ throws(LogError) in
      try files.withLock { files throws(LogError) in
        if let writing = files.writing { try finish(writing, &files) }
        discardReady(&files)
        closeAll(&files)
        state.withLock { $0.isClosed = true }
      }
    }
  }
}
