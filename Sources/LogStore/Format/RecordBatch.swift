// Records that belong together, flat, in the very bytes that will stand in the frame: u32 length,
// u16 kind, payload. A batch is never split: after a crash all of it is there or nothing.

public struct RecordBatch: Hashable, Sendable {
  public private(set) var count = 0
  private(set) var bytes: [UInt8] = []
  /// The longest payload, for the limit on records.
  private(set) var longest = 0

  public init() {}

  public init(_ records: some Sequence<Record>) {
    for record in records { append(record) }
  }

  public init(kind: RecordKind, payload: [UInt8]) { append(kind: kind, payload: payload) }

  public var isEmpty: Bool { count == 0 }
  /// Bytes in the frame before compression.
  public var size: Int { bytes.count }

  public mutating func append(_ record: Record) {
    append(kind: record.kind, payload: record.payload)
  }

  public mutating func append(kind: RecordKind, payload: [UInt8]) {
    payload.withUnsafeBytes { append(kind: kind, payload: $0) }
  }

  public mutating func append(kind: RecordKind, payload: UnsafeRawBufferPointer) {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: payload.count).littleEndian) {
      bytes.append(contentsOf: $0)
    }
    withUnsafeBytes(of: kind.value.littleEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: payload)
    longest = max(longest, payload.count)
    count += 1
  }

  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    count = 0
    longest = 0
  }
}

/// Walks records as they stand in a frame. `next` checks every length against what is there.
struct RecordWalker {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { at == bytes.count }

  @inline(__always)
  mutating func next() throws(DecodeFault) -> (kind: RecordKind, payload: UnsafeRawBufferPointer) {
    let body = at + Format.recordHeaderSize
    guard body <= bytes.count else { throw .badRecords }
    let length = Int(bytes.little(at, as: UInt32.self))
    guard length <= bytes.count - body else { throw .badRecords }
    let kind = RecordKind(bytes.little(at + 4))
    at = body + length
    return (kind, bytes.part(body..<at))
  }

  /// Exactly `count` records fill `bytes`.
  static func check(_ bytes: UnsafeRawBufferPointer, count: UInt32) throws(DecodeFault) {
    var walker = RecordWalker(bytes)
    for _ in 0..<count { _ = try walker.next() }
    guard walker.isAtEnd else { throw .badRecords }
  }
}
