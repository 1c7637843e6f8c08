// Taking bytes of segments from others: copies of their segments, and what this node lost of its
// own older ones. Verified frames are written verbatim; a copy is dirty until `commit` syncs it.

extension Log {
  /// Takes whole frames of `name` that start at `offset` (with the header, at zero). Bytes already
  /// held are skipped when equal. `visit` gets every new record, after the write, outside all
  /// locks. Returns the end now held and the sequence whose durability makes it durable.
  @discardableResult
  public func ingest(
    _ name: SegmentName, at offset: Offset, _ bytes: UnsafeRawBufferPointer, visit: Visit
  ) throws(IngestError) -> (SegmentEnd, LogSequence) {
    var decoder = PayloadDecoder()
    var taken: Offer.News?
    let result = try files.withLock { files throws(IngestError) -> (SegmentEnd, LogSequence) in
      let copy = try admit(name, offset, bytes.count)
      var offer = Offer(name: name, offset: offset.value, bytes: bytes, held: copy?.end)
      offer.ignoresPlaces = hasBug(.wrongOffsetAccepted)
      let relation = try offer.relation(decoder: &decoder) { at, count throws(LogError) in
        try heldBytes(name, at, count)
      }
      switch relation {
      case .known:
        return try known(name, copy)
      case .differs(let index):
        throw try difference(offer, index)
      case .news(let news):
        if copy?.isOurs == true { throw .ownAhead }
        taken = news
        return try store(news, copy, &files)
      }
    }
    if let taken { visitNews(taken, of: name, &decoder, visit) }
    return result
  }

  /// Refusals that need no look at the bytes.
  private func admit(
    _ name: SegmentName, _ offset: Offset, _ count: Int
  ) throws(IngestError) -> Copy? {
    try state.withLock { state throws(IngestError) in
      do throws(LogError) { try state.check() } catch { throw .log(error) }
      guard name.log == kind else { throw .log(.unknownSegment(name)) }
      if let record = state.retirements.isRetired(name) { throw .retired(record) }
      let copy = state[name]
      let isLost = state.missing[name] != nil
      if name.node == node, copy == nil, !isLost, name.serial >= state.firstSerial {
        throw .ownAhead
      }
      if let fullness = state.fullness { throw .log(.full(fullness)) }
      if let capacity = options.capacity,
        state.used + state.pending + UInt64(count) + options.reserve > capacity
      {
        throw .log(.full(.quota(used: state.used + state.pending, capacity: capacity)))
      }
      return copy
    }
  }

  private func known(
    _ name: SegmentName, _ copy: Copy?
  ) throws(IngestError) -> (SegmentEnd, LogSequence) {
    guard let copy else { throw .gap(end: nil) }
    return (copy.end, copy.lastSequence)
  }

  private func heldBytes(
    _ name: SegmentName, _ offset: UInt64, _ count: Int
  ) throws(LogError) -> [UInt8] {
    try withWindow(name, limit: offset + UInt64(count)) { window throws(LogError) in
      [UInt8](try window.load(offset, count))
    }
  }

  /// Which side is wrong where the offer differs from the copy: the offer's bytes, the copy's
  /// bytes, or neither, and then these are two histories under one name.
  private func difference(_ offer: Offer, _ index: Int) throws(IngestError) -> IngestError {
    if let fault = offer.faultBefore(index, window: 256 * 1024) {
      return .damaged(end: offer.held, fault)
    }
    guard let held = offer.held else { return .gap(end: nil) }
    do throws(LogError) { try forEachFrame(of: held) { _, _ in } } catch { return .log(error) }
    return .diverged(held)
  }

  private func store(
    _ news: Offer.News, _ copy: Copy?, _ files: inout LogFiles
  ) throws(IngestError) -> (SegmentEnd, LogSequence) {
    let name = news.end.name
    do throws(LogError) {
      var file = try openCopy(name, isNew: copy == nil, &files)
      do throws(LogError) { try put(news.bytes, at: news.writeAt, in: file) } catch {
        if case .full(let fullness) = error {
          if copy == nil { forgetCopy(name, &files) }
          state.withLock { $0.fullness = fullness }
        }
        throw error
      }
      file.isDirty = true
      files.open[name] = file
    } catch { throw .log(error) }
    for start in news.starts {
      files.indexes[name, default: SparseIndex()].note(start.ordinal, at: start.offset)
    }
    let result = state.withLock { state in
      state.sequence = state.sequence.next
      var updated = copy ?? Copy(end: news.end, damagedUntil: state.missing[name])
      let durable = (updated.end.durableEnd, updated.end.durableRecords)
      updated.end = news.end
      (updated.end.durableEnd, updated.end.durableRecords) = durable
      updated.lastSequence = state.sequence
      state.update(updated)
      return (updated.end, state.sequence)
    }
    files.trim(fs)
    return result
  }

  private func openCopy(
    _ name: SegmentName, isNew: Bool, _ files: inout LogFiles
  ) throws(LogError) -> OpenFile {
    if let file = files.touch(name) { return file }
    do throws(FileError) {
      files.keep(name, OpenFile(handle: try openCopyFile(name, isNew)))
      if isNew { files.directoryDirty = true }
    } catch {
      if error.isFull { throw .full(.disk(error)) }
      throw .io(error)
    }
    guard let file = files.open[name] else { throw .unknownSegment(name) }
    return file
  }

  private func openCopyFile(
    _ name: SegmentName, _ isNew: Bool
  ) throws(FileError) -> FileHandle {
    let path = path(of: name)
    let isDamagedInPlace = state.withLock { $0.missing[name] != nil }
    guard isNew else { return try fs.open(path, .update) }
    if isDamagedInPlace {
      // The same segment's bytes are written over what can't be read; what is intact behind stays.
      do throws(FileError) { return try fs.open(path, .update) } catch {
        guard error.isMissing else { throw error }
      }
    }
    // One that is there was an attempt that found no space, and could not be taken back; nobody was
    // told of it.
    return try fs.createAnew(path)
  }

  /// Takes back the file of a copy whose first bytes found no space. One that damage left in place
  /// is all that is left of it here.
  private func forgetCopy(_ name: SegmentName, _ files: inout LogFiles) {
    if let file = files.open.removeValue(forKey: name) { fs.close(file.handle) }
    guard state.withLock({ $0.missing[name] == nil }) else { return }
    try? fs.remove(path(of: name))
  }

  private func visitNews(
    _ news: Offer.News, of name: SegmentName, _ decoder: inout PayloadDecoder, _ visit: Visit
  ) {
    var at = news.writeAt == 0 ? Format.segmentHeaderSize : 0
    while at < news.bytes.count {
      let rest = news.bytes.part(at..<news.bytes.count)
      // Both succeeded a moment ago, on the same bytes.
      guard let header = try? FrameHeader(decoding: rest),
        let raw = try? decoder.records(of: header, in: rest)
      else { return }
      try? walk(raw, of: header, in: name) { place, kind, payload in
        if kind.value <= RecordKind.lastOfLogStore {
          state.withLock { fold(&$0, kind, payload) }
        }
        visit(place, kind, payload)
      }
      at += header.totalSize
    }
  }
}
