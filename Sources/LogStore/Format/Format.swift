// The constants of the disk format, version 1, and nothing else. docs/FORMAT.md says the same in
// words; the vectors in Tests/LogStoreTests hold both to it.

enum Format {
  static let version: UInt32 = 1

  /// "RPCVLOG\n": tells a segment from any other file.
  static let segmentMagic: UInt64 = 0x0A47_4F4C_5643_5052
  static let segmentHeaderSize = 64

  /// "RVFR"
  static let frameMagic: UInt32 = 0x5246_5652
  static let frameVersion: UInt8 = 1
  static let frameHeaderSize = 80
  static let frameAlignment = 8

  /// u32 length and u16 kind before each record's bytes.
  static let recordHeaderSize = 6

  /// No frame holds more raw bytes than this, whatever a writer's options say: the bound that a
  /// reader checks before it allocates.
  static let largestFrame = 8 << 20
  /// No segment is longer than this.
  static let largestSegment: UInt64 = 1 << 40

  /// What a retirement, a floor or a closing says of a serial beyond this is not believed: it is
  /// no writer's, and the writer's next one has to be above it.
  static let largestSerial: UInt64 = 1 << 62

  @inline(__always)
  static func padded(_ size: Int) -> Int { (size + 7) & ~7 }

  /// The most bytes that a frame of `raw` payload bytes takes, stored uncompressed.
  static func frameBound(raw: Int) -> Int { frameHeaderSize + padded(raw) }
}
