// What was appended and is not yet framed: one flat buffer, cut into the frames that it will
// become. Frames are cut at append time, so that a record's position is final when it is told.

struct PendingFrame: Hashable, Sendable {
  var segment: SegmentName
  /// The segment that the writer left for `segment`.
  var previous: Nonce?
  var firstOrdinal: Ordinal
  var count = 0
  /// Where its raw bytes stand in the gather's buffer.
  var start: Int
  var size = 0
  var firstSequence: LogSequence
}

struct Gather: ~Copyable, Sendable {
  private(set) var raw = FlatBuffer(capacity: 64 * 1024)
  private(set) var frames: [PendingFrame] = []
  /// Frames before this one were written.
  private var next = 0

  var isEmpty: Bool { next == frames.count }
  /// The oldest frame that was not written yet.
  var first: PendingFrame? { isEmpty ? nil : frames[next] }
  var last: PendingFrame? { isEmpty ? nil : frames[frames.count - 1] }
  var waiting: ArraySlice<PendingFrame> { frames[next...] }

  func bytes(of frame: PendingFrame) -> UnsafeRawBufferPointer {
    raw.bytes.part(frame.start..<(frame.start + frame.size))
  }

  /// The record at `position`, if it waits here.
  func record(at position: Position) -> Record? {
    for frame in waiting where frame.segment == position.segment {
      let end = frame.firstOrdinal + frame.count
      guard position.ordinal >= frame.firstOrdinal, position.ordinal < end else { continue }
      var walker = RecordWalker(bytes(of: frame))
      var ordinal = frame.firstOrdinal
      while let (kind, payload) = try? walker.next() {
        if ordinal == position.ordinal { return Record(kind: kind, payload: [UInt8](payload)) }
        ordinal = ordinal + 1
      }
    }
    return nil
  }

  /// Starts a frame; the next `add` goes into it.
  mutating func cut(
    _ segment: SegmentName, after previous: Nonce?, at ordinal: Ordinal, sequence: LogSequence
  ) {
    frames.append(
      PendingFrame(
        segment: segment, previous: previous, firstOrdinal: ordinal, start: raw.count,
        firstSequence: sequence))
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer, count: Int) {
    raw.append(bytes)
    frames[frames.count - 1].count += count
    frames[frames.count - 1].size += bytes.count
  }

  mutating func add(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    raw.appendRecord(kind, payload)
    frames[frames.count - 1].count += 1
    frames[frames.count - 1].size += Format.recordHeaderSize + payload.count
  }

  mutating func dropFirst() {
    next += 1
    if next == frames.count { clear() }
  }

  mutating func clear() {
    raw.clear()
    frames.removeAll(keepingCapacity: true)
    next = 0
  }

  /// Takes over what `other` holds, behind what waits here.
  mutating func take(_ other: inout Gather) {
    if isEmpty {
      clear()
      swap(&self, &other)
      return
    }
    for frame in other.waiting {
      var moved = frame
      moved.start = raw.count
      raw.append(other.bytes(of: frame))
      frames.append(moved)
    }
    other.clear()
  }
}
