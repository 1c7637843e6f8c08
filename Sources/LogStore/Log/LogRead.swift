// Reading. A reader takes a segment's end under the lock and then reads the file on its own
// descriptor: bytes before an end never change, so it needs no lock while a writer goes on. What
// it gives was verified; damage that it meets is an error and changes nothing.

extension Log {
  public typealias Visit = (Position, RecordKind, UnsafeRawBufferPointer) -> Void

  /// Whole verified frames of `name` from `offset` on, at most `maxBytes` of them but at least one
  /// if any follows. From zero the segment's header comes first. Empty at the end. The bytes go
  /// from the file to the result and nowhere else.
  public func read(
    _ name: SegmentName, from offset: Offset, maxBytes: Int
  ) throws(LogError) -> [UInt8] {
    guard let end = end(of: name) else { throw .unknownSegment(name) }
    guard offset <= end.end else { throw .beyondEnd(name, asked: offset, end: end.end) }
    guard offset < end.end else { return [] }
    let rest = Int(clamping: end.end.value - offset.value)
    return try withHandle(name) { handle throws(LogError) in
      var bytes = try load(min(max(maxBytes, Format.frameHeaderSize), rest), handle, offset)
      var (size, wanted) = try measure(bytes, of: name, from: offset, end.end)
      if size == 0 {
        // The first frame alone is longer.
        bytes = try load(min(wanted, rest), handle, offset)
        (size, wanted) = try measure(bytes, of: name, from: offset, end.end)
        guard size > 0 else { throw try fault(.truncated, at: offset, of: name, end.end) }
      }
      bytes.removeLast(bytes.count - size)
      return bytes
    }
  }

  private func load(
    _ count: Int, _ handle: FileHandle, _ offset: Offset
  ) throws(LogError) -> [UInt8] {
    var failure: FileError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { space, filled in
      do throws(FileError) {
        let raw = UnsafeMutableRawBufferPointer(space)
        filled = try fs.read(
          handle, into: UnsafeMutableRawBufferPointer(rebasing: raw[0..<count]), at: offset.value)
      } catch { failure = error }
    }
    if let failure { throw .io(failure) }
    return bytes
  }

  /// How many of `bytes`, which stand at `offset`, are whole verified frames; if none, how many
  /// bytes the first one takes.
  private func measure(
    _ bytes: [UInt8], of name: SegmentName, from offset: Offset, _ end: Offset
  ) throws(LogError) -> (size: Int, wanted: Int) {
    try bytes.withUnsafeBufferPointer { buffer throws(LogError) in
      let bytes = UnsafeRawBufferPointer(buffer)
      var size = 0
      do throws(DecodeFault) {
        if offset == .zero {
          guard try SegmentHeader(decoding: bytes).name == name else { throw .wrongName }
          size = Format.segmentHeaderSize
        }
        while bytes.count - size >= Format.frameHeaderSize {
          let rest = bytes.part(size..<bytes.count)
          let header = try FrameHeader(decoding: rest)
          guard header.totalSize <= rest.count else { return (size, header.totalSize) }
          try header.verify(rest, at: offset.value + UInt64(size), of: name.nonce)
          size += header.totalSize
        }
        return (size, Format.frameHeaderSize)
      } catch {
        throw try fault(error, at: offset + size, of: name, end)
      }
    }
  }

  /// Every record of a held segment that is in its file, in order.
  public func forEachRecord(in name: SegmentName, _ body: Visit) throws(LogError) {
    guard let end = end(of: name) else { throw .unknownSegment(name) }
    try forEachFrame(of: end, walksRecords: true) { header, raw throws(LogError) in
      try walk(raw, of: header, in: name, body)
    }
  }

  /// Tells damage from an offset that is no frame's start (what a peer may ask for).
  private func fault(
    _ fault: DecodeFault, at offset: Offset, of name: SegmentName, _ end: Offset
  ) throws(LogError) -> LogError {
    try withWindow(name, limit: end.value) { window throws(LogError) in
      var at = UInt64(Format.segmentHeaderSize)
      while at < offset.value, case .frame(let header, _) = try window.frame(at: at, of: name.nonce)
      {
        at = header.end
      }
      let isBoundary = at <= offset.value && offset.value >= UInt64(Format.segmentHeaderSize)
      return isBoundary || offset == .zero
        ? .damaged(path: path(of: name), at: offset, fault) : .notAFrameBoundary(name, offset)
    }
  }

  // MARK: the parts

  func withWindow<R>(
    _ name: SegmentName, limit: UInt64, _ body: (inout FileWindow) throws(LogError) -> R
  ) throws(LogError) -> R {
    try withHandle(name) { handle throws(LogError) in
      var window = FileWindow(handle, limit: limit, on: fs)
      return try body(&window)
    }
  }

  func withHandle<R>(
    _ name: SegmentName, _ body: (FileHandle) throws(LogError) -> R
  ) throws(LogError) -> R {
    let handle: FileHandle
    do throws(FileError) { handle = try fs.open(path(of: name), .read) } catch {
      if error.isMissing, end(of: name) == nil { throw .unknownSegment(name) }
      throw .io(error)
    }
    defer { fs.close(handle) }
    return try body(handle)
  }

  @discardableResult
  func verifyHeader(
    _ name: SegmentName, _ window: inout FileWindow
  ) throws(LogError) -> Checksum {
    let bytes = try window.load(0, Format.segmentHeaderSize)
    do throws(DecodeFault) {
      guard try SegmentHeader(decoding: bytes).name == name else { throw .wrongName }
      return Checksum(bytes.little(56))
    } catch {
      throw .damaged(path: path(of: name), at: .zero, error)
    }
  }

  func frame(
    at offset: UInt64, of name: SegmentName, _ window: inout FileWindow
  ) throws(LogError) -> FrameStep {
    let step = try window.frame(at: offset, of: name.nonce)
    guard case .fault(let fault) = step else { return step }
    throw .damaged(path: path(of: name), at: Offset(offset), fault)
  }

  func decode(
    _ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ name: SegmentName,
    _ decoder: inout PayloadDecoder, areChecked: Bool = true
  ) throws(LogError) -> UnsafeRawBufferPointer {
    do throws(DecodeFault) {
      return try decoder.records(of: header, in: bytes, areChecked: areChecked)
    } catch {
      throw .damaged(path: path(of: name), at: Offset(header.offset), error)
    }
  }

  func walk(
    _ raw: UnsafeRawBufferPointer, of header: FrameHeader, in name: SegmentName, _ body: Visit
  ) throws(LogError) {
    var walker = RecordWalker(raw)
    var place = Position(segment: name, ordinal: header.firstOrdinal)
    do throws(DecodeFault) {
      for _ in 0..<header.count {
        let (kind, payload) = try walker.next()
        body(place, kind, payload)
        place.ordinal = place.ordinal + 1
      }
      guard walker.isAtEnd else { throw .badRecords }
    } catch {
      throw .damaged(path: path(of: name), at: Offset(header.offset), error)
    }
  }
}
