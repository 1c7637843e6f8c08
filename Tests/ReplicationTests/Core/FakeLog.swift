import LogStore

@testable import ReplicationCore

/// A log as the replication core sees one: segments of numbered, chained, checked frames in memory,
/// durable ends that lag behind, crashes that lose what is beyond them. It has the outcomes of the
/// real one and none of its disk.
struct FakeLog {
  struct Copy {
    var bytes: [UInt8] = []
    /// Frame boundaries, the header's end first, and the checksum of what ends there.
    var boundaries: [(end: Int, chain: UInt64)] = []
    /// How many of the boundaries survive a power cut.
    var durable = 0
  }

  static let headerSize = 64
  static let frameHeaderSize = 40
  static let retiredKind: UInt8 = 1

  let node: NodeID
  private(set) var copies: [SegmentName: Copy] = [:]
  private(set) var retired: [SegmentName: Record] = [:]
  private(set) var open: [LogKind: SegmentName] = [:]

  init(node: NodeID) { self.node = node }

  var vector: [SegmentEnd] { copies.keys.sorted().compactMap { end(of: $0) } }

  func end(of name: SegmentName) -> SegmentEnd? {
    guard let copy = copies[name], let last = copy.boundaries.last else { return nil }
    let durable = copy.durable > 0 ? copy.boundaries[copy.durable - 1].end : 0
    return SegmentEnd(
      name: name, end: Offset(UInt64(last.end)), chain: Checksum(last.chain),
      records: Ordinal(UInt64(copy.boundaries.count - 1)), durableEnd: Offset(UInt64(durable)),
      durableRecords: Ordinal(UInt64(max(0, copy.durable - 1))))
  }

  // MARK: - Own writes

  /// Opens the next segment; its header is durable at once.
  mutating func roll(_ log: LogKind, using dice: inout Dice) -> SegmentName {
    let known = Array(copies.keys) + Array(retired.keys)
    let last = known.filter { $0.node == node && $0.log == log }.map(\.serial).max()
    let name = SegmentName(
      node: node, log: log, serial: (last ?? Serial(0)).next, nonce: Nonce(dice.next()))
    let header = Self.header(of: name)
    copies[name] = Copy(
      bytes: header, boundaries: [(header.count, Self.hash(header[...]))], durable: 1)
    open[log] = name
    return name
  }

  @discardableResult
  mutating func append(_ payload: [UInt8], kind: UInt8 = 16, to log: LogKind) -> SegmentName? {
    guard let name = open[log], var copy = copies[name], let last = copy.boundaries.last else {
      return nil
    }
    let frame = Self.frame(
      payload, kind: kind, ordinal: copy.boundaries.count - 1, previous: last.chain)
    copy.bytes.append(contentsOf: frame)
    copy.boundaries.append((copy.bytes.count, Self.hash(frame.dropLast(8))))
    copies[name] = copy
    return name
  }

  /// Marks the segment retired by a record of our own.
  mutating func retire(_ name: SegmentName) -> SegmentName? {
    let record = Self.retirement(of: name)
    retired[name] = record
    return append(record.payload, kind: Self.retiredKind, to: .facts)
  }

  mutating func appendRetired(_ record: Record) -> (SegmentName, RetiredSegment)? {
    guard let name = Self.retiredName(record.payload), retired[name] == nil else { return nil }
    retired[name] = record
    guard let written = append(record.payload, kind: Self.retiredKind, to: .facts) else {
      return nil
    }
    return (written, RetiredSegment(name: name, record: record))
  }

  /// The names whose durable end moved.
  mutating func commit() -> [SegmentName] {
    var moved: [SegmentName] = []
    for name in copies.keys.sorted() {
      guard let copy = copies[name], copy.durable < copy.boundaries.count else { continue }
      copies[name]?.durable = copy.boundaries.count
      moved.append(name)
    }
    return moved
  }

  mutating func delete(_ name: SegmentName) { copies[name] = nil }

  /// A power cut: each copy keeps its durable end and a random part of what came after it.
  mutating func crash(using dice: inout Dice) {
    open = [:]
    for name in copies.keys.sorted() {
      guard var copy = copies[name] else { continue }
      let lost = copy.boundaries.count - copy.durable
      let kept = copy.durable + (lost > 0 ? Int.random(in: 0...lost, using: &dice) : 0)
      guard kept > 0 else {
        copies[name] = nil
        continue
      }
      copy.boundaries.removeLast(copy.boundaries.count - kept)
      copy.bytes.removeLast(copy.bytes.count - copy.boundaries[kept - 1].end)
      // Recovery syncs what it found before it says anything of it.
      copy.durable = kept
      copies[name] = copy
    }
    retired = [:]
    for name in copies.keys.sorted() {
      guard let copy = copies[name] else { continue }
      for index in copy.boundaries.indices.dropFirst() {
        let start = copy.boundaries[index - 1].end
        foldRetired(copy.bytes[start..<copy.boundaries[index].end])
      }
    }
  }

  // MARK: - Copies

  func read(_ name: SegmentName, from offset: Offset, maxBytes: Int) -> ReadOutcome {
    guard let copy = copies[name] else { return .failed("no such segment") }
    let start = Int(offset.value)
    guard start == 0 || copy.boundaries.contains(where: { $0.end == start }) else {
      return .failed("not a frame boundary")
    }
    var end = start
    for boundary in copy.boundaries where boundary.end > start {
      if end > start && boundary.end - start > maxBytes { break }
      end = boundary.end
    }
    return .bytes(Array(copy.bytes[start..<end]))
  }

  mutating func ingest(
    _ name: SegmentName, at offset: Offset, _ bytes: [UInt8]
  ) -> (outcome: IngestOutcome, retired: [RetiredSegment]) {
    if let record = retired[name] { return (.retired(record), []) }
    var copy = copies[name] ?? Copy()
    let held = copy.bytes.count
    let start = Int(offset.value)
    guard start <= held else { return (.gap(end(of: name)), []) }
    // What is held already is skipped if it is the same.
    let overlap = min(held - start, bytes.count)
    guard copy.bytes[start..<start + overlap].elementsEqual(bytes[..<overlap]) else {
      return (.damaged(end(of: name)), [])
    }
    var rest = bytes[overlap...]
    if open[name.log] == name || open.values.contains(where: { isAtOrAbove(name, $0) }) {
      if !rest.isEmpty { return (.ownAhead, []) }
    }
    if copy.bytes.isEmpty && !rest.isEmpty {
      guard rest.count >= Self.headerSize,
        rest.prefix(Self.headerSize).elementsEqual(Self.header(of: name))
      else { return (.damaged(nil), []) }
      copy.bytes.append(contentsOf: rest.prefix(Self.headerSize))
      copy.boundaries.append((Self.headerSize, Self.hash(copy.bytes[...])))
      rest = rest.dropFirst(Self.headerSize)
    }
    var news: [RetiredSegment] = []
    var outcome: IngestOutcome?
    while !rest.isEmpty {
      guard let frame = Self.check(rest) else {
        outcome = .damaged(nil)
        break
      }
      guard let last = copy.boundaries.last, frame.previous == last.chain else {
        outcome = .diverged(nil)
        break
      }
      copy.bytes.append(contentsOf: rest.prefix(frame.length))
      copy.boundaries.append((copy.bytes.count, frame.chain))
      if let segment = foldRetired(rest.prefix(frame.length)) { news.append(segment) }
      rest = rest.dropFirst(frame.length)
    }
    if !copy.boundaries.isEmpty { copies[name] = copy }
    switch outcome {
    case nil:
      guard let end = end(of: name) else { return (.gap(nil), []) }
      return (.accepted(end), news)
    case .damaged: return (.damaged(end(of: name)), news)
    default: return (.diverged(end(of: name)), news)
    }
  }

  private func isAtOrAbove(_ name: SegmentName, _ open: SegmentName) -> Bool {
    name.node == node && name.log == open.log && name.serial >= open.serial
  }

  @discardableResult
  private mutating func foldRetired(_ frame: ArraySlice<UInt8>) -> RetiredSegment? {
    let payload = Array(frame.dropFirst(Self.frameHeaderSize - 8).dropLast(8))
    guard frame[frame.startIndex + 16] == Self.retiredKind,
      let name = Self.retiredName(payload), retired[name] == nil
    else { return nil }
    let record = Record(kind: RecordKind(1), payload: payload)
    retired[name] = record
    return RetiredSegment(name: name, record: record)
  }
}

// The format: a segment's header is a hash of its name, repeated; a frame is length, ordinal, kind,
// previous checksum, payload, checksum over all before.
extension FakeLog {
  static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return value
  }

  static func header(of name: SegmentName) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < headerSize {
      bytes.append(contentsOf: name.encoded())
    }
    return Array(bytes.prefix(headerSize))
  }

  static func frame(
    _ payload: [UInt8], kind: UInt8, ordinal: Int, previous: UInt64
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    put(UInt64(frameHeaderSize + payload.count), into: &bytes)
    put(UInt64(ordinal), into: &bytes)
    bytes.append(contentsOf: [kind, 0, 0, 0, 0, 0, 0, 0])
    put(previous, into: &bytes)
    bytes.append(contentsOf: payload)
    put(hash(bytes[...]), into: &bytes)
    return bytes
  }

  static func check(
    _ bytes: ArraySlice<UInt8>
  ) -> (length: Int, previous: UInt64, chain: UInt64)? {
    guard bytes.count >= frameHeaderSize else { return nil }
    let length = get(bytes, 0)
    guard length >= UInt64(frameHeaderSize), length <= UInt64(bytes.count) else { return nil }
    let frame = bytes.prefix(Int(length))
    let chain = hash(frame.dropLast(8))
    guard get(frame, Int(length) - 8) == chain else { return nil }
    return (Int(length), get(frame, 24), chain)
  }

  static func retirement(of name: SegmentName) -> Record {
    Record(kind: RecordKind(1), payload: name.encoded())
  }

  static func retiredName(_ payload: [UInt8]) -> SegmentName? {
    try? SegmentName(decoding: payload)
  }

  private static func put(_ value: UInt64, into bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private static func get(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(bytes[bytes.startIndex + offset + index]) << (8 * index) }
    return value
  }
}
