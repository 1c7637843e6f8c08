// The checkpoint of a log: how a new one takes the place of the last, and how what it holds is read
// again. It is a cache: without it a start reads every segment.

/// A whole file that is not in its place yet.
struct PendingCheckpoint: Sendable {
  var writer: CheckpointWriter
  var marks: [SegmentName: SegmentMark]
  /// What it leaves out rests on everything up to here.
  var asOf: LogSequence
}

extension Log {
  /// What the checkpoint on disk counts; nil if there is none that may be used.
  var checkpointMarks: [SegmentName: SegmentMark]? { state.withLock { $0.checkpoint } }

  func forgetCheckpoint() { state.withLock { $0.checkpoint = nil } }

  /// Damage was found in what the checkpoint counts: the next start has to read everything.
  public func dropCheckpoint() {
    closePendingCheckpoint()
    publishing.withLock { _ in
      forgetCheckpoint()
      // If it can't be removed, the disk has worse troubles, and they are told.
      do throws(FileError) { try fs.remove(directory + "/" + CheckpointFormat.fileName) } catch {}
    }
    // The next commit makes it durable; its failure is final.
    files.withLock { $0.directoryDirty = true }
  }

  /// One that waits for a commit is given up.
  func closePendingCheckpoint() {
    publishing.withLock { _ in
      let pending = state.withLock { $0.pendingCheckpoint.take() }
      pending?.writer.discard(self)
    }
  }

  /// A checkpoint counts what is durable; under the policy `never` nothing is known to be.
  var storesCheckpoints: Bool { fullness == nil && testifies }

  /// Whether a checkpoint waits for a commit.
  public var hasPendingCheckpoint: Bool { state.withLock { $0.pendingCheckpoint != nil } }

  func propose(_ pending: PendingCheckpoint) {
    let last = state.withLock { state in
      defer { state.pendingCheckpoint = pending }
      return state.pendingCheckpoint
    }
    last?.writer.close(on: fs)
  }

  /// After a commit: puts a checkpoint in its place, if one waits for no more than this. Until it
  /// is there it counts as pending, so that no survey takes the file for its own.
  func publishCheckpoint() throws(LogError) {
    try publishing.withLock { _ throws(LogError) in
      let waiting = state.withLock { state -> PendingCheckpoint? in
        guard let pending = state.pendingCheckpoint, state.poison == nil, !state.isClosed,
          state.durable >= pending.asOf || hasBug(.staleCheckpointBelieved)
        else { return nil }
        return pending
      }
      guard let ready = waiting else { return }
      let isThere = put(ready)
      ready.writer.close(on: fs)
      state.withLock { state in
        state.pendingCheckpoint = nil
        if isThere { state.checkpoint = ready.marks }
      }
      guard isThere, options.syncPolicy != .never else { return }
      // The same sync makes entries of segments durable: its failure is as final.
      do throws(FileError) { try fs.synchronizeDirectory(directory) } catch { throw poison(error) }
    }
  }

  /// False if it failed: the last one is still there, and still right.
  private func put(_ ready: PendingCheckpoint) -> Bool {
    do throws(FileError) {
      if options.syncPolicy != .never { try ready.writer.synchronize(on: fs) }
      try fs.rename(
        directory + "/" + CheckpointFormat.freshName,
        to: directory + "/" + CheckpointFormat.fileName)
      return true
    } catch { return false }
  }

  /// Every record held that is not dead for ever, and perhaps some that are: the checkpoint's, then
  /// what was written after it. Of kinds that the options abridge, the checkpoint has the beginning
  /// only. A record may come twice.
  public func replay(_ visit: Visit) throws(LogError) {
    var marks: [SegmentName: SegmentMark] = [:]
    if checkpointMarks != nil {
      do throws(CheckpointFault) {
        marks = try replayEntries(visit)
      } catch {
        forgetCheckpoint()
      }
    }
    for end in vector() {
      var cursor = marks[end.name]?.cursor ?? .start
      var budget = Int.max
      _ = try walkFrames(of: end.name, from: &cursor, before: end.end, budget: &budget) {
        header, raw throws(LogError) in
        try walk(raw, of: header, in: end.name, visit)
      }
      if end.end > .zero { try check(cursor, against: end) }
    }
  }

  private func replayEntries(
    _ visit: Visit
  ) throws(CheckpointFault) -> [SegmentName: SegmentMark] {
    guard
      var reader = try CheckpointReader.open(in: directory, node: node, log: kind, on: fs)
    else { return [:] }
    defer { reader.close() }
    return try CheckpointSummary.read(&reader, log: kind) { name, entry in
      guard end(of: name) != nil else { return }
      visit(Position(segment: name, ordinal: entry.ordinal), entry.kind, entry.stored)
    }.marks
  }
}
