// Keeps a damaged file aside. Its intact frames behind the damage are appended to the open segment
// as facts and made durable first; then the valid prefix, copied, takes the file's place.

extension Log {
  /// Returns how many frames and records were salvaged, and where the damaged file is now.
  func quarantine(
    _ item: Salvage, visit: Visit
  ) throws(LogError) -> (frames: Int, records: Int, kept: String) {
    try withPrefix(of: item.scan) { () throws(LogError) in
      let records = try salvage(item.scan, visit)
      try commit()
      let kept = try files.withLock { files throws(LogError) in try setAside(item, &files) }
      return (item.scan.behind.count, records, kept)
    }
  }

  /// Appends the records of the intact frames behind the damage. Returns how many.
  func salvage(_ scan: SegmentScan, _ visit: Visit) throws(LogError) -> Int {
    var records = 0
    try withWindow(scan.name, limit: scan.size) { window throws(LogError) in
      var decoder = PayloadDecoder()
      for item in scan.behind {
        guard
          case .frame(let header, let bytes) = try frame(at: item.offset, of: scan.name, &window),
          let raw = try? decoder.records(of: header, in: bytes), header.count > 0
        else { continue }
        records += Int(header.count)
        for (batch, count) in batches(raw, Int(header.count)) {
          // It takes the place of what is set aside, so no quota keeps it out.
          let appended = try enqueue(batch, count: count, in: .beyondQuota)
          var place = appended.first
          var walker = RecordWalker(batch)
          for _ in 0..<count {
            guard let (kind, payload) = try? walker.next() else { break }
            visit(place, kind, payload)
            place.ordinal = place.ordinal + 1
          }
        }
        try write()
      }
    }
    return records
  }

  /// A frame's records as one batch if this log's limits allow it, else one by one.
  private func batches(
    _ raw: UnsafeRawBufferPointer, _ count: Int
  ) -> [(UnsafeRawBufferPointer, Int)] {
    if raw.count <= options.frameLimit { return [(raw, count)] }
    var parts: [(UnsafeRawBufferPointer, Int)] = []
    var walker = RecordWalker(raw)
    var at = 0
    for _ in 0..<count {
      guard let (_, payload) = try? walker.next() else { break }
      let end = at + Format.recordHeaderSize + payload.count
      parts.append((raw.part(at..<end), 1))
      at = end
    }
    return parts
  }

  /// Moves the damaged file away and the copy of its prefix, if there is one, into its place. It
  /// throws `.full` if nothing has changed; what is cut off in the middle the next start ends.
  func setAside(_ item: Salvage, _ files: inout LogFiles) throws(LogError) -> String {
    let scan = item.scan
    let stem = directory + "/" + SegmentFileName.stem(scan.name)
    let kept = try LogError.io { () throws(FileError) in try freeName(stem) }
    let notes =
      [Note.damaged(scan.name, until: item.until)]
      + (scan.header == nil ? [] : [.durable(scan.name, end: Offset(scan.end))])
    do throws(FileError) {
      try openNotes(&files)
      try files.notes?.append(notes, on: fs)
      try files.notes?.synchronize(on: fs)
      try fs.rename(scan.path, to: kept)
    } catch {
      if error.isFull { throw .full(.disk(error)) }
      throw .io(error)
    }
    do throws(FileError) {
      if scan.header != nil { try fs.rename(freshPath(scan.name), to: scan.path) }
      try fs.synchronizeDirectory(directory)
    } catch { throw poison(error) }
    return kept
  }

  func freshPath(_ name: SegmentName) -> String {
    directory + "/" + SegmentFileName.stem(name) + SegmentFileName.freshSuffix
  }

  private func freeName(_ stem: String) throws(FileError) -> String {
    let taken = Set(try fs.list(directory).map { directory + "/" + $0 })
    var path = stem + SegmentFileName.damagedSuffix
    var number = 1
    while taken.contains(path) {
      path = stem + SegmentFileName.damagedSuffix + ".\(number)"
      number += 1
    }
    return path
  }

  /// Runs `body` with the valid prefix as a durable file beside. It comes first, for it takes the
  /// most space: where that is missing, nothing has been salvaged yet. Should only the first rename
  /// survive, the next start finds the copy and ends the second; without any it removes the copy.
  func withPrefix<R>(
    of scan: SegmentScan, _ body: () throws(LogError) -> R
  ) throws(LogError) -> R {
    guard scan.header != nil else { return try body() }
    let copy = freshPath(scan.name)
    do throws(FileError) {
      try fs.copyPrefix(of: scan.path, to: copy, count: scan.end)
    } catch {
      if error.isFull { throw .full(.disk(error)) }
      throw .io(error)
    }
    do throws(LogError) {
      do throws(FileError) { try fs.synchronizeDirectory(directory) } catch { throw poison(error) }
      return try body()
    } catch {
      // While the damaged file is in its place, the copy is only space.
      if let list = try? fs.list(directory), list.contains(SegmentFileName.file(scan.name)) {
        do throws(FileError) { try fs.remove(copy) } catch {}
      }
      throw error
    }
  }
}

extension FileSystem {
  /// Makes `copy` anew of the first `count` bytes of the file at `path`, and syncs it; nothing is
  /// left of it if it throws.
  func copyPrefix(of path: String, to copy: String, count: UInt64) throws(FileError) {
    let source = try open(path, .read)
    defer { close(source) }
    let target = try createAnew(copy)
    defer { close(target) }
    do throws(FileError) { try fill(target, from: source, count, path) } catch {
      do throws(FileError) { try remove(copy) } catch {}
      throw error
    }
  }

  private func fill(
    _ target: FileHandle, from source: FileHandle, _ count: UInt64, _ path: String
  ) throws(FileError) {
    var buffer = FlatBuffer(capacity: 1 << 20)
    var at: UInt64 = 0
    while at < count {
      let part = Int(min(UInt64(buffer.capacity), count - at))
      let space = UnsafeMutableRawBufferPointer(rebasing: buffer.space[0..<part])
      buffer.setCount(try read(source, into: space, at: at))
      guard buffer.count > 0 else { throw FileError(.read, path, Errno.inputOutput) }
      try write(target, buffer.bytes, at: at)
      at += UInt64(buffer.count)
    }
    try synchronize(target)
  }
}
