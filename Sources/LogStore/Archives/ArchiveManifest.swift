// What an archive consists of: its name and its chunks in order. It owns the payloads of the two
// record kinds of an archives log, in protobuf's wire format:
//   chunk    64: bytes hash = 1; bytes content = 2
//   manifest 65: bytes id = 1; bytes hashes = 2 (32 bytes a chunk); packed uint32 lengths = 3
// Equal chunks are equal records, so that each is the other's cover.

extension RecordKind {
  public static let archiveChunk = RecordKind(64)
  public static let archiveManifest = RecordKind(65)
}

public struct ArchiveManifest: Hashable, Sendable {
  public struct Chunk: Hashable, Sendable {
    public var hash: ContentHash
    /// 1 to `ArchiveManifest.largestChunk` bytes.
    public var length: Int
    public init(hash: ContentHash, length: Int) {
      self.hash = hash
      self.length = length
    }
  }

  public static let largestChunk = 1 << 20
  /// So that a manifest, too, fits a record of a chunk's size: archives of 28 GiB.
  public static let mostChunks = 28 * 1024

  /// The SHA-256 of the whole content.
  public var id: ContentHash
  public private(set) var chunks: [Chunk] = []
  /// Where each chunk starts in the content.
  private(set) var starts: [UInt64] = []
  /// Bytes of the whole content.
  public private(set) var size: UInt64 = 0

  /// Nil if a chunk's length or the number of chunks is beyond the bounds.
  public init?(id: ContentHash, chunks: [Chunk]) {
    guard chunks.count <= Self.mostChunks,
      chunks.allSatisfy({ (1...Self.largestChunk).contains($0.length) })
    else { return nil }
    self.id = id
    self.chunks = chunks
    starts.reserveCapacity(chunks.count)
    for chunk in chunks {
      starts.append(size)
      size += UInt64(chunk.length)
    }
  }

  /// The chunk in which the byte at `offset` stands; nil behind the end.
  func chunk(at offset: UInt64) -> Int? {
    guard offset < size else { return nil }
    var low = 0
    var high = starts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  // MARK: - Records

  public var record: Record {
    var payload: [UInt8] = []
    payload.reserveCapacity(chunks.count * 36 + 64)
    ArchiveFields.append(1, id.bytes, to: &payload)
    if !chunks.isEmpty {
      ArchiveFields.append(2, chunks.flatMap(\.hash.bytes), to: &payload)
      var lengths: [UInt8] = []
      for chunk in chunks { ArchiveFields.appendVarint(UInt64(chunk.length), to: &lengths) }
      ArchiveFields.append(3, lengths, to: &payload)
    }
    return Record(kind: .archiveManifest, payload: payload)
  }

  /// Nil if the payload is no manifest within the bounds.
  public init?(payload: UnsafeRawBufferPointer) {
    guard let fields = ArchiveFields(payload), let one = fields[1],
      let id = ContentHash(bytes: one)
    else { return nil }
    let hashes = fields[2] ?? UnsafeRawBufferPointer(start: nil, count: 0)
    let lengths = fields[3] ?? UnsafeRawBufferPointer(start: nil, count: 0)
    let count = hashes.count / ContentHash.size
    guard hashes.count % ContentHash.size == 0, count <= Self.mostChunks else { return nil }
    var chunks: [Chunk] = []
    chunks.reserveCapacity(count)
    var at = 0
    for index in 0..<count {
      let part = hashes[index * ContentHash.size..<(index + 1) * ContentHash.size]
      guard let hash = ContentHash(bytes: part),
        let length = ArchiveFields.varint(lengths, &at), length <= UInt64(Self.largestChunk)
      else { return nil }
      chunks.append(Chunk(hash: hash, length: Int(length)))
    }
    guard at == lengths.count else { return nil }
    self.init(id: id, chunks: chunks)
  }
}

/// A chunk's record: the hash stands beside the content, so that recovery need not compute it.
enum ArchiveChunk {
  static func payload(_ hash: ContentHash, _ content: UnsafeRawBufferPointer) -> [UInt8] {
    var payload: [UInt8] = []
    payload.reserveCapacity(content.count + 48)
    ArchiveFields.append(1, hash.bytes, to: &payload)
    ArchiveFields.appendVarint(2 << 3 | 2, to: &payload)
    ArchiveFields.appendVarint(UInt64(content.count), to: &payload)
    payload.append(contentsOf: content)
    return payload
  }

  /// The hash that the record claims, and the content; nil if it is no chunk within the bounds.
  static func decode(
    _ payload: UnsafeRawBufferPointer
  ) -> (hash: ContentHash, content: UnsafeRawBufferPointer)? {
    guard let fields = ArchiveFields(payload), let one = fields[1],
      let hash = ContentHash(bytes: one), let content = fields[2],
      (1...ArchiveManifest.largestChunk).contains(content.count)
    else { return nil }
    return (hash, content)
  }
}
