// One log of one node: the segments that this node writes and its copies of others'. It promises
// that what it reports as durable is on this disk, that a position told is final, and that every
// byte it gives away or takes was verified. It knows records as bytes and nothing of networks.
//
// Locks, always taken in this order: `cleaning` (examinations and deletions), `syncing` (one sync
// at a time, and no file goes while one runs), `files` (orders writes), `state` (held for moments;
// all that an append takes). So appends gather while a sync runs. Beside `syncing` stand
// `preparing` and `publishing`, of which no other is held when they are taken but `cleaning`. The
// log starts no thread; LogWriter is one.

public final class Log: Sendable {
  public let directory: String
  public let node: NodeID
  public let kind: LogKind
  /// The nonce of the segment opened at this start: it names the tasks of this start.
  public let startNonce: Nonce
  let options: LogOptions
  let fs: any FileSystem

  /// Serialises examinations and deletions.
  let cleaning = Guarded(())
  let syncing = Guarded(())
  /// One next segment at a time.
  let preparing = Guarded(())
  /// One checkpoint takes its place, or goes, at a time.
  let publishing = Guarded(())
  let files: Guarded<LogFiles>
  let state: Guarded<LogState>

  init(
    _ directory: String, on fs: any FileSystem, node: NodeID, kind: LogKind, options: LogOptions,
    startNonce: Nonce, files: consuming LogFiles, state: consuming LogState
  ) {
    self.directory = directory
    self.fs = fs
    self.node = node
    self.kind = kind
    self.options = options
    self.startNonce = startNonce
    self.files = Guarded(files)
    self.state = Guarded(state)
  }

  deinit {
    closePendingCheckpoint()
    files.withLock { closeAll(&$0) }
  }

  func closeAll(_ files: inout LogFiles) {
    for name in files.open.keys.sorted() {
      if let file = files.open[name] { fs.close(file.handle) }
    }
    files.open = [:]
    files.writing = nil
    if let ready = files.ready { fs.close(ready.file.handle) }
    files.ready = nil
    files.notes?.close(on: fs)
    files.notes = nil
  }

  // MARK: what is known without the disk

  /// Where the next append goes.
  public var openSegment: SegmentName { state.withLock { $0.current } }
  /// The number of the last change: an append of a batch or an ingest.
  public var sequence: LogSequence { state.withLock { $0.sequence } }
  /// Every change up to this one survives a power cut.
  public var durable: LogSequence { state.withLock { $0.durable } }
  /// Set for good by the first write or sync that failed.
  public var poisoned: FileError? { state.withLock { $0.poison } }
  /// The last write found no space; cleared by one that succeeds.
  public var fullness: Fullness? { state.withLock { $0.fullness } }
  public var retirements: RetirementTable { state.withLock { $0.retirements } }
  /// Bytes of all segments held, as far as written.
  public var bytesUsed: UInt64 { state.withLock { $0.used } }

  /// Bytes put into segments since the start, deleted ones included.
  public var bytesWritten: UInt64 { state.withLock { $0.written } }

  /// Every held segment, sorted by name. A segment is in it once its header is durable (own) or
  /// written (copies).
  public func vector() -> [SegmentEnd] { state.withLock { $0.copies.map(\.end) } }

  public func end(of name: SegmentName) -> SegmentEnd? { state.withLock { $0[name]?.end } }

  /// False if damage cut this copy short and it is not healed yet; nil if it is not held.
  public func isComplete(_ name: SegmentName) -> Bool? { state.withLock { $0[name]?.isComplete } }

  // MARK: common to the extensions

  package func path(of name: SegmentName) -> String { directory + "/" + SegmentFileName.file(name) }

  /// The log stops for good: what a failed write or sync covered is unknown.
  func poison(_ error: FileError) -> LogError {
    .poisoned(
      state.withLock { state in
        if state.poison == nil { state.poison = error }
        return state.poison ?? error
      })
  }

  func hasBug(_ bug: PlantedBugs) -> Bool { options.plantedBugs.contains(bug) }
}

extension FileError {
  /// ENOSPC or EDQUOT: space may return, and nothing was lost.
  var isFull: Bool { code == 28 || code == FileError.quotaExceeded }
  var isMissing: Bool { code == 2 }
  var isExisting: Bool { code == 17 }
  /// EWOULDBLOCK of flock(2), on Linux and elsewhere.
  var isHeldByAnother: Bool { code == 11 || code == 35 }

  private static var quotaExceeded: Int32 {
    #if os(Linux)
      122
    #else
      69
    #endif
  }
}
