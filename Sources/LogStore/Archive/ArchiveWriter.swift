/// Puts content whose hash is not known yet: takes bytes as they come, stores full chunks, and
/// names the whole at the end. While one chunk is hashed and stored on a thread of its own, the
/// next is taken and hashed into the whole: it holds two chunks in memory. Until it is finished or
/// dropped, no drain takes its chunks; a writer that is dropped leaves some that no manifest names,
/// for a drain.
public struct ArchiveWriter: ~Copyable, Sendable {
  private let store: ArchiveStore
  private var hash = RunningHash()
  private var filling = ChunkBuffer()
  /// The chunk before, and what it lies in.
  private var storing: Errand<Hash256>?
  private var other: ChunkBuffer?
  private var chunks: [Hash256] = []
  private var size: UInt64 = 0

  public init(into store: ArchiveStore) { self.store = store }

  deinit {
    var held = chunks
    if let last = try? storing?.value() { held.append(last) }
    store.release(held)
  }

  /// What went wrong with a chunk may be told by a later call: the archive can't be finished then.
  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(LogError) {
    size += UInt64(bytes.count)
    var rest = bytes[...]
    while !rest.isEmpty {
      if filling.isFull { try flush() }
      rest = rest.dropFirst(filling.fill(rest))
    }
  }

  private mutating func flush() throws(LogError) {
    try settle()
    let (chunk, store) = (filling, store)
    filling = other ?? ChunkBuffer()
    filling.clear()
    other = chunk
    storing = Errand { () throws(LogError) in try store.hold(chunk) }
    hash.update(chunk.content)
  }

  /// The chunk before is stored.
  private mutating func settle() throws(LogError) {
    guard let storing else { return }
    self.storing = nil
    chunks.append(try storing.value())
  }

  /// Names the content; it is durable after the next commit of the store's log. `now` as in
  /// `ArchiveStore.offered`.
  public consuming func finish(at now: UInt64) throws(LogError) -> ArchiveManifest {
    let id: Hash256
    if storing == nil, chunks.isEmpty {
      // All of it is one chunk, or nothing, so the names are the same.
      id = filling.isEmpty ? hash.value : try store.hold(filling)
      if !filling.isEmpty { chunks.append(id) }
    } else {
      try flush()
      try settle()
      id = hash.value
    }
    let manifest = ArchiveManifest(id: id, size: size, chunks: chunks)
    let missing = try store.offered(manifest, at: now)
    if let index = missing.first { throw .badArchive(manifest.id, .missingChunk(index)) }
    return manifest
  }
}
