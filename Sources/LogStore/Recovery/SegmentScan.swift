// Reads one segment's file from front to back and tells what is intact in it. It decides nothing
// and writes nothing: RecoveryDecision decides, Recovery acts.

/// An intact frame that stands behind damage.
struct IntactFrame: Hashable, Sendable {
  var offset: UInt64
  var header: FrameHeader
}

struct SegmentScan: Sendable {
  enum Tail: Hashable, Sendable {
    /// The file ends where its last intact frame does.
    case nothing
    /// Allocated, never written.
    case zeros
    case damage(DecodeFault)
  }

  var name: SegmentName
  var path: String
  var size: UInt64
  /// Nil if the header itself can't be believed.
  var header: SegmentHeader?
  /// After the last frame of the unbroken chain; 0 without a header.
  var end: UInt64 = 0
  var chain = Checksum(0)
  var records = Ordinal.zero
  var tail = Tail.nothing
  /// The greatest durable end of this segment that any intact frame in the file testifies.
  var testified: UInt64 = 0
  /// The durable end of the writer's previous segment, as the first frame tells it.
  var previousEnd: UInt64 = 0
  /// What a checkpoint counted is not read again; it was durable.
  var checkpointed: UInt64 = 0
  var behind: [IntactFrame] = []
  var index = SparseIndex()

  var ends: SegmentEnd {
    SegmentEnd(
      name: name, end: Offset(end), chain: chain, records: records, durableEnd: Offset(end),
      durableRecords: records)
  }

  typealias Visit = (Position, RecordKind, UnsafeRawBufferPointer) -> Void

  /// Scans up to `limit` bytes of the file, from the mark on if there is one; `visit` gets every
  /// record of the unbroken chain from there on.
  static func scan(
    _ name: SegmentName, path: String, limit: UInt64 = .max, from mark: SegmentMark? = nil,
    on fs: any FileSystem, decoder: inout PayloadDecoder, visit: Visit
  ) throws(LogError) -> SegmentScan {
    let handle = try LogError.io { () throws(FileError) in try fs.open(path, .read) }
    defer { fs.close(handle) }
    let size = try LogError.io { () throws(FileError) in try fs.size(handle) }
    var scan = SegmentScan(name: name, path: path, size: size)
    var window = FileWindow(handle, limit: min(size, limit), on: fs)
    try scan.readHeader(&window)
    if scan.header != nil {
      if let mark { scan.pass(mark) }
      try scan.readFrames(&window, &decoder, visit)
    }
    if case .damage = scan.tail { try scan.findBehind(&window, &decoder) }
    return scan
  }

  private mutating func readHeader(_ window: inout FileWindow) throws(LogError) {
    let head = try window.load(0, Format.segmentHeaderSize)
    do throws(DecodeFault) {
      let decoded = try SegmentHeader(decoding: head)
      guard decoded.name == name else { throw DecodeFault.wrongName }
      header = decoded
      end = UInt64(Format.segmentHeaderSize)
      chain = Checksum(head.little(56))
    } catch {
      if case .newerVersion(let version) = error {
        throw .newerVersion(path: path, version: version)
      }
      tail = try isZero(&window, from: 0) ? .zeros : .damage(error)
      if size == 0 { tail = .nothing }
    }
  }

  private mutating func readFrames(
    _ window: inout FileWindow, _ decoder: inout PayloadDecoder, _ visit: Visit
  ) throws(LogError) {
    while true {
      switch try window.frame(at: end, of: name.nonce) {
      case .end:
        return
      case .fault(let fault):
        tail = try isZero(&window, from: end) ? .zeros : .damage(fault)
        return
      case .frame(let frame, let bytes):
        do throws(DecodeFault) {
          try frame.verify(follows: chain, records: records)
          let raw = try decoder.records(of: frame, in: bytes)
          accept(frame)
          try visitRecords(of: frame, raw, visit)
        } catch {
          tail = .damage(error)
          return
        }
      }
    }
  }

  private mutating func pass(_ mark: SegmentMark) {
    end = mark.cursor.offset.value
    chain = mark.cursor.chain
    records = mark.cursor.records
    previousEnd = mark.cursor.previousEnd
    index = mark.index
    testified = end
    checkpointed = end
  }

  private mutating func accept(_ frame: FrameHeader) {
    if records == .zero, end == UInt64(Format.segmentHeaderSize) {
      previousEnd = frame.previousSegmentEnd
    }
    testified = max(testified, frame.durableEnd)
    index.note(frame.firstOrdinal, at: frame.offset)
    end = frame.end
    chain = frame.checksum
    records = frame.endOrdinal
  }

  private func visitRecords(
    of frame: FrameHeader, _ raw: UnsafeRawBufferPointer, _ visit: Visit
  ) throws(DecodeFault) {
    var walker = RecordWalker(raw)
    var position = Position(segment: name, ordinal: frame.firstOrdinal)
    for _ in 0..<frame.count {
      let (kind, payload) = try walker.next()
      visit(position, kind, payload)
      position.ordinal = position.ordinal + 1
    }
  }

  private func isZero(_ window: inout FileWindow, from start: UInt64) throws(LogError) -> Bool {
    var at = start
    while at < window.limit {
      let part = try window.load(at, 64 * 1024)
      if part.isEmpty { return true }
      if !part.isAllZero() { return false }
      at += UInt64(part.count)
    }
    return true
  }

  /// Gathers the frames behind the break that are intact by themselves.
  private mutating func findBehind(
    _ window: inout FileWindow, _ decoder: inout PayloadDecoder
  ) throws(LogError) {
    var at = end
    while let found = try SegmentScan.intactFrame(from: at, of: name, &window, &decoder) {
      behind.append(found)
      testified = max(testified, found.header.durableEnd)
      at = found.header.end
    }
  }

  /// Looks at every place from `start` on where a frame may start for one that is intact by itself:
  /// right checksum, right segment, right place.
  static func intactFrame(
    from start: UInt64, of name: SegmentName, _ window: inout FileWindow,
    _ decoder: inout PayloadDecoder
  ) throws(LogError) -> IntactFrame? {
    var at = (start + 7) & ~7
    while at + UInt64(Format.frameHeaderSize) <= window.limit {
      let part = try window.load(at, 64 * 1024)
      guard part.count >= Format.frameHeaderSize else { return nil }
      guard let found = SegmentScan.magic(in: part) else {
        // The last header's worth of bytes may hold the start of one that reaches further.
        at += UInt64((part.count - Format.frameHeaderSize) & ~7) + 8
        continue
      }
      at += UInt64(found)
      if case .frame(let frame, let bytes) = try window.frame(at: at, of: name.nonce),
        (try? decoder.records(of: frame, in: bytes)) != nil
      {
        return IntactFrame(offset: at, header: frame)
      }
      at += 8
    }
    return nil
  }

  /// The first multiple of 8 in `part` where a frame's magic stands in its place.
  private static func magic(in part: UnsafeRawBufferPointer) -> Int? {
    var at = 0
    while at + Format.frameHeaderSize <= part.count {
      if part.little(at + 8, as: UInt32.self) == Format.frameMagic { return at }
      at += 8
    }
    return nil
  }
}
