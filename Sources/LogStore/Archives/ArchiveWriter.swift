// Puts one archive whose bytes come in pieces of any size: cuts it into chunks, hashes it on the
// way, and holds at most one chunk. A writer that is dropped before `finish` leaves chunks that
// age as orphans, and that a second attempt finds.

public struct ArchiveWriter: ~Copyable {
  private let store: ArchiveStore
  private let now: UInt64
  private var hasher = ContentHasher()
  private var chunks: [ArchiveManifest.Chunk] = []
  private var buffer: [UInt8] = []

  public init(_ store: ArchiveStore, at now: UInt64) {
    self.store = store
    self.now = now
  }

  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(ArchiveError) {
    hasher.update(bytes)
    var rest = bytes
    while !rest.isEmpty {
      // A whole chunk at once needs no copy.
      if buffer.isEmpty, rest.count >= ArchiveManifest.largestChunk {
        try put(UnsafeRawBufferPointer(rebasing: rest[..<ArchiveManifest.largestChunk]))
        rest = UnsafeRawBufferPointer(rebasing: rest[ArchiveManifest.largestChunk...])
        continue
      }
      let count = min(rest.count, ArchiveManifest.largestChunk - buffer.count)
      buffer.append(contentsOf: rest[..<count])
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if buffer.count == ArchiveManifest.largestChunk { try flush() }
    }
  }

  public mutating func write(_ bytes: [UInt8]) throws(ArchiveError) {
    let result = bytes.withUnsafeBytes { bytes -> Result<Void, ArchiveError> in
      do throws(ArchiveError) { return .success(try write(bytes)) } catch { return .failure(error) }
    }
    try result.get()
  }

  /// The archive is durable once the log is durable through `sequence`.
  public consuming func finish() throws(ArchiveError) -> (id: ContentHash, sequence: LogSequence) {
    if !buffer.isEmpty { try flush() }
    let id = hasher.finish()
    guard let manifest = ArchiveManifest(id: id, chunks: chunks) else {
      throw .tooLarge(chunks: chunks.count)
    }
    return (id, try store.put(manifest, isHashed: true, at: now))
  }

  private mutating func flush() throws(ArchiveError) {
    let full = buffer
    buffer.removeAll(keepingCapacity: true)
    let result = full.withUnsafeBytes { bytes -> Result<Void, ArchiveError> in
      do throws(ArchiveError) { return .success(try put(bytes)) } catch { return .failure(error) }
    }
    try result.get()
  }

  private mutating func put(_ chunk: UnsafeRawBufferPointer) throws(ArchiveError) {
    // Said before the disk is filled with what no manifest can name.
    if chunks.count == ArchiveManifest.mostChunks { throw .tooLarge(chunks: chunks.count + 1) }
    let (hash, _) = try store.put(chunk: chunk, at: now)
    chunks.append(ArchiveManifest.Chunk(hash: hash, length: chunk.count))
  }
}

/// Reads one archive from front to back; holds at most one chunk.
public struct ArchiveReader {
  public let manifest: ArchiveManifest
  private let store: ArchiveStore
  private var next = 0

  public init(_ store: ArchiveStore, _ id: ContentHash) throws(ArchiveError) {
    guard let manifest = store.manifest(of: id) else { throw .unknown(id) }
    self.manifest = manifest
    self.store = store
  }

  /// The next chunk's content; nil at the end.
  public mutating func read() throws(ArchiveError) -> [UInt8]? {
    guard next < manifest.chunks.count else { return nil }
    let content = try store.read(chunk: manifest.chunks[next].hash)
    guard content.count == manifest.chunks[next].length else {
      throw .chunkMissing(manifest.chunks[next].hash)
    }
    next += 1
    return content
  }
}
