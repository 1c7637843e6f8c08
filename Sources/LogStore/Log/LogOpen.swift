// Opening a log: recovery first, then a new segment. A start never writes to a segment of an
// earlier one, whatever state it is in.

extension Log {
  /// Recovers what is in `directory` and opens a new segment (its file is made by the first write).
  /// `visit` gets every intact record once, salvage included; it must not call the log. When this
  /// returns, all that it visited is durable. `knownSerial` is a serial of this node that others
  /// have seen; the new one is above it.
  public static func open(
    _ directory: String, on fs: any FileSystem, node: NodeID, log: LogKind,
    options: LogOptions = LogOptions(), entropy: inout some RandomNumberGenerator,
    knownSerial: Serial? = nil, visit: Visit
  ) throws(LogError) -> (Log, RecoveryReport) {
    try LogError.io { () throws(FileError) in try prepare(directory, on: fs) }
    var files = LogFiles()
    var recovery = Recovery(directory, on: fs, node: node, log: log, bugs: options.plantedBugs)
    do throws(FileError) {
      (files.notes, recovery.notes) = try NotesFile.open(in: directory, log: log, on: fs)
    } catch {
      // A full disk does without new notes: all that is held must stay readable.
      guard error.isFull else { throw .io(error) }
    }
    let copies: [Copy]
    let salvage: [Salvage]
    do throws(LogError) {
      try recovery.scan(visit: visit)
      (copies, salvage) = try recovery.settle()
    } catch {
      files.notes?.close(on: fs)
      throw error
    }
    files.uptimes = recovery.notes.uptimes
    for scan in recovery.scans { files.indexes[scan.name] = scan.index }
    let state = startState(
      recovery, node, log, knownSerial, copies, nonce: entropy.next(), seed: entropy.next(),
      options.plantedBugs)
    let opened = Log(
      directory, on: fs, node: node, kind: log, options: options,
      startNonce: state.current.nonce, files: files, state: state)
    try opened.start(&recovery, salvage, visit)
    return (opened, recovery.report)
  }

  private static func prepare(_ directory: String, on fs: any FileSystem) throws(FileError) {
    do throws(FileError) { _ = try fs.list(directory) } catch {
      guard error.isMissing else { throw error }
      try fs.makeDirectory(directory)
      try fs.synchronizeDirectory(parentDirectory(of: directory))
    }
  }

  private static func startState(
    _ recovery: borrowing Recovery, _ node: NodeID, _ log: LogKind, _ knownSerial: Serial?,
    _ copies: [Copy], nonce: UInt64, seed: UInt64, _ bugs: PlantedBugs
  ) -> LogState {
    let known = min(knownSerial ?? Serial(0), Serial(Format.largestSerial))
    let highest = max(recovery.highestSerial ?? Serial(0), known)
    let own = copies.filter { $0.end.name.node == node }
    // An empty one was made ready and never used: nothing is to be told of it.
    let used = own.filter { $0.end.records > .zero }
    let last = used.max { $0.end.name.serial < $1.end.name.serial }
    let name = SegmentName(node: node, log: log, serial: highest, nonce: Nonce(nonce))
    var state = LogState(current: name, previous: last?.end.name.nonce, nonceSeed: seed)
    state.retirements = recovery.retirements
    state.checkpoint = recovery.marks
    for copy in copies { state.update(copy) }
    let next = bugs.contains(.serialReused) ? max(highest, Serial(1)) : state.serialAfter(highest)
    state.open(serial: next)
    if bugs.contains(.restartAppendsToLastSegment), let last { state.reopen(last) }
    for (name, until) in recovery.notes.damaged where state[name] == nil {
      state.missing[name] = until
    }
    return state
  }

  /// The last part of opening, on the log itself: salvage, notes, the reserve.
  private func start(
    _ recovery: inout Recovery, _ salvage: [Salvage], _ visit: Visit
  ) throws(LogError) {
    try files.withLock { files throws(LogError) in
      if hasBug(.restartAppendsToLastSegment) { try reopenLast(&files) }
      try noteStart(recovery.notes, recovery.freshDamage, recovery.report, &files)
      holdReserve(&files)
    }
    for item in salvage {
      do throws(LogError) {
        let (frames, records, kept) = try quarantine(item, visit: visit)
        recovery.salvaged(item, frames: frames, records: records, kept: kept)
      } catch {
        // Without space the file stays as it is, and what is intact of it serves; the next start
        // tries again.
        guard case .full = error else { throw error }
        files.withLock { keepNotes([.damaged(item.scan.name, until: item.until)], &$0) }
      }
      if item.scan.header == nil {
        state.withLock { $0.missing[item.scan.name] = item.until }
      }
    }
  }

  /// Notes what this start found durable, and rewrites the notes if they have become long.
  private func noteStart(
    _ notes: Notes, _ damage: [Note], _ report: RecoveryReport, _ files: inout LogFiles
  ) throws(LogError) {
    var kept = notes
    for note in damage { kept.fold(note) }
    let copies = state.withLock { $0.copies }
    var fresh = damage
    for copy in copies where kept.durable[copy.end.name] != copy.end.end {
      let isQuarantined = report.findings.contains {
        $0.segment == copy.end.name && $0.decision == .quarantine
      }
      if !isQuarantined { fresh.append(.durable(copy.end.name, end: copy.end.end)) }
    }
    for note in fresh { kept.fold(note) }
    guard files.notes?.isLong == true else {
      keepNotes(fresh, &files)
      return
    }
    let held = Set(copies.map(\.end.name))
    kept.keepDurable { held.contains($0) }
    do throws(FileError) {
      files.notes = try files.notes?.rewritten(kept, on: fs)
      files.directoryDirty = true
    } catch {
      // The long file goes on as it is.
      keepNotes(fresh, &files)
    }
  }

  /// Test only: what a start must never do.
  private func reopenLast(_ files: inout LogFiles) throws(LogError) {
    let name = openSegment
    guard state.withLock({ $0[name] != nil }) else { return }
    let handle = try LogError.io { () throws(FileError) in try fs.open(path(of: name), .update) }
    files.keep(name, OpenFile(handle: handle))
    files.writing = name
  }
}

extension LogState {
  mutating func open(serial: Serial) {
    current.serial = serial
    firstSerial = serial
  }

  /// Test only.
  mutating func reopen(_ last: Copy) {
    current = last.end.name
    nextOrdinal = last.end.records
    estimate = last.end.end.value
    var copy = last
    copy.isOurs = true
    update(copy)
  }
}
