@testable import LogStore

// Makes the test vectors of the format: small segments, sound and damaged in every way that
// docs/FORMAT.md tells apart. The files in ../Vectors were written from these by
//   RPCV_WRITE_VECTORS=1 make test FILTER=VectorTests
// and are read by whoever writes a reader of the format; so they change only with the format.

struct Vector {
  var name: String
  var about: String
  /// Whose directory it stands in.
  var owner = Vector.node
  var segment: SegmentName
  var bytes: [UInt8]
  var notes: [Note] = []
  /// What compression gives depends on the library's version.
  var isCompressed = false

  static let node = NodeID(ID128(high: 0x1011_1213_1415_1617, low: 0x1819_1a1b_1c1d_1e1f))
  static let other = NodeID(ID128(high: 0x2021_2223_2425_2627, low: 0x2829_2a2b_2c2d_2e2f))

  static func name(
    _ serial: UInt64 = 3, of node: NodeID = node, log: LogKind = .facts
  ) -> SegmentName {
    SegmentName(
      node: node, log: log, serial: Serial(serial), nonce: Nonce(0x1122_3344_5566_7700 + serial))
  }
}

/// Builds a segment frame by frame.
struct SegmentBuilder {
  let name: SegmentName
  var bytes: [UInt8]
  var chain: Checksum
  var ordinal = Ordinal.zero
  var starts: [Int] = []

  init(_ name: SegmentName = Vector.name(), previous: Nonce? = nil) {
    self.name = name
    let header = SegmentHeader(name: name, previous: previous)
    bytes = header.encoded()
    chain = header.checksum
  }

  /// All before the frame is durable, if nothing else is said.
  mutating func frame(
    _ records: [Record], codec: Codec = .none, durable: UInt64? = nil, previousEnd: UInt64 = 0
  ) {
    let batch = RecordBatch(records)
    let start = FrameHeader(
      offset: UInt64(bytes.count), nonce: name.nonce, firstOrdinal: ordinal, previous: chain,
      durableEnd: durable ?? UInt64(bytes.count), previousSegmentEnd: previousEnd)
    var encoder = FrameEncoder()
    let header = batch.bytes.withUnsafeBytes {
      encoder.encode($0, count: batch.count, header: start, codec: codec)
    }
    starts.append(bytes.count)
    bytes += encoder.frame
    chain = header.checksum
    ordinal = header.endOrdinal
  }

  /// Changes the last frame and makes its checksum right again.
  mutating func forge(_ change: (inout ArraySlice<UInt8>) -> Void) {
    guard let start = starts.last else { return }
    change(&bytes[start...])
    let sum = XXH64.hash(Array(bytes[(start + 8)...]))
    for index in 0..<8 { bytes[start + index] = UInt8(truncatingIfNeeded: sum >> (8 * index)) }
    chain = Checksum(sum)
  }

  static func record(_ number: Int, kind: UInt16 = 16, size: Int = 12) -> Record {
    let text = Array("record \(number) ".utf8)
    return Record(kind: RecordKind(kind), payload: (0..<size).map { text[$0 % text.count] })
  }

  /// Frames of one record each.
  static func frames(
    _ count: Int, _ name: SegmentName = Vector.name(), durable: UInt64? = nil
  ) -> SegmentBuilder {
    var builder = SegmentBuilder(name)
    for number in 0..<count { builder.frame([record(number)], durable: durable) }
    return builder
  }
}

extension Vector {
  static var all: [Vector] { sound + torn + corrupt + copies + refused + records }

  private init(
    _ name: String, _ about: String, _ builder: SegmentBuilder, owner: NodeID = Vector.node,
    notes: [Note] = [], isCompressed: Bool = false, _ change: (inout [UInt8]) -> Void = { _ in }
  ) {
    self.name = name
    self.about = about
    self.owner = owner
    self.notes = notes
    self.isCompressed = isCompressed
    segment = builder.name
    bytes = builder.bytes
    change(&bytes)
  }

  private static func record(_ number: Int, kind: UInt16 = 16, size: Int = 12) -> Record {
    SegmentBuilder.record(number, kind: kind, size: size)
  }

  // MARK: sound

  private static var sound: [Vector] {
    var raw = SegmentBuilder()
    raw.frame([record(0), record(1, kind: 23, size: 0), record(2, kind: 18, size: 40)])
    raw.frame([record(3)])
    raw.frame([record(4), record(5)])
    raw.frame([])
    var lz4 = SegmentBuilder()
    lz4.frame([record(0, size: 400), record(1, size: 100)], codec: .lz4)
    lz4.frame([record(2)], codec: .lz4)
    lz4.frame([record(3, size: 700)], codec: .lz4)
    var zlib = SegmentBuilder()
    zlib.frame([record(0, size: 400), record(1, size: 100)], codec: .zlib)
    zlib.frame([record(2)], codec: .zlib)
    zlib.frame([record(3, size: 700)], codec: .zlib)
    var empty = SegmentBuilder()
    empty.frame([])
    empty.frame([record(0)], durable: 64)
    empty.frame([])
    empty.frame([])
    var second = SegmentBuilder(name(4), previous: name(3).nonce)
    second.frame([record(0)], previousEnd: 4096)
    second.frame([record(1)])
    return [
      Vector("raw", "three frames, a batch of three records first; then the testimony", raw),
      Vector(
        "lz4", "codec lz4; the second frame doesn't shrink and is stored raw", lz4,
        isCompressed: true),
      Vector(
        "zlib", "codec zlib; the second frame doesn't shrink and is stored raw", zlib,
        isCompressed: true),
      Vector("empty-frames", "frames without records before and after others", empty),
      Vector("second", "the first frame tells the end of the writer's segment before", second),
      Vector("header-only", "a header and no frame", SegmentBuilder()),
      Vector("allocated", "zeros behind the last frame: space that was allocated ahead", .frames(2))
      {
        $0 += [UInt8](repeating: 0, count: 1024)
      },
    ]
  }

  // MARK: own segments, damaged

  private static var torn: [Vector] {
    let three = SegmentBuilder.frames(3)
    let last = three.starts[2]
    var history = SegmentBuilder.frames(2)
    let other = SegmentBuilder.frames(1)
    // Intact, in its place, with the right ordinal; but it follows another frame.
    history.chain = other.chain
    history.frame([record(2)], durable: 64)
    // A recycled file: behind the end stands a frame of the segment that it was before.
    var recycled = SegmentBuilder.frames(2)
    let former = SegmentBuilder.frames(3, name(2))
    recycled.bytes += former.bytes[former.starts[2]...]
    return [
      Vector("torn-short", "the file ends in the middle of the last frame", three) {
        $0.removeLast(20)
      },
      Vector("torn-zeros", "a part of the last frame was never written", three) {
        for index in (last + 88)..<$0.count { $0[index] = 0 }
      },
      Vector(
        "torn-bit", "a bit of the last frame flipped; nothing tells that it was durable", three
      ) {
        $0[last + 90] ^= 4
      },
      Vector("torn-header", "the file ends in the middle of the last frame's header", three) {
        $0.removeLast($0.count - last - 30)
      },
      Vector("other-history", "the third frame is intact and follows another second one", history),
      Vector(
        "recycled", "behind the end stands a frame of the segment that the file was", recycled),
    ]
  }

  private static var corrupt: [Vector] {
    let five = SegmentBuilder.frames(5)
    let third = five.starts[2]
    let short = SegmentBuilder.frames(2)
    let noted = UInt64(five.bytes.count)
    return [
      Vector(
        "corrupt-middle", "a bit of the third frame flipped; two intact ones stand behind", five
      ) {
        $0[third + 90] ^= 4
      },
      Vector("corrupt-size", "the stored size of the third frame flipped", five) {
        $0[third + 26] ^= 0x40
      },
      Vector("corrupt-header", "a bit of the segment's header flipped; the frames are intact", five)
      {
        $0[20] ^= 1
      },
      Vector(
        "corrupt-noted", "the last frame is damaged, but a note says that it was durable", five,
        notes: [.durable(five.name, end: Offset(noted))]
      ) {
        $0[$0.count - 10] ^= 1
      },
      Vector(
        "short", "ends before the durable end that a note tells", short,
        notes: [.durable(short.name, end: Offset(noted))]),
      Vector(
        "quarantined", "what a start left of a damaged file: to be healed up to the note", short,
        notes: [
          .damaged(short.name, until: Offset(noted)),
          .durable(short.name, end: Offset(UInt64(short.bytes.count))),
        ]),
      Vector("gap", "zeros in the middle, an intact frame behind", five) {
        for index in third..<(third + 112) { $0[index] = 0 }
      },
    ]
  }

  // MARK: copies of another's segment

  private static var copies: [Vector] {
    let name = Vector.name(of: other)
    let five = SegmentBuilder.frames(5, name)
    let third = five.starts[2]
    func note(_ end: Int) -> [Note] { [.durable(name, end: Offset(UInt64(end)))] }
    return [
      Vector(
        "foreign", "a copy of another's segment, noted as durable here", five,
        notes: note(five.bytes.count)),
      Vector(
        "foreign-torn", "a copy, damaged behind what this disk noted", five, notes: note(third)
      ) {
        $0[third + 90] ^= 4
      },
      Vector(
        "foreign-corrupt", "a copy, damaged before what this disk noted", five,
        notes: note(five.bytes.count)
      ) {
        $0[third + 90] ^= 4
      },
      Vector(
        "foreign-unnoted", "a copy without notes: its frames testify nothing about this disk", five
      ) {
        $0[third + 90] ^= 4
      },
    ]
  }

  // MARK: what a reader must refuse

  private static func forged(
    _ name: String, _ about: String, _ records: [Record] = [record(2, size: 40)],
    codec: Codec = .none, _ change: (inout ArraySlice<UInt8>) -> Void
  ) -> Vector {
    var builder = SegmentBuilder.frames(2)
    builder.frame(records, codec: codec)
    builder.forge(change)
    return Vector(name, about + ", with a right checksum", builder, isCompressed: codec != .none)
  }

  private static func put(_ value: UInt32, _ at: Int, _ frame: inout ArraySlice<UInt8>) {
    for index in 0..<4 {
      frame[frame.startIndex + at + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }

  private static var refused: [Vector] {
    let two = SegmentBuilder.frames(2)
    let misnamed = SegmentBuilder.frames(2, name(9))
    var wrongName = Vector("wrong-name", "the header names another segment than the file", misnamed)
    wrongName.segment = name()
    return [
      Vector("newer-version", "a segment of format version 2: an error, never damage", two) {
        $0[8] = 2
        let sum = XXH64.hash(Array($0[..<56]))
        for index in 0..<8 { $0[56 + index] = UInt8(truncatingIfNeeded: sum >> (8 * index)) }
      },
      wrongName,
      forged("frame-version", "a frame of version 2 in a segment of version 1") {
        $0[$0.startIndex + 12] = 2
      },
      forged("frame-reserved", "a zero field of a frame is not zero") {
        $0[$0.startIndex + 14] = 1
      },
      forged("frame-codec", "codec 3") { $0[$0.startIndex + 13] = 3 },
      forged("frame-count", "one record more than there are") { put(2, 16, &$0) },
      forged("frame-count-less", "one record less than there are", [record(2), record(3)]) {
        put(1, 16, &$0)
      },
      forged("frame-sizes", "codec none, stored size less than raw size") { put(45, 24, &$0) },
      forged("frame-huge", "a raw size above the limit") { put(9 << 20, 20, &$0) },
      forged("frame-ordinal", "the first ordinal is one too high") { $0[$0.startIndex + 48] += 1 },
      forged("frame-offset", "another own offset") { $0[$0.startIndex + 32] ^= 8 },
      forged("frame-durable", "testifies a durable end behind itself") { put(4096, 64, &$0) },
      forged("frame-record-length", "a record's length reaches behind the payload") {
        put(99, 80, &$0)
      },
      forged(
        "frame-lz4", "an lz4 block that unpacks to less than the raw size", [record(2, size: 300)],
        codec: .lz4
      ) {
        put(305, 20, &$0)
      },
    ]
  }

  // MARK: records

  private static var records: [Vector] {
    var engine = SegmentBuilder()
    engine.frame([
      Retirement.retired(name(1)).record,
      Retirement.floor(other, .archives, below: Serial(300)).record,
      Retirement.closed(node, .facts, Serial(2)).record,
    ])
    engine.frame([
      Record(kind: RecordKind(9), payload: [1, 2, 3]), Record(kind: RecordKind(999), payload: []),
      Record(kind: .retired, payload: [0xff]),
    ])
    let contents = [UInt8]("the contents of an archive, stored as one chunk".utf8)
    let hash = Hash256.of(contents)
    var archive = SegmentBuilder(name(log: .archives))
    archive.frame([
      Record(
        kind: .archiveManifest,
        payload: ArchiveManifest(id: hash, size: UInt64(contents.count), chunks: [hash]).payload)
    ])
    archive.frame([Record(kind: .archiveChunk, payload: hash.bytes + contents)])
    archive.frame([
      Record(
        kind: .archiveManifest,
        payload: ArchiveManifest(id: Hash256.of([]), size: 0, chunks: []).payload)
    ])
    return [
      Vector(
        "engine-records",
        "Retired, Floor and Closed; unknown kinds and an unreadable Retired are kept", engine),
      Vector("archive", "a manifest, its only chunk, and the manifest of nothing", archive),
    ]
  }
}
