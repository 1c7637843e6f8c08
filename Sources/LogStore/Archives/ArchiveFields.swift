// Protobuf's wire format as far as archive records need it: byte fields and varints. Unknown
// fields are skipped; every length is checked against what is there.

struct ArchiveFields {
  private var found: [UInt64: UnsafeRawBufferPointer] = [:]

  /// Nil if the bytes are no protobuf message.
  init?(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count {
      guard let key = Self.varint(bytes, &at) else { return nil }
      let length: Int
      switch key & 7 {
      case 0:
        guard Self.varint(bytes, &at) != nil else { return nil }
        continue
      case 1: length = 8
      case 2:
        guard let read = Self.varint(bytes, &at), read <= UInt64(bytes.count) else { return nil }
        length = Int(read)
      case 5: length = 4
      default: return nil
      }
      guard length <= bytes.count - at else { return nil }
      if key & 7 == 2 {
        found[key >> 3] = UnsafeRawBufferPointer(rebasing: bytes[at..<at + length])
      }
      at += length
    }
  }

  /// The last byte field of this number, as protobuf has it.
  subscript(number: UInt64) -> UnsafeRawBufferPointer? { found[number] }

  static func append(_ number: UInt64, _ content: [UInt8], to bytes: inout [UInt8]) {
    appendVarint(number << 3 | 2, to: &bytes)
    appendVarint(UInt64(content.count), to: &bytes)
    bytes.append(contentsOf: content)
  }

  static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  static func varint(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < bytes.count, shift < 64 {
      let byte = bytes[at]
      at += 1
      if shift == 63 && byte > 1 { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
