/// What an archive is made of: contents of up to 1 MiB each, in order, all but the last full.
public struct ArchiveManifest: Hashable, Sendable {
  public static let chunkSize: UInt64 = 1 << 20
  /// 128 GiB; its manifest has 4 MiB.
  public static let chunkLimit = 1 << 17

  /// SHA-256 of the whole content.
  public var id: Hash256
  /// Bytes of the whole content.
  public var size: UInt64
  /// SHA-256 of each chunk.
  public var chunks: [Hash256]

  public init(id: Hash256, size: UInt64, chunks: [Hash256]) {
    self.id = id
    self.size = size
    self.chunks = chunks
  }

  /// Whether sizes and hashes can belong together.
  public var isSound: Bool {
    guard chunks.count <= Self.chunkLimit else { return false }
    let (whole, rest) = size.quotientAndRemainder(dividingBy: Self.chunkSize)
    guard UInt64(chunks.count) == whole + (rest > 0 ? 1 : 0) else { return false }
    // A single chunk's hash is the archive's own; an empty archive's is that of nothing.
    switch chunks.count {
    case 0: return id == Hash256.of([])
    case 1: return id == chunks[0]
    default: return true
    }
  }

  /// Bytes of the chunk with this index.
  public func length(of index: UInt64) -> UInt64 {
    min(Self.chunkSize, size - index * Self.chunkSize)
  }
}

extension RecordKind {
  /// 32 bytes of SHA-256, then the chunk's bytes.
  public static let archiveChunk = RecordKind(32)
  /// 32 bytes of id, u64 size, u32 count, then 32 bytes a chunk; integers little-endian.
  public static let archiveManifest = RecordKind(33)
}

extension ArchiveManifest {
  var payload: [UInt8] {
    var bytes = id.bytes
    bytes.reserveCapacity(44 + 32 * chunks.count)
    withUnsafeBytes(of: size.littleEndian) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt32(chunks.count).littleEndian) { bytes.append(contentsOf: $0) }
    for chunk in chunks { bytes.append(contentsOf: chunk.bytes) }
    return bytes
  }

  /// Nil if these are not a sound manifest's bytes.
  package init?(payload bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 44 else { return nil }
    let size = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
    let count = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 40, as: UInt32.self))
    guard count <= UInt32(Self.chunkLimit), bytes.count == 44 + 32 * Int(count),
      let id = Hash256(raw: .init(rebasing: bytes[0..<32]))
    else { return nil }
    var chunks: [Hash256] = []
    chunks.reserveCapacity(Int(count))
    for index in 0..<Int(count) {
      let start = 44 + 32 * index
      guard let chunk = Hash256(raw: .init(rebasing: bytes[start..<start + 32])) else { return nil }
      chunks.append(chunk)
    }
    self.init(id: id, size: size, chunks: chunks)
    guard isSound else { return nil }
  }
}
