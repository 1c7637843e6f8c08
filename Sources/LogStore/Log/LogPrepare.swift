// The next segment, made ready before it is needed, so that no append waits for a file to be made:
// allocated, header and name durable. It holds no record; a crash leaves it as an empty segment,
// which the next start's cleaning takes away.

/// A file that waits to become the open segment.
struct ReadySegment: Sendable {
  var header: SegmentHeader
  var file: OpenFile
}

extension Log {
  /// Whether `prepareNextSegment` has something to do: the open segment is more than half full.
  public var wantsNextSegment: Bool {
    state.withLock { state in
      state.nextReady == nil && state.nextRefused != state.current.nonce
        && state.nextOrdinal > .zero
        && state.estimate > options.segmentLimit / 2 && state.fullness == nil
        && state.poison == nil && !state.isClosed
    }
  }

  /// Makes the next segment's file. Where that fails (no space, no descriptor) nothing is lost: the
  /// write that needs the file makes it, and tells. May run on any thread beside writes.
  public func prepareNextSegment() {
    preparing.withLock { _ in
      guard wantsNextSegment else { return }
      let header = state.withLock { $0.headerOfNext(draw: options.drawNonce) }
      guard let file = try? createSegment(header, ahead: options.segmentLimit / 4) else {
        // Once a segment.
        state.withLock { $0.nextRefused = header.previous }
        return
      }
      let ready = ReadySegment(header: header, file: file)
      files.withLock { files in
        // One that waits for its first write may be the open segment's own.
        let isFree = files.ready == nil
        let isWanted = state.withLock { state in
          guard isFree, !state.isClosed, state.current.nonce == header.previous else {
            state.nextRefused = header.previous
            return false
          }
          state.nextReady = header
          return true
        }
        if isWanted { files.ready = ready } else { discard(ready) }
      }
    }
  }

  /// Makes the file of a new segment. Header and directory entry are durable when this returns, so
  /// nothing of a segment is ever shipped or acknowledged whose name a power cut could take. Under
  /// the policy `never` too: frames behind a header that is gone would look like damage.
  func createSegment(
    _ header: SegmentHeader, ahead length: UInt64 = 0
  ) throws(LogError) -> OpenFile {
    let path = path(of: header.name)
    var file = OpenFile(handle: try createFile(path))
    do throws(LogError) {
      try header.encoded().withUnsafeBufferPointer { bytes throws(LogError) in
        try put(UnsafeRawBufferPointer(bytes), at: 0, in: file)
      }
      allocate(&file, to: max(length, UInt64(Format.segmentHeaderSize)))
    } catch {
      fs.close(file.handle)
      try? fs.remove(path)
      throw error
    }
    do throws(FileError) {
      try fs.synchronize(file.handle)
      if !hasBug(.directoryNotSynced) { try fs.synchronizeDirectory(directory) }
    } catch {
      fs.close(file.handle)
      throw poison(error)
    }
    return file
  }

  private func createFile(_ path: String) throws(LogError) -> FileHandle {
    // One that is there was an attempt of this process that found no space; nobody was told of it.
    do throws(FileError) { return try fs.createAnew(path) } catch {
      if error.isFull { throw .full(.disk(error)) }
      throw .io(error)
    }
  }

  /// The file that was made ready for `header`'s segment, if there is one; another is taken away.
  func takeReady(_ header: SegmentHeader, _ files: inout LogFiles) -> OpenFile? {
    guard let ready = files.ready else { return nil }
    guard ready.header == header else {
      discardReady(&files)
      return nil
    }
    files.ready = nil
    return ready.file
  }

  func discardReady(_ files: inout LogFiles) {
    if let ready = files.ready.take() { discard(ready) }
  }

  private func discard(_ ready: ReadySegment) {
    fs.close(ready.file.handle)
    // Left behind, it is an empty segment: no harm.
    try? fs.remove(path(of: ready.header.name))
  }
}

extension FileSystem {
  /// Makes the file; one that is there goes.
  func createAnew(_ path: String) throws(FileError) -> FileHandle {
    do throws(FileError) { return try open(path, .create) } catch {
      guard error.isExisting else { throw error }
      try remove(path)
      return try open(path, .create)
    }
  }
}

extension LogState {
  mutating func headerOfNext(draw: (@Sendable () -> UInt64)?) -> SegmentHeader {
    let name = SegmentName(
      node: current.node, log: current.log, serial: serialAfter(current.serial),
      nonce: drawNonce(draw))
    return SegmentHeader(name: name, previous: current.nonce)
  }

  /// The segment that was made ready, if it is the one to follow; it is ready no longer.
  mutating func takeNext() -> SegmentName? {
    guard let ready = nextReady else { return nil }
    nextReady = nil
    guard ready.previous == current.nonce, nextOrdinal > .zero,
      ready.name.serial == serialAfter(current.serial)
    else { return nil }
    return ready.name
  }
}
