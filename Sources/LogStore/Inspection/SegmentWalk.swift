// Walks the intact frames of one segment's file and shows them, for people and tools.

package struct FrameView: Sendable {
  package var offset: Offset
  package var end: Offset
  package var first: Ordinal
  package var count: UInt32
  package var codec: String
  package var rawSize: UInt32
  package var storedSize: UInt32
  /// The durable end of this segment that its writer knew.
  package var durable: Offset
  package var checksum: Checksum
  /// It stands behind damage.
  package var isBehind: Bool
}

extension LogInspection {
  /// Every frame up to the segment's end with its records, in order, then the intact ones behind
  /// the damage. Stops quietly where the file was cut meanwhile.
  package func walk(
    _ segment: Segment, frame: (FrameView) -> Void,
    record: (Position, RecordKind, UnsafeRawBufferPointer) -> Void
  ) throws(LogError) {
    let handle: FileHandle
    do throws(FileError) { handle = try files.open(segment.path, .read) } catch {
      if error.isMissing { return }
      throw .io(error)
    }
    defer { files.close(handle) }
    var decoder = PayloadDecoder()
    if segment.hasHeader {
      var window = FileWindow(handle, limit: segment.end.value, on: files)
      var at = UInt64(Format.segmentHeaderSize)
      while case .frame(let header, let bytes) = try window.frame(at: at, of: segment.name.nonce) {
        frame(FrameView(header, isBehind: false))
        at = header.end
        try walk(header, bytes, of: segment, &decoder, record)
      }
    }
    guard var at = segment.behind.first?.value else { return }
    var window = FileWindow(handle, limit: segment.size, on: files)
    while let found = try SegmentScan.intactFrame(
      from: at, of: segment.name, &window, &decoder)
    {
      at = found.header.end
      guard
        case .frame(let header, let bytes) = try window.frame(
          at: found.offset, of: segment.name.nonce)
      else { continue }
      frame(FrameView(header, isBehind: true))
      try walk(header, bytes, of: segment, &decoder, record)
    }
  }

  private func walk(
    _ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, of segment: Segment,
    _ decoder: inout PayloadDecoder,
    _ record: (Position, RecordKind, UnsafeRawBufferPointer) -> Void
  ) throws(LogError) {
    var place = Position(segment: segment.name, ordinal: header.firstOrdinal)
    do throws(DecodeFault) {
      var walker = RecordWalker(try decoder.records(of: header, in: bytes))
      for _ in 0..<header.count {
        let (kind, payload) = try walker.next()
        record(place, kind, payload)
        place.ordinal = place.ordinal + 1
      }
    } catch {
      throw .damaged(path: segment.path, at: Offset(header.offset), error)
    }
  }
}

extension FrameView {
  init(_ header: FrameHeader, isBehind: Bool) {
    offset = Offset(header.offset)
    end = Offset(header.end)
    first = header.firstOrdinal
    count = header.count
    codec = "\(header.codec)"
    rawSize = header.rawSize
    storedSize = header.storedSize
    durable = Offset(header.durableEnd)
    checksum = header.checksum
    self.isBehind = isBehind
  }
}
