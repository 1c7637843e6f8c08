// Contents named by their SHA-256, as chunk and manifest records in a log of their own: the same
// checksums, recovery, shipping and retirement as facts. It owns the index from hashes to positions
// and the pins; it promises that a chunk given away is what its hash says, and that put twice is
// stored once. What an archive is for, and whether a fact still names it, is the layer above's.

public final class ArchiveStore: Sendable {
  public let log: Log
  let state: Guarded<ArchiveIndex>

  private init(_ log: Log, _ index: consuming sending ArchiveIndex) {
    self.log = log
    state = Guarded(index)
  }

  public static func open(
    _ directory: String, on fs: any FileSystem, node: NodeID, options: LogOptions,
    entropy: inout some RandomNumberGenerator
  ) throws(LogError) -> (ArchiveStore, RecoveryReport) {
    var options = options
    // Of a chunk only the hash matters at the next start.
    options.abridged[.archiveChunk] = 32
    // A chunk is read by itself, and what waits for the disk is large.
    options.frameTarget = 512 << 10
    options.bufferLimit = min(options.bufferLimit, 8 << 20)
    var index = ArchiveIndex()
    let (log, report) = try Log.open(
      directory, on: fs, node: node, log: .archives, options: options, entropy: &entropy
    ) { position, kind, payload in
      index.note(kind, payload, at: position, .zero)
    }
    _ = index.takeTouched()
    return (ArchiveStore(log, index), report)
  }

  // MARK: questions

  public func manifest(of id: Hash256) -> ArchiveManifest? {
    state.withLock { $0.manifests[id]?.manifest }
  }

  /// Whether every chunk is held, durable or not.
  public func isComplete(_ id: Hash256) -> Bool { state.withLock { $0.isComplete(id) } }

  /// Whether the archive survives a power cut here.
  public func isDurable(_ id: Hash256) -> Bool {
    let durable = log.durable
    return state.withLock { $0.isComplete(id, through: durable) }
  }

  /// Where manifest and chunks stand; empty if it is not complete.
  public func positions(of id: Hash256) -> [Position] { state.withLock { $0.positions(of: id) } }

  /// Indices of the manifest's chunks that are not held.
  public func missing(of manifest: ArchiveManifest) -> [UInt64] {
    state.withLock { $0.missing(of: manifest) }
  }

  /// Archives of which anything arrived, or went, since this was asked last: those that have to be
  /// looked at again, and perhaps some more.
  public func takeTouched() -> Set<Hash256> { state.withLock { $0.takeTouched() } }

  // MARK: putting

  /// Takes note of an archive that somebody has, and pins what is held of it until `orphanAge`
  /// after `now` (nanoseconds of this process). Returns what is missing.
  public func offered(_ manifest: ArchiveManifest, at now: UInt64) throws(LogError) -> [UInt64] {
    guard manifest.isSound else { throw .badArchive(manifest.id, .unsoundManifest) }
    let isNew = state.withLock { index in
      index.pin(manifest.id, at: now)
      return index.manifests[manifest.id] == nil
    }
    if isNew { try append(.archiveManifest, manifest.payload) }
    return missing(of: manifest)
  }

  /// Stores one chunk of an archive that was offered. False if the bytes are not that chunk.
  public func put(
    _ bytes: [UInt8], as index: UInt64, of id: Hash256
  ) throws(LogError) -> Bool {
    guard let manifest = manifest(of: id), index < UInt64(manifest.chunks.count) else {
      throw .badArchive(id, .unknownChunk(index))
    }
    let hash = manifest.chunks[Int(index)]
    guard UInt64(bytes.count) == manifest.length(of: index), Hash256.of(bytes) == hash else {
      return false
    }
    if !holds(hash) { try append(.archiveChunk, hash.bytes + bytes) }
    return true
  }

  private func holds(_ hash: Hash256) -> Bool { state.withLock { $0.chunks[hash] != nil } }

  /// Stores a chunk, if it isn't held yet, and gives its name; until `release` it stays, whether or
  /// not a manifest names it.
  func hold(_ chunk: ChunkBuffer) throws(LogError) -> Hash256 {
    let hash = Hash256.of(chunk.content)
    state.withLock { $0.hold(hash) }
    if holds(hash) { return hash }
    let payload = chunk.payload(named: hash)
    do throws(LogError) {
      do throws(LogError) { try append(.archiveChunk, payload) } catch .bufferFull {
        // More waits for the disk than the log buffers: write it out and go on.
        try log.write()
        try append(.archiveChunk, payload)
      }
    } catch {
      release([hash])
      throw error
    }
    return hash
  }

  func release(_ chunks: [Hash256]) {
    state.withLock { index in
      for hash in chunks { index.release(hash) }
    }
  }

  private func append(_ kind: RecordKind, _ payload: [UInt8]) throws(LogError) {
    try payload.withUnsafeBufferPointer { bytes throws(LogError) in
      try append(kind, UnsafeRawBufferPointer(bytes))
    }
  }

  private func append(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) throws(LogError) {
    let appended = try log.append(kind: kind, payload: payload)
    state.withLock { $0.note(kind, payload, at: appended.first, appended.sequence) }
  }

  /// Records that were appended again by a drain of the log.
  public func appended(_ records: [Record], at first: Position, _ sequence: LogSequence) {
    state.withLock { index in
      for (offset, record) in records.enumerated() {
        let position = Position(
          segment: first.segment, ordinal: Ordinal(first.ordinal.value + UInt64(offset)))
        record.payload.withUnsafeBytes { index.note(record.kind, $0, at: position, sequence) }
      }
    }
  }

  /// A neighbour's bytes of an archive segment; see `Log.ingest`.
  public func ingest(
    _ segment: SegmentName, at offset: Offset, _ bytes: UnsafeRawBufferPointer
  ) throws(IngestError) -> (SegmentEnd, LogSequence) {
    var found = FoundRecords()
    let (end, sequence) = try log.ingest(segment, at: offset, bytes) { found.add($0, $1, $2) }
    state.withLock { found.note(in: &$0, sequence) }
    return (end, sequence)
  }

  // MARK: liveness

  /// Drops pins that are older than `age` nanoseconds. Called before a drain.
  public func unpin(olderThan age: UInt64, at now: UInt64) {
    state.withLock { $0.unpin(olderThan: age, at: now) }
  }

  /// Whether a record of the archive log can go: of an archive that no live fact names and that is
  /// not pinned. `isNamed` is asked for archive ids.
  public func isDead(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer, isNamed: (Hash256) -> Bool
  ) -> Bool {
    guard payload.count >= 32, let hash = Hash256(raw: .init(rebasing: payload[0..<32])) else {
      return false
    }
    return state.withLock { index in
      switch kind {
      case .archiveManifest: return !index.isWanted(hash, isNamed)
      case .archiveChunk: return !index.isChunkWanted(hash, isNamed)
      default: return false
      }
    }
  }

  /// Right before a segment's file goes: forgets what stands there, in one step with the question
  /// whether anything that stands nowhere else is wanted. False, and nothing forgotten, if so.
  public func withdraw(_ segment: SegmentName, isNamed: (Hash256) -> Bool) -> Bool {
    state.withLock { index in
      guard !index.isNeeded(segment, isNamed) else { return false }
      index.forget(segment)
      return true
    }
  }

  /// `Log.setAsideDamage`, and what is held is known anew.
  public func setAsideDamage(
    in segment: SegmentName
  ) throws(LogError) -> RecoveryReport.Finding? {
    var found = FoundRecords()
    let finding = try log.setAsideDamage(in: segment) { found.add($0, $1, $2) }
    guard finding != nil else { return nil }
    let sequence = log.sequence
    state.withLock { index in
      index.forget(segment)
      found.note(in: &index, sequence)
    }
    if log.end(of: segment) != nil { try restore(segment) }
    return finding
  }

  /// A withdrawn segment is still there after all.
  public func restore(_ segment: SegmentName) throws(LogError) {
    var found = FoundRecords()
    try log.forEachRecord(in: segment) { found.add($0, $1, $2) }
    let sequence = log.sequence
    state.withLock { found.note(in: &$0, sequence) }
  }
}

/// What a walk over the log found, for the index: of a chunk only the hash matters.
private struct FoundRecords {
  private var records: [(RecordKind, [UInt8], Position)] = []

  mutating func add(_ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    let kept = kind == .archiveChunk ? payload.prefix(32) : payload[...]
    records.append((kind, [UInt8](kept), position))
  }

  func note(in index: inout ArchiveIndex, _ sequence: LogSequence) {
    for (kind, payload, position) in records {
      payload.withUnsafeBytes { index.note(kind, $0, at: position, sequence) }
    }
  }
}
