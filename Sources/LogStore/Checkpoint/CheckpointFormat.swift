// The bytes of a checkpoint: a header, then blocks, each with a checksum that continues the one
// before, the last one an end block. It owns their layout (docs/FORMAT.md); what they mean is
// Checkpointer's and Recovery's. A file that doesn't end with its end block is none.

enum CheckpointFormat {
  static let fileName = "checkpoint"
  static let freshName = "checkpoint.new"
  /// "RPCVCKP\n"
  static let magic: UInt64 = 0x0A50_4B43_5643_5052
  static let version: UInt32 = 1
  static let headerSize = 64
  static let blockHeaderSize = 24
  /// A writer closes a block at this size; one entry may make it longer.
  static let blockSize = 256 * 1024
  /// No block is longer than this: checked before anything is allocated.
  static let largestBlock = 2 * Format.largestFrame
  static let entryHeaderSize = 30
  static let nameSize = 32
  static let markHeaderSize = 56

  enum Block: UInt32 {
    case names = 1
    case entries = 2
    case marks = 3
    case end = 4
  }

  static func header(of node: NodeID, _ log: LogKind) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headerSize)
    bytes.withUnsafeMutableBytes { out in
      out.putLittle(magic, at: 0)
      out.putLittle(version, at: 8)
      out[12] = log.rawValue
      out.putLittle(node.value.high.byteSwapped, at: 16)
      out.putLittle(node.value.low.byteSwapped, at: 24)
      out.putLittle(XXH64.hash(UnsafeRawBufferPointer(out).part(0..<56)), at: 56)
    }
    return bytes
  }
}

/// Why a checkpoint is not used. It costs time, never data.
public enum CheckpointFault: Error, Hashable, Sendable, CustomStringConvertible {
  case unreadable(FileError)
  /// It is not what was written, or was not written to its end.
  case damaged(at: Offset)
  case newerVersion(UInt32)
  case otherLog
  /// It counts more of this segment than is held.
  case shorter(SegmentName)
  /// The frame that it counts last isn't there.
  case differs(SegmentName)
  /// It counts a segment that is gone without a retirement.
  case missing(SegmentName)

  public var description: String {
    switch self {
    case .unreadable(let error): "\(error)"
    case .damaged(let offset): "it is damaged at offset \(offset)"
    case .newerVersion(let version): "it has format version \(version)"
    case .otherLog: "it belongs to another log"
    case .shorter(let name): "it counts more of segment \(name) than is held"
    case .differs(let name): "segment \(name) is not what it counted"
    case .missing(let name): "it counts segment \(name), which is gone"
    }
  }
}

/// What a checkpoint knows of one segment: everything before the cursor is in it, and was durable.
struct SegmentMark: Hashable, Sendable {
  var cursor = FrameCursor.start
  /// Bytes of records before compression.
  var rawBytes: UInt64 = 0
  var index = SparseIndex()
}

/// A live record of a checkpoint.
struct CheckpointEntry {
  /// Which of the checkpoint's names its segment has.
  var segment: Int
  var ordinal: Ordinal
  var kind: RecordKind
  /// Bytes of the whole payload.
  var size: UInt32
  /// CoverSearch's hash of kind and whole payload.
  var hash: UInt64
  /// The payload, or its beginning if the log's options abridge this kind.
  var stored: UnsafeRawBufferPointer
}

extension CheckpointEntry {
  /// Takes the next entry off `bytes`; nil if they hold none.
  static func next(_ bytes: inout UnsafeRawBufferPointer) -> CheckpointEntry? {
    let head = CheckpointFormat.entryHeaderSize
    guard bytes.count >= head else { return nil }
    let stored = Int(bytes.little(18, as: UInt32.self))
    guard stored <= bytes.count - head else { return nil }
    let entry = CheckpointEntry(
      segment: Int(bytes.little(0, as: UInt32.self)), ordinal: Ordinal(bytes.little(4)),
      kind: RecordKind(bytes.little(12)), size: bytes.little(14), hash: bytes.little(22),
      stored: bytes.part(head..<(head + stored)))
    bytes = bytes.part((head + stored)..<bytes.count)
    return entry
  }
}

extension SegmentMark {
  /// Takes the next mark off `bytes`, with the number of its name.
  static func next(_ bytes: inout UnsafeRawBufferPointer) -> (name: Int, mark: SegmentMark)? {
    let head = CheckpointFormat.markHeaderSize
    guard bytes.count >= head else { return nil }
    let count = Int(bytes.little(52, as: UInt32.self))
    guard count <= (bytes.count - head) / 16 else { return nil }
    var mark = SegmentMark()
    mark.cursor.offset = Offset(bytes.little(4))
    mark.cursor.chain = Checksum(bytes.little(12))
    mark.cursor.records = Ordinal(bytes.little(20))
    mark.cursor.lastFrame = Offset(bytes.little(28))
    mark.cursor.previousEnd = bytes.little(36)
    mark.rawBytes = bytes.little(44)
    let limit = Format.largestSegment
    guard mark.cursor.offset.value <= limit, mark.cursor.records.value <= limit,
      mark.cursor.lastFrame.value <= limit
    else { return nil }
    for item in 0..<count {
      guard bytes.little(head + 16 * item, as: UInt64.self) <= limit,
        bytes.little(head + 16 * item + 8, as: UInt64.self) <= limit
      else { return nil }
      mark.index.restore(
        Ordinal(bytes.little(head + 16 * item)), at: Offset(bytes.little(head + 16 * item + 8)))
    }
    let name = Int(bytes.little(0, as: UInt32.self))
    bytes = bytes.part((head + 16 * count)..<bytes.count)
    return (name, mark)
  }
}
