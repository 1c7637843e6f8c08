import Crypto

// SHA-256: the name of contents. Values and a running hash; knows nothing of what is hashed.

/// SHA-256.
public struct Hash256: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var a: UInt64
  public var b: UInt64
  public var c: UInt64
  public var d: UInt64

  /// Not the hash of anything known.
  public static let zero = Hash256(a: 0, b: 0, c: 0, d: 0)

  public init(a: UInt64, b: UInt64, c: UInt64, d: UInt64) {
    self.a = a
    self.b = b
    self.c = c
    self.d = d
  }

  /// From 32 bytes, big-endian, so that the order of values is the order of bytes; nil otherwise.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    for (index, byte) in bytes.enumerated() {
      switch index >> 3 {
      case 0: words.0 = words.0 << 8 | UInt64(byte)
      case 1: words.1 = words.1 << 8 | UInt64(byte)
      case 2: words.2 = words.2 << 8 | UInt64(byte)
      default: words.3 = words.3 << 8 | UInt64(byte)
      }
    }
    (a, b, c, d) = words
  }

  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(32)
    for word in [a, b, c, d] {
      withUnsafeBytes(of: word.bigEndian) { result.append(contentsOf: $0) }
    }
    return result
  }

  public static func < (x: Hash256, y: Hash256) -> Bool {
    (x.a, x.b, x.c, x.d) < (y.a, y.b, y.c, y.d)
  }

  /// 64 lower-case hexadecimal digits.
  public var description: String {
    ID128(high: a, low: b).description + ID128(high: c, low: d).description
  }
}

extension Hash256 {
  /// The first 32 bytes, big-endian; nil if there are not exactly 32.
  public init?(raw bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 32 else { return nil }
    self.init(
      a: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
      b: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
      c: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
      d: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
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
