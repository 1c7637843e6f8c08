// Why bytes on disk or on the wire are not what they should be. It names the first rule that they
// break; where it happened is told by the error that carries it.

public enum DecodeFault: Error, Hashable, Sendable, CustomStringConvertible {
  case truncated
  case badMagic
  case badChecksum
  case newerVersion(UInt32)
  case reservedBitsSet
  case unknownCodec(UInt8)
  /// A size field breaks the format's bounds or contradicts another.
  case badSize
  case wrongName
  case wrongOffset(found: UInt64)
  case wrongNonce(found: UInt64)
  case wrongOrdinal(found: UInt64)
  /// Intact by itself, but it follows another frame than the one before it here.
  case wrongChain(found: Checksum)
  /// A frame that claims durability of bytes behind itself.
  case badDurableEnd(found: UInt64)
  case badCompression
  /// The records don't fill the frame exactly.
  case badRecords

  public var description: String {
    switch self {
    case .truncated: "ends in the middle of a frame or header"
    case .badMagic: "no frame or header starts here"
    case .badChecksum: "the checksum does not match"
    case .newerVersion(let version): "written in format version \(version), newer than this one"
    case .reservedBitsSet: "reserved bits are set"
    case .unknownCodec(let codec): "unknown compression codec \(codec)"
    case .badSize: "a size is out of bounds"
    case .wrongName: "the header names another segment than the file"
    case .wrongOffset(let found): "the frame belongs at offset \(found)"
    case .wrongNonce(let found): "the frame belongs to the segment with nonce \(hex(found))"
    case .wrongOrdinal(let found): "the frame counts its first record as \(found)"
    case .wrongChain(let found): "the frame follows another frame, with checksum \(found)"
    case .badDurableEnd(let found): "the frame testifies a durable end of \(found), behind itself"
    case .badCompression: "the compressed payload can't be unpacked"
    case .badRecords: "the records don't fill the frame"
    }
  }
}
