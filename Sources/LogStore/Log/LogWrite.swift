// Framing and writing: what gathered becomes frames in the files of own segments. Everything here
// runs under the lock on `files`. A frame that found no space stays in the queue, in order; any
// other failed write stops the log.

extension Log {
  /// Frames what is buffered and writes it: it may be shipped then, but is not durable yet.
  public func write() throws(LogError) {
    try files.withLock { files throws(LogError) in _ = try writeQueue(&files) }
  }

  /// Returns the sequence up to which everything is in the files.
  func writeQueue(_ files: inout LogFiles) throws(LogError) -> LogSequence {
    let (taken, current) = try state.withLock {
      state throws(LogError) -> (LogSequence, SegmentName) in
      try state.check()
      files.queue.take(&state.gather)
      return (state.sequence, state.current)
    }
    while let frame = files.queue.first {
      do throws(LogError) {
        try usingReserve(&files) { files throws(LogError) in try writeFrame(frame, &files) }
      } catch {
        if case .full(let fullness) = error { state.withLock { $0.fullness = fullness } }
        throw error
      }
      files.queue.dropFirst()
    }
    holdReserve(&files)
    if let writing = files.writing, writing != current { try finish(writing, &files) }
    return taken
  }

  private func writeFrame(_ frame: PendingFrame, _ files: inout LogFiles) throws(LogError) {
    if files.writing != frame.segment {
      if let writing = files.writing { try finish(writing, &files) }
      try create(frame, &files)
    }
    let header = try place(
      files.queue.bytes(of: frame), count: frame.count, in: frame.segment, after: frame.previous,
      &files)
    let bound = Log.frameOverhead + UInt64(frame.size)
    state.withLock { state in
      state.buffered -= frame.size
      state.pending -= bound
      if state.current == frame.segment {
        state.estimate -= bound - UInt64(header.totalSize)
      }
    }
  }

  /// Encodes a frame at the end of the segment that is written, and writes it.
  private func place(
    _ raw: UnsafeRawBufferPointer, count: Int, in name: SegmentName, after previous: Nonce?,
    _ files: inout LogFiles
  ) throws(LogError) -> FrameHeader {
    guard var file = files.touch(name),
      var copy = state.withLock({ $0[name] })
    else { throw .unknownSegment(name) }
    let start = FrameHeader(
      offset: copy.end.end.value, nonce: name.nonce, firstOrdinal: copy.end.records,
      previous: copy.end.chain, durableEnd: testifies ? copy.end.durableEnd.value : 0,
      previousSegmentEnd: testifies ? state.withLock { previousEnd($0, copy, previous) } : 0)
    let header = files.encoder.encode(raw, count: count, header: start, codec: options.codec)
    allocate(&file, to: header.end)
    files.open[name] = file
    try put(files.encoder.frame, at: header.offset, in: file)
    file.isDirty = true
    files.open[name] = file
    if count > 0 || files.indexes[name] == nil {
      files.indexes[name, default: SparseIndex()].note(header.firstOrdinal, at: header.offset)
    }
    copy.end.end = Offset(header.end)
    copy.end.chain = header.checksum
    copy.end.records = header.endOrdinal
    copy.testified = max(copy.testified, copy.end.durableRecords)
    state.withLock { state in
      copy.lastSequence = state.sequence
      state.update(copy)
    }
    return header
  }

  /// Under the policy `never` nothing is known to survive a power cut, whatever is acknowledged: a
  /// frame that said so would make damage of what is then missing.
  var testifies: Bool { options.syncPolicy != .never }

  /// What the first frame of a segment testifies about the one before it.
  private func previousEnd(
    _ state: borrowing LogState, _ copy: Copy, _ previous: Nonce?
  ) -> UInt64 {
    guard copy.end.end.value == UInt64(Format.segmentHeaderSize), let previous else { return 0 }
    let before = state.copies.last {
      $0.end.name.node == node && $0.end.name.nonce == previous
    }
    return before?.end.durableEnd.value ?? 0
  }

  /// Space for coming frames, in steps: 1 MiB, doubling to 16 MiB. Without it (a full disk, a file
  /// system that can't) writing goes on as far as it can.
  func allocate(_ file: inout OpenFile, to end: UInt64) {
    guard end > file.allocated else { return }
    let step = min(max(file.allocated, 1 << 20), 16 << 20)
    let length = min(max(end, file.allocated + step), max(end, options.segmentLimit))
    do throws(FileError) {
      try fs.allocate(file.handle, to: length)
      file.allocated = length
    } catch {
      // Not asked again before it has grown by as much anyway.
      file.allocated = end
    }
  }

  func put(
    _ bytes: UnsafeRawBufferPointer, at offset: UInt64, in file: OpenFile
  ) throws(LogError) {
    do throws(FileError) { try fs.write(file.handle, bytes, at: offset) } catch {
      if error.isFull { throw .full(.disk(error)) }
      throw poison(error)
    }
  }

  private func create(_ frame: PendingFrame, _ files: inout LogFiles) throws(LogError) {
    let name = frame.segment
    let header = SegmentHeader(name: name, previous: frame.previous)
    if let file = takeReady(header, &files) {
      files.keep(name, file)
    } else {
      files.keep(name, try createSegment(header))
    }
    files.writing = name
    let end = Offset(UInt64(Format.segmentHeaderSize))
    let ends = SegmentEnd(
      name: name, end: end, chain: header.checksum, records: .zero, durableEnd: end,
      durableRecords: .zero)
    state.withLock { $0.update(Copy(end: ends, isOurs: true)) }
    files.trim(fs)
  }

  /// Seals a segment's file: a last testimony, cut to its length, all of it durable.
  func finish(_ name: SegmentName, _ files: inout LogFiles) throws(LogError) {
    guard let copy = state.withLock({ $0[name] }) else {
      files.writing = nil
      return
    }
    if copy.end.durableRecords > copy.testified {
      do throws(LogError) { try testify(name, &files) } catch {
        // The testimony is a courtesy: a full disk goes without.
        guard case .full = error else { throw error }
      }
    }
    guard var file = files.touch(name), var sealed = state.withLock({ $0[name] }) else { return }
    do throws(FileError) {
      try fs.truncate(file.handle, to: sealed.end.end.value)
      if options.syncPolicy != .never { try fs.synchronize(file.handle) }
    } catch {
      throw poison(error)
    }
    file.allocated = sealed.end.end.value
    file.isDirty = false
    files.open[name] = file
    files.writing = nil
    sealed.end.durableEnd = sealed.end.end
    sealed.end.durableRecords = sealed.end.records
    state.withLock { $0.update(sealed) }
  }

  /// Writes an empty frame, which tells how far the segment is durable.
  private func testify(_ name: SegmentName, _ files: inout LogFiles) throws(LogError) {
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    let header = try place(nothing, count: 0, in: name, after: nil, &files)
    state.withLock { state in
      if state.current == name { state.estimate += UInt64(header.totalSize) }
    }
  }

  /// When the log is idle: an empty frame that tells the durable end, once; it needs no sync of its
  /// own. Nothing happens if that was told already or something still waits.
  public func idle() throws(LogError) {
    try files.withLock { files throws(LogError) in
      // A full disk is tried again here, so that a log that refuses appends finds out.
      if state.withLock({ $0.fullness != nil }) { _ = try writeQueue(&files) }
      guard let name = files.writing, files.queue.isEmpty else { return }
      let isDue = try state.withLock { state throws(LogError) in
        try state.check()
        guard let copy = state[name], state.gather.isEmpty else { return false }
        return copy.end.records == copy.end.durableRecords
          && copy.end.durableRecords > copy.testified
      }
      if isDue { try testify(name, &files) }
    }
  }
}
