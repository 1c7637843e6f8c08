// Archives over a log: content-addressed chunks of at most 1 MiB and manifests that name them. It
// promises that what it hands out is what its name says, that equal content is stored once, and
// that memory stays bounded however large an archive is. When something is durable, the log tells:
// every put answers with a sequence to wait for. What an archive contains it doesn't know.

import Synchronization

public final class ArchiveStore: Sendable {
  public let log: Log
  /// How long, in nanoseconds, a chunk lives that no fact names, and how long a pin holds.
  public let orphanAge: UInt64
  private let index: Mutex<ArchiveIndex>

  public static let defaultOrphanAge: UInt64 = 3_600_000_000_000

  /// `index` is the fold of the log's records, from `Log.open`'s visits.
  public init(_ log: Log, index: ArchiveIndex, orphanAge: UInt64 = defaultOrphanAge) {
    self.log = log
    self.index = Mutex(index)
    self.orphanAge = orphanAge
  }

  /// Recovers the archives log in `directory` and indexes it.
  public static func open(
    _ directory: String, on fs: any FileSystem, node: NodeID, options: LogOptions = options(),
    entropy: inout some RandomNumberGenerator, knownSerial: Serial? = nil,
    orphanAge: UInt64 = defaultOrphanAge
  ) throws(LogError) -> (ArchiveStore, RecoveryReport) {
    var index = ArchiveIndex()
    let (log, report) = try Log.open(
      directory, on: fs, node: node, log: .archives, options: options, entropy: &entropy,
      knownSerial: knownSerial
    ) { index.fold($0, $1, $2, sequence: .zero) }
    return (ArchiveStore(log, index: index, orphanAge: orphanAge), report)
  }

  /// A frame a chunk, so that reading one costs one; larger segments.
  public static func options() -> LogOptions {
    var options = LogOptions()
    options.segmentLimit = 256 << 20
    options.frameLimit = ArchiveManifest.largestChunk + 4096
    options.recordLimit = ArchiveManifest.largestChunk + 2048
    return options
  }

  // MARK: - The fold

  /// Records that came into the log otherwise: ingested, or re-appended by a drain.
  public func fold(
    _ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer,
    sequence: LogSequence
  ) {
    index.withLock { $0.fold(position, kind, payload, sequence: sequence) }
  }

  /// The log deleted its copy of this segment.
  public func forget(_ segment: SegmentName) { index.withLock { $0.forget(segment) } }

  /// What a drain may drop; see ArchiveLiveness for how long it holds.
  public func liveness(
    at now: UInt64, use: (ContentHash) -> ArchiveUse
  ) -> ArchiveLiveness {
    index.withLock { $0.liveness(at: now, orphanAge: orphanAge, use: use) }
  }

  // MARK: - Questions

  /// The whole archive is here, durable or not.
  public func has(_ id: ContentHash) -> Bool { sequence(of: id) != nil }

  /// The archive is durable here once `log.durable` has reached this; nil if it isn't whole.
  public func sequence(of id: ContentHash) -> LogSequence? {
    index.withLock { $0.sequence(of: id) }
  }

  public func manifest(of id: ContentHash) -> ArchiveManifest? {
    index.withLock { $0.manifests[id] }
  }

  /// All archives whose manifest is here, sorted.
  public var archives: [ContentHash] { index.withLock { $0.manifests.keys.sorted() } }

  /// True if the archive is here, and then it stays for `orphanAge` whatever the facts say: who is
  /// told "I have it" need not upload it.
  public func pin(_ id: ContentHash, at now: UInt64) -> Bool {
    index.withLock { index in
      guard index.sequence(of: id) != nil else { return false }
      index.pin(id, until: now + orphanAge)
      return true
    }
  }

  /// Which chunks of the manifest an upload has to bring; the others stay for `orphanAge`.
  public func missing(_ manifest: ArchiveManifest, at now: UInt64) -> [Int] {
    index.withLock { index in
      for chunk in manifest.chunks { index.pin(chunk.hash, until: now + orphanAge) }
      return index.missing(of: manifest)
    }
  }

  // MARK: - Putting

  /// Takes one chunk of an upload; `named` is what the sender calls it.
  @discardableResult
  public func put(
    chunk content: UnsafeRawBufferPointer, named: ContentHash? = nil, at now: UInt64
  ) throws(ArchiveError) -> (hash: ContentHash, sequence: LogSequence) {
    guard (1...ArchiveManifest.largestChunk).contains(content.count) else {
      throw .badChunkSize(content.count)
    }
    let hash = ContentHash(of: content)
    if let named, named != hash { throw .wrongContent(named: named, found: hash) }
    let held = index.withLock { index in
      index.pin(hash, until: now + orphanAge)
      return index.sequence(ofChunk: hash)
    }
    if let held { return (hash, held) }
    let payload = ArchiveChunk.payload(hash, content)
    return (hash, try append(Record(kind: .archiveChunk, payload: payload)))
  }

  /// Completes an upload whose chunks are all here. The content is read back and hashed first,
  /// unless the caller has hashed it while it cut it.
  @discardableResult
  public func put(
    _ manifest: ArchiveManifest, isHashed: Bool = false, at now: UInt64
  ) throws(ArchiveError) -> LogSequence {
    let missing = missing(manifest, at: now).count
    if missing > 0 { throw .incomplete(manifest.id, missing: missing) }
    if let held = sequence(of: manifest.id) {
      _ = pin(manifest.id, at: now)
      return held
    }
    if !isHashed {
      var hasher = ContentHasher()
      for chunk in manifest.chunks {
        let content = try read(chunk: chunk.hash)
        hasher.update(content.span)
      }
      let found = hasher.finish()
      if found != manifest.id { throw .wrongContent(named: manifest.id, found: found) }
    }
    _ = try append(manifest.record)
    _ = pin(manifest.id, at: now)
    guard let sequence = sequence(of: manifest.id) else {
      throw .incomplete(manifest.id, missing: 1)
    }
    return sequence
  }

  /// Appends and indexes. A full buffer is written out first: memory stays bounded.
  private func append(_ record: Record) throws(ArchiveError) -> LogSequence {
    var isWritten = false
    while true {
      do throws(LogError) {
        let appended = try log.append(kind: record.kind, payload: record.payload)
        index.withLock { index in
          record.payload.withUnsafeBytes {
            index.fold(appended.first, record.kind, $0, sequence: appended.sequence)
          }
        }
        return appended.sequence
      } catch {
        guard case .bufferFull = error, !isWritten else { throw .log(error) }
        do throws(LogError) { try log.write() } catch { throw .log(error) }
        isWritten = true
      }
    }
  }

  // MARK: - Reading

  /// The chunk's content, proved to be what it is called.
  public func read(chunk hash: ContentHash) throws(ArchiveError) -> [UInt8] {
    for position in index.withLock({ $0.places(of: hash) }) {
      let record = try record(at: position)
      let content: [UInt8]? = record?.payload.withUnsafeBytes { payload in
        guard let (named, content) = ArchiveChunk.decode(payload), named == hash,
          ContentHash(of: content) == hash
        else { return nil }
        return Array(content)
      }
      if let content { return content }
      index.withLock { $0.drop(hash, at: position) }
    }
    throw .chunkMissing(hash)
  }

  /// Up to `count` bytes of the archive from `offset` on; less at a chunk's end, none at the
  /// archive's. ArchiveReader is for reading one from front to back.
  public func read(
    _ id: ContentHash, at offset: UInt64, count: Int
  ) throws(ArchiveError) -> [UInt8] {
    guard let manifest = manifest(of: id) else { throw .unknown(id) }
    guard let place = manifest.chunk(at: offset) else { return [] }
    let content = try read(chunk: manifest.chunks[place].hash)
    let from = Int(offset - manifest.starts[place])
    guard from < content.count else { throw .chunkMissing(manifest.chunks[place].hash) }
    return Array(content[from..<min(content.count, from + max(0, count))])
  }

  /// Nil if the place doesn't hold a readable record any more.
  private func record(at position: Position) throws(ArchiveError) -> Record? {
    var isWritten = false
    while true {
      do throws(LogError) {
        return try log.record(at: position)
      } catch {
        switch error {
        case .damaged: return nil
        case .unknownSegment, .noSuchRecord:
          if isWritten { return nil }
          // It may still be buffered, in a segment that was left behind meanwhile.
          do throws(LogError) { try log.write() } catch { throw .log(error) }
          isWritten = true
        default: throw .log(error)
        }
      }
    }
  }
}

extension ContentHasher {
  fileprivate mutating func update(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBytes { update($0) }
  }
}
