/// Puts content whose hash is not known yet: takes bytes as they come, stores full chunks, and
/// names the whole at the end. Holds one chunk in memory. Until it is finished or dropped, no drain
/// takes its chunks; a writer that is dropped leaves some that no manifest names, for a drain.
public struct ArchiveWriter: Sendable {
  private let store: ArchiveStore
  private let holds: ChunkHolds
  private var hash = RunningHash()
  private var buffer: [UInt8] = []
  private var chunks: [Hash256] = []
  private var size: UInt64 = 0

  public init(into store: ArchiveStore) {
    self.store = store
    holds = ChunkHolds(store)
  }

  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(LogError) {
    hash.update(bytes)
    size += UInt64(bytes.count)
    var rest = bytes[...]
    while !rest.isEmpty {
      let room = Int(ArchiveManifest.chunkSize) - buffer.count
      buffer.append(contentsOf: rest.prefix(room))
      rest = rest.dropFirst(room)
      if buffer.count == Int(ArchiveManifest.chunkSize) { try flush() }
    }
  }

  private mutating func flush() throws(LogError) {
    let chunk = Hash256.of(buffer)
    do throws(LogError) {
      try holds.hold(buffer, chunk)
    } catch .bufferFull {
      // More waits for the disk than the log buffers: write it out and go on.
      try store.log.write()
      try holds.hold(buffer, chunk)
    }
    chunks.append(chunk)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Names the content; it is durable after the next commit of the store's log. `now` as in
  /// `ArchiveStore.offered`.
  public mutating func finish(at now: UInt64) throws(LogError) -> ArchiveManifest {
    if !buffer.isEmpty { try flush() }
    let manifest = ArchiveManifest(id: hash.value, size: size, chunks: chunks)
    let missing = try store.offered(manifest, at: now)
    if let index = missing.first { throw .badArchive(manifest.id, .missingChunk(index)) }
    return manifest
  }
}

/// Lets go of a writer's chunks when the last copy of the writer goes.
private final class ChunkHolds: Sendable {
  private let store: ArchiveStore
  private let chunks = Guarded<[Hash256]>([])

  init(_ store: ArchiveStore) { self.store = store }

  func hold(_ bytes: [UInt8], _ hash: Hash256) throws(LogError) {
    try store.hold(bytes, hash)
    chunks.withLock { $0.append(hash) }
  }

  deinit { store.release(chunks.withLock { $0 }) }
}
