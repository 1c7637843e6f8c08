// Bytes from a stranger become frames here; lengths are checked before anything is allocated.

/// Turns a stream of bytes, cut anywhere, into frames. It owns at most one unfinished frame, whose
/// memory grows with the bytes that came, never with the length that was announced. After an error
/// it must not be used again.
struct FrameReader: Sendable {
  enum Failure: Error, Hashable {
    case tooLarge(length: UInt64, limit: Int)
    case tooShort(length: UInt64)
    case unknownType(UInt8)
  }

  /// The greatest length field that is taken; may be changed between frames.
  var limit: Int

  private var length: UInt32 = 0
  private var type = FrameType.preface
  private var exchange: UInt64 = 0
  private var headerBytes = 0
  private var payload: [UInt8] = []
  private var payloadSize = 0

  /// No array is made larger than this before its bytes are there.
  private static let firstReserve = 64 << 10

  init(limit: Int) { self.limit = limit }

  /// Bytes held of a frame that has begun and not ended.
  var partialBytes: Int { headerBytes + payload.count }

  /// Reads `bytes` from `offset` on and advances it; nil when they are used up.
  mutating func next(
    _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
  ) throws(Failure) -> Frame? {
    while headerBytes < Frame.headerSize {
      guard offset < bytes.count else { return nil }
      try takeHeader(bytes[offset])
      offset += 1
    }
    let count = min(payloadSize - payload.count, bytes.count - offset)
    if count > 0 {
      if payload.isEmpty { payload.reserveCapacity(min(payloadSize, Self.firstReserve)) }
      payload.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
      offset += count
    }
    guard payload.count == payloadSize else { return nil }
    let frame = Frame(type: type, exchange: exchange, payload: payload)
    (length, exchange, headerBytes, payloadSize) = (0, 0, 0, 0)
    payload = []
    return frame
  }

  private mutating func takeHeader(_ byte: UInt8) throws(Failure) {
    switch headerBytes {
    case 0...3:
      length |= UInt32(byte) << (8 * UInt32(headerBytes))
      if headerBytes == 3 { try checkLength() }
    case 4:
      guard let known = FrameType(rawValue: byte) else { throw .unknownType(byte) }
      type = known
    default:
      exchange |= UInt64(byte) << (8 * UInt64(headerBytes - 5))
    }
    headerBytes += 1
  }

  private mutating func checkLength() throws(Failure) {
    guard length >= Frame.overhead else { throw .tooShort(length: UInt64(length)) }
    guard length <= limit else { throw .tooLarge(length: UInt64(length), limit: limit) }
    payloadSize = Int(length) - Frame.overhead
  }
}
