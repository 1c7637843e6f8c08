// The 80 bytes before each frame's payload. It owns their layout and every check that needs no
// more than a header and the place where it was found. Sizes are bounded here, before anyone
// allocates by them.

struct FrameHeader: Hashable, Sendable {
  var checksum = Checksum(0)
  var codec = Codec.none
  var count: UInt32 = 0
  var rawSize: UInt32 = 0
  var storedSize: UInt32 = 0
  var offset: UInt64
  var nonce: Nonce
  var firstOrdinal: Ordinal
  /// The checksum of the frame before, of the segment's header for the first.
  var previous: Checksum
  /// The durable end of this segment that its writer knew when it encoded this frame.
  var durableEnd: UInt64
  /// In a segment's first frame: the durable end of the writer's previous segment. Else 0.
  var previousSegmentEnd: UInt64

  init(
    offset: UInt64, nonce: Nonce, firstOrdinal: Ordinal, previous: Checksum, durableEnd: UInt64,
    previousSegmentEnd: UInt64
  ) {
    self.offset = offset
    self.nonce = nonce
    self.firstOrdinal = firstOrdinal
    self.previous = previous
    self.durableEnd = durableEnd
    self.previousSegmentEnd = previousSegmentEnd
  }

  /// Header, payload and padding.
  var totalSize: Int { Format.frameHeaderSize + Format.padded(Int(storedSize)) }
  var end: UInt64 { offset + UInt64(totalSize) }
  var endOrdinal: Ordinal { firstOrdinal + Int(count) }

  /// Writes all but the checksum, which covers the payload too.
  func encode(into out: UnsafeMutableRawBufferPointer) {
    out.putLittle(UInt64(0), at: 0)
    out.putLittle(Format.frameMagic, at: 8)
    out[12] = Format.frameVersion
    out[13] = codec.rawValue
    out.putLittle(UInt16(0), at: 14)
    out.putLittle(count, at: 16)
    out.putLittle(rawSize, at: 20)
    out.putLittle(storedSize, at: 24)
    out.putLittle(UInt32(0), at: 28)
    out.putLittle(offset, at: 32)
    out.putLittle(nonce.value, at: 40)
    out.putLittle(firstOrdinal.value, at: 48)
    out.putLittle(previous.value, at: 56)
    out.putLittle(durableEnd, at: 64)
    out.putLittle(previousSegmentEnd, at: 72)
  }

  /// Reads a header and checks what can be checked without the payload. The checksum is not yet
  /// verified: only sizes may be believed, and only within the bounds checked here.
  init(decoding bytes: UnsafeRawBufferPointer) throws(DecodeFault) {
    guard bytes.count >= Format.frameHeaderSize else { throw .truncated }
    guard bytes.little(8, as: UInt32.self) == Format.frameMagic else { throw .badMagic }
    guard bytes[12] == Format.frameVersion else { throw .newerVersion(UInt32(bytes[12])) }
    guard bytes.little(14, as: UInt16.self) == 0, bytes.little(28, as: UInt32.self) == 0 else {
      throw .reservedBitsSet
    }
    guard let codec = Codec(rawValue: bytes[13]) else { throw .unknownCodec(bytes[13]) }
    self.codec = codec
    checksum = Checksum(bytes.little(0))
    count = bytes.little(16)
    rawSize = bytes.little(20)
    storedSize = bytes.little(24)
    offset = bytes.little(32)
    nonce = Nonce(bytes.little(40))
    firstOrdinal = Ordinal(bytes.little(48))
    previous = Checksum(bytes.little(56))
    durableEnd = bytes.little(64)
    previousSegmentEnd = bytes.little(72)
    guard rawSize <= UInt32(Format.largestFrame), storedSize <= rawSize,
      (codec == .none) == (storedSize == rawSize),
      (count == 0) == (rawSize == 0),
      UInt64(count) * UInt64(Format.recordHeaderSize) <= UInt64(rawSize),
      offset <= Format.largestSegment, firstOrdinal.value <= Format.largestSegment
    else { throw .badSize }
  }

  /// Checks a whole frame (header, payload, padding) against its checksum, and the place where it
  /// was found. After this, every field may be believed to be what its writer wrote.
  func verify(_ frame: UnsafeRawBufferPointer, at place: UInt64, of segment: Nonce)
    throws(DecodeFault)
  {
    guard frame.count >= totalSize else { throw .truncated }
    guard XXH64.hash(frame.part(8..<totalSize)) == checksum.value else { throw .badChecksum }
    guard nonce == segment else { throw .wrongNonce(found: nonce.value) }
    guard offset == place else { throw .wrongOffset(found: offset) }
    guard durableEnd <= offset else { throw .badDurableEnd(found: durableEnd) }
  }

  /// Checks that this frame follows the one that ended with `chain` and `records`.
  func verify(follows chain: Checksum, records: Ordinal) throws(DecodeFault) {
    guard previous == chain else { throw .wrongChain(found: previous) }
    guard firstOrdinal == records else { throw .wrongOrdinal(found: firstOrdinal.value) }
  }
}
