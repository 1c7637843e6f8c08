import Crypto

// The name of content: its SHA-256. Chunks and archives are called by it, so that equal content is
// stored once and what was read can be proved to be what was asked for.

public struct ContentHash: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var a: UInt64
  public var b: UInt64
  public var c: UInt64
  public var d: UInt64

  public static let size = 32

  /// From 32 bytes, big-endian, so that the order of values is the order of bytes; nil otherwise.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == Self.size else { return nil }
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

  /// The hash of these bytes.
  public init(of content: UnsafeRawBufferPointer) {
    var hasher = ContentHasher()
    hasher.update(content)
    self = hasher.finish()
  }

  public init(of content: [UInt8]) { self = content.withUnsafeBytes { ContentHash(of: $0) } }

  fileprivate init(_ digest: SHA256Digest) {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    digest.withUnsafeBytes { bytes in
      words.0 = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self).bigEndian
      words.1 = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian
      words.2 = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian
      words.3 = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self).bigEndian
    }
    (a, b, c, d) = words
  }

  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(Self.size)
    for word in [a, b, c, d] {
      withUnsafeBytes(of: word.bigEndian) { result.append(contentsOf: $0) }
    }
    return result
  }

  public static func < (x: ContentHash, y: ContentHash) -> Bool {
    (x.a, x.b, x.c, x.d) < (y.a, y.b, y.c, y.d)
  }

  /// 64 lower-case hexadecimal digits.
  public var description: String { hex(a) + hex(b) + hex(c) + hex(d) }
}

/// Hashes content that comes in pieces.
public struct ContentHasher: Sendable {
  private var state = SHA256()

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    state.update(bufferPointer: bytes)
  }

  public consuming func finish() -> ContentHash { ContentHash(state.finalize()) }
}
