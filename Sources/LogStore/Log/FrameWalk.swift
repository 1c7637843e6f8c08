// Walking a segment's frames from front to back, whole or a part at a time. A cursor is where a
// walk stands: it can be kept, stored and taken up again, and each frame is checked to follow the
// one before it, across all parts.

/// A frame boundary of one segment, and what the next frame has to continue.
struct FrameCursor: Hashable, Sendable {
  /// Zero until the segment's header was read.
  var offset = Offset.zero
  var chain = Checksum(0)
  var records = Ordinal.zero
  /// Where the frame before the boundary starts; zero if there is none.
  var lastFrame = Offset.zero
  /// The durable end of the writer's previous segment, as the first frame tells it.
  var previousEnd: UInt64 = 0

  static let start = FrameCursor()
}

extension Log {
  /// Gives `body` the frames from the cursor on that end at or before `limit`, at least one and
  /// then about `budget` bytes, taken off the budget. True if the limit was reached. Throws
  /// `.damaged` where they don't continue what the cursor says; it stands before the damage then.
  /// `walksRecords`: `body` looks at every record, so nobody else need do so before.
  func walkFrames(
    of name: SegmentName, from cursor: inout FrameCursor, before limit: Offset,
    budget: inout Int, walksRecords: Bool = false,
    _ body: (FrameHeader, UnsafeRawBufferPointer) throws(LogError) -> Void
  ) throws(LogError) -> Bool {
    guard limit > cursor.offset else { return true }
    var at = cursor
    var left = budget
    defer {
      cursor = at
      budget = left
    }
    return try withWindow(name, limit: limit.value) { window throws(LogError) in
      var decoder = PayloadDecoder()
      if at.offset == .zero {
        at.chain = try verifyHeader(name, &window)
        at.offset = Offset(UInt64(Format.segmentHeaderSize))
      }
      while case .frame(let header, let bytes) = try frame(at: at.offset.value, of: name, &window) {
        do throws(DecodeFault) {
          try header.verify(follows: at.chain, records: at.records)
        } catch {
          throw .damaged(path: path(of: name), at: at.offset, error)
        }
        try body(
          header, try decode(header, bytes, name, &decoder, areChecked: !walksRecords))
        at.pass(header)
        left -= header.totalSize
        if left <= 0 { return at.offset >= limit }
      }
      return true
    }
  }

  /// Walks the frames up to `end`, checking that each follows the one before, to the very chain
  /// and count that `end` tells. Throws `.damaged` where they don't.
  func forEachFrame(
    of end: SegmentEnd, walksRecords: Bool = false,
    _ body: (FrameHeader, UnsafeRawBufferPointer) throws(LogError) -> Void
  ) throws(LogError) {
    var cursor = FrameCursor.start
    var budget = Int.max
    _ = try walkFrames(
      of: end.name, from: &cursor, before: end.end, budget: &budget, walksRecords: walksRecords,
      body)
    if end.end > .zero { try check(cursor, against: end) }
  }

  /// A walk that came to `end` has to arrive with its chain and count.
  func check(_ cursor: FrameCursor, against end: SegmentEnd) throws(LogError) {
    guard cursor.chain == end.chain, cursor.records == end.records else {
      throw .damaged(
        path: path(of: end.name), at: cursor.offset, .wrongChain(found: cursor.chain))
    }
  }
}

extension FrameCursor {
  mutating func pass(_ header: FrameHeader) {
    if records == .zero, lastFrame == .zero { previousEnd = header.previousSegmentEnd }
    lastFrame = Offset(header.offset)
    offset = Offset(header.end)
    chain = header.checksum
    records = header.endOrdinal
  }
}
