// The protobuf wire format, as far as the protocol uses it: varints, fixed64 and length-delimited
// fields. It owns encoding and bounds checks, nothing of any message. Why not generated code on the
// hot paths: a generated 240-byte record costs 0.9 us to write and 1.5 us to read, and its bytes
// are Foundation's. The .proto files beside the codecs say the same for other languages, and
// Tests/ProtocolTests holds both to it.

public struct ProtoWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  public mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// Proto3: a zero scalar is not written.
  public mutating func field(_ number: Int, varint value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(number) << 3)
    varint(value)
  }

  public mutating func field(_ number: Int, bool value: Bool) {
    field(number, varint: value ? 1 : 0)
  }

  public mutating func field(_ number: Int, zigzag value: Int64) {
    field(number, varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  public mutating func field(_ number: Int, fixed64 value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(number) << 3 | 1)
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  public mutating func field(_ number: Int, bytes value: [UInt8]) {
    guard !value.isEmpty else { return }
    element(number, bytes: value)
  }

  public mutating func field(_ number: Int, string value: String) {
    guard !value.isEmpty else { return }
    element(number, string: value)
  }

  /// An element of a repeated field, or a set optional: written even if empty.
  public mutating func element(_ number: Int, bytes value: [UInt8]) {
    varint(UInt64(number) << 3 | 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// The same from memory that needn't be an array.
  public mutating func element(_ number: Int, raw value: UnsafeRawBufferPointer) {
    varint(UInt64(number) << 3 | 2)
    varint(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  public mutating func element(_ number: Int, string value: String) {
    varint(UInt64(number) << 3 | 2)
    varint(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  /// A nested message; written even if empty. The length is put in place afterwards.
  public mutating func message(_ number: Int, _ body: (inout ProtoWriter) -> Void) {
    varint(UInt64(number) << 3 | 2)
    let start = bytes.count
    body(&self)
    let length = bytes.count - start
    var prefix = ProtoWriter()
    prefix.varint(UInt64(length))
    bytes.insert(contentsOf: prefix.bytes, at: start)
  }
}

/// What a peer sent can't be read; `offset` is where in the message.
public enum ProtoError: Error, Hashable, Sendable, CustomStringConvertible {
  case truncated(offset: Int)
  case varintTooLong(offset: Int)
  case badWireType(offset: Int)
  case badUTF8(offset: Int)
  case badField(number: Int, reason: String)

  public var description: String {
    switch self {
    case .truncated(let offset): "message truncated at byte \(offset)"
    case .varintTooLong(let offset): "varint too long at byte \(offset)"
    case .badWireType(let offset): "unknown wire type at byte \(offset)"
    case .badUTF8(let offset): "text is not UTF-8 at byte \(offset)"
    case .badField(let number, let reason): "field \(number): \(reason)"
    }
  }
}

public struct ProtoReader {
  private let bytes: UnsafeRawBufferPointer
  private let base: Int
  public private(set) var offset = 0

  /// Reads `bytes`, which must outlive the reader. `base` shifts the offsets that errors tell.
  public init(_ bytes: UnsafeRawBufferPointer, base: Int = 0) {
    self.bytes = bytes
    self.base = base
  }

  public enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(UnsafeRawBufferPointer, base: Int)
  }

  /// The next field; nil at the end. Lengths are checked against what is there before any use.
  public mutating func next() throws(ProtoError) -> (number: Int, value: Value)? {
    guard offset < bytes.count else { return nil }
    let at = base + offset
    let key = try varint()
    let number = Int(truncatingIfNeeded: key >> 3)
    guard (1...0x1fff_ffff).contains(number) else { throw .badWireType(offset: at) }
    switch key & 7 {
    case 0: return (number, .varint(try varint()))
    case 1:
      guard bytes.count - offset >= 8 else { throw .truncated(offset: base + offset) }
      let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset += 8
      return (number, .fixed64(UInt64(littleEndian: value)))
    case 2:
      let length = try varint()
      guard length <= UInt64(bytes.count - offset) else {
        throw .truncated(offset: base + offset)
      }
      let start = offset
      offset += Int(length)
      return (number, .bytes(.init(rebasing: bytes[start..<offset]), base: base + start))
    case 5:
      guard bytes.count - offset >= 4 else { throw .truncated(offset: base + offset) }
      let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
      offset += 4
      return (number, .fixed32(UInt32(littleEndian: value)))
    default: throw .badWireType(offset: at)
    }
  }

  private mutating func varint() throws(ProtoError) -> UInt64 {
    let start = base + offset
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      if shift == 63 && byte > 1 { throw .varintTooLong(offset: start) }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw .varintTooLong(offset: start) }
    }
    throw .truncated(offset: base + offset)
  }
}

extension ProtoReader.Value {
  public func unsigned(_ number: Int) throws(ProtoError) -> UInt64 {
    switch self {
    case .varint(let value), .fixed64(let value): return value
    case .fixed32(let value): return UInt64(value)
    case .bytes: throw .badField(number: number, reason: "a number was expected")
    }
  }

  public func zigzag(_ number: Int) throws(ProtoError) -> Int64 {
    let value = try unsigned(number)
    return Int64(bitPattern: (value >> 1)) ^ -Int64(bitPattern: value & 1)
  }

  public func raw(_ number: Int) throws(ProtoError) -> (UnsafeRawBufferPointer, base: Int) {
    guard case .bytes(let bytes, let base) = self else {
      throw .badField(number: number, reason: "bytes were expected")
    }
    return (bytes, base)
  }

  public func bytes(_ number: Int) throws(ProtoError) -> [UInt8] {
    [UInt8](try raw(number).0)
  }

  public func string(_ number: Int) throws(ProtoError) -> String {
    let (bytes, base) = try raw(number)
    guard let text = String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) else {
      throw .badUTF8(offset: base)
    }
    return text
  }

  public func reader(_ number: Int) throws(ProtoError) -> ProtoReader {
    let (bytes, base) = try raw(number)
    return ProtoReader(bytes, base: base)
  }
}

/// What stands on the wire as one protobuf message. Unknown fields are skipped on reading.
public protocol ProtoMessage: Sendable {
  func encode(into writer: inout ProtoWriter)
  init(from reader: inout ProtoReader) throws(ProtoError)
}

extension ProtoMessage {
  public func encoded() -> [UInt8] {
    var writer = ProtoWriter()
    encode(into: &writer)
    return writer.bytes
  }

  public init(decoding bytes: UnsafeRawBufferPointer) throws(ProtoError) {
    var reader = ProtoReader(bytes)
    self = try Self(from: &reader)
  }

  public init(decoding bytes: [UInt8]) throws(ProtoError) {
    // Typed throws don't pass through withUnsafeBytes' rethrows, hence the Result.
    let result = bytes.withUnsafeBytes { raw -> Result<Self, ProtoError> in
      do throws(ProtoError) { return .success(try Self(decoding: raw)) } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }
}
