import Crypto
import LogStore

// SHA-256 as the system uses it: over whole buffers, and over length-prefixed fields, so that no two
// different lists of fields feed the hash the same bytes. Knows nothing of any record.

extension Hash256 {
  /// The first 32 bytes, big-endian; nil if there are not exactly 32.
  init?(raw bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 32 else { return nil }
    self.init(
      a: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
      b: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
      c: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
      d: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
  }

  init(a: UInt64, b: UInt64, c: UInt64, d: UInt64) {
    self = .zero
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }

  /// SHA-256 of these bytes.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> Hash256 {
    var hasher = RunningHash()
    hasher.update(bytes)
    return hasher.value
  }

  public static func of(_ bytes: [UInt8]) -> Hash256 { bytes.withUnsafeBytes { of($0) } }
}

/// SHA-256 over what is appended; a value, so that a prefix's hash can be kept and continued.
public struct RunningHash: Sendable {
  private var hasher = SHA256()

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    hasher.update(bufferPointer: bytes)
  }

  public mutating func update(_ hash: Hash256) {
    let words = (hash.a.bigEndian, hash.b.bigEndian, hash.c.bigEndian, hash.d.bigEndian)
    withUnsafeBytes(of: words) { hasher.update(bufferPointer: $0) }
  }

  /// Of all that was appended so far.
  public var value: Hash256 {
    hasher.finalize().withUnsafeBytes { Hash256(raw: $0) ?? .zero }
  }
}

/// Gathers length-prefixed fields (8 bytes little-endian, then the bytes) for one hash.
struct FieldHash {
  private var hasher = RunningHash()
  /// Gathered, not hashed yet.
  private var bytes: [UInt8] = []

  /// `purpose` keeps hashes of different things apart even if their fields are equal.
  init(_ purpose: StaticString) {
    bytes.reserveCapacity(512)
    purpose.withUTF8Buffer { append(UnsafeRawBufferPointer($0)) }
  }

  mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ field: UnsafeRawBufferPointer) {
    append(UInt64(field.count))
    bytes.append(contentsOf: field)
    if bytes.count > 1 << 16 { drain() }
  }

  mutating func append(_ field: [UInt8]) { field.withUnsafeBytes { append($0) } }

  mutating func append(_ field: String) {
    append(UInt64(field.utf8.count))
    bytes.append(contentsOf: field.utf8)
  }

  /// An absent hash is an empty field.
  mutating func append(_ hash: Hash256?) {
    guard let hash else { return append(UInt64(0)) }
    let words = (hash.a.bigEndian, hash.b.bigEndian, hash.c.bigEndian, hash.d.bigEndian)
    withUnsafeBytes(of: words) { append($0) }
  }

  private mutating func drain() {
    bytes.withUnsafeBytes { hasher.update($0) }
    bytes.removeAll(keepingCapacity: true)
  }

  var value: Hash256 {
    var copy = self
    copy.drain()
    return copy.hasher.value
  }
}

extension ID128 {
  /// The first 16 bytes of the name's SHA-256: a name gives the same id on any machine.
  public init(hashing name: String) {
    var name = name
    let hash = name.withUTF8 { Hash256.of(UnsafeRawBufferPointer($0)) }
    self.init(high: hash.a, low: hash.b)
  }
}
