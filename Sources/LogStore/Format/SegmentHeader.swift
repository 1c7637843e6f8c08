// The first 64 bytes of every segment: who wrote it, which one it is. It owns their layout; that
// they agree with the file's name is the caller's check.

struct SegmentHeader: Hashable, Sendable {
  var name: SegmentName
  /// The segment that the same writer wrote before, whose durable end the first frame tells; nil
  /// if there was none.
  var previous: Nonce?

  /// The chain's first link: the checksum that the first frame names as the one before it.
  var checksum: Checksum {
    let bytes = encoded()
    return Checksum(bytes.withUnsafeBytes { $0.little(56) })
  }

  func encoded() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Format.segmentHeaderSize)
    bytes.withUnsafeMutableBytes { out in
      out.putLittle(Format.segmentMagic, at: 0)
      out.putLittle(Format.version, at: 8)
      out[12] = name.log.rawValue
      out.putLittle(name.node.value.high.byteSwapped, at: 16)
      out.putLittle(name.node.value.low.byteSwapped, at: 24)
      out.putLittle(name.serial.value, at: 32)
      out.putLittle(name.nonce.value, at: 40)
      out.putLittle(previous?.value ?? 0, at: 48)
      out.putLittle(XXH64.hash(UnsafeRawBufferPointer(out).part(0..<56)), at: 56)
    }
    return bytes
  }

  init(name: SegmentName, previous: Nonce?) {
    self.name = name
    self.previous = previous
  }

  init(decoding bytes: UnsafeRawBufferPointer) throws(DecodeFault) {
    guard bytes.count >= Format.segmentHeaderSize else { throw .truncated }
    guard bytes.little(0, as: UInt64.self) == Format.segmentMagic else { throw .badMagic }
    guard XXH64.hash(bytes.part(0..<56)) == bytes.little(56, as: UInt64.self) else {
      throw .badChecksum
    }
    let version = bytes.little(8, as: UInt32.self)
    guard version == Format.version else { throw .newerVersion(version) }
    guard bytes[13] == 0, bytes[14] == 0, bytes[15] == 0 else { throw .reservedBitsSet }
    guard let log = LogKind(rawValue: bytes[12]) else { throw .wrongName }
    let id = ID128(
      high: bytes.little(16, as: UInt64.self).byteSwapped,
      low: bytes.little(24, as: UInt64.self).byteSwapped)
    name = SegmentName(
      node: NodeID(id), log: log, serial: Serial(bytes.little(32)), nonce: Nonce(bytes.little(40)))
    let before = bytes.little(48, as: UInt64.self)
    previous = before == 0 ? nil : Nonce(before)
  }
}
