// Where the chunks and manifests of an archives log stand, and what may be forgotten: the fold of
// its records. It is rebuilt at recovery and holds no content. Time is nanoseconds of uptime,
// handed in.

/// What the facts say about an archive.
public enum ArchiveUse: Hashable, Sendable {
  /// A fact that is not released names it.
  case named
  /// Every fact that named it is released.
  case released
  /// No fact names it (yet).
  case unnamed
}

public struct ArchiveIndex: Sendable {
  /// A record's place, and the change after which it is durable there.
  struct Place: Hashable, Sendable {
    var position: Position
    var sequence: LogSequence
  }

  private(set) var chunks: [ContentHash: [Place]] = [:]
  private(set) var manifests: [ContentHash: ArchiveManifest] = [:]
  private var manifestPlaces: [ContentHash: [Place]] = [:]
  /// Chunks and archives that somebody was told are here, and until when.
  private var pins: [ContentHash: UInt64] = [:]
  /// Since when nothing is known to want these.
  private var orphanSince: [ContentHash: UInt64] = [:]

  public init() {}

  // MARK: - Fold

  /// Recovered records come with sequence zero. Their hashes are believed: they were checked when
  /// they were first taken, and the frame proves that they are what was stored. Others' are not.
  public mutating func fold(
    _ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer,
    sequence: LogSequence
  ) {
    let place = Place(position: position, sequence: sequence)
    switch kind {
    case .archiveChunk:
      guard let (hash, content) = ArchiveChunk.decode(payload),
        sequence == .zero || ContentHash(of: content) == hash
      else { return }
      add(place, to: &chunks[hash, default: []])
    case .archiveManifest:
      guard let manifest = ArchiveManifest(payload: payload) else { return }
      // Two manifests of one archive differ only in where they cut; the first is as good.
      if manifests[manifest.id] == nil { manifests[manifest.id] = manifest }
      guard manifests[manifest.id] == manifest else { return }
      add(place, to: &manifestPlaces[manifest.id, default: []])
    default: break
    }
  }

  private func add(_ place: Place, to places: inout [Place]) {
    guard !places.contains(where: { $0.position == place.position }) else { return }
    places.append(place)
  }

  /// A segment was deleted here: nothing stands in it any more.
  public mutating func forget(_ segment: SegmentName) {
    func remain(_ places: [Place]) -> [Place]? {
      let left = places.filter { $0.position.segment != segment }
      return left.isEmpty ? nil : left
    }
    chunks = chunks.compactMapValues(remain)
    manifestPlaces = manifestPlaces.compactMapValues(remain)
    manifests = manifests.filter { manifestPlaces[$0.key] != nil }
  }

  /// A place turned out not to hold the chunk.
  mutating func drop(_ hash: ContentHash, at position: Position) {
    chunks[hash]?.removeAll { $0.position == position }
    if chunks[hash]?.isEmpty == true { chunks[hash] = nil }
  }

  // MARK: - Questions

  func places(of hash: ContentHash) -> [Position] { (chunks[hash] ?? []).map(\.position) }

  func missing(of manifest: ArchiveManifest) -> [Int] {
    manifest.chunks.indices.filter { chunks[manifest.chunks[$0].hash] == nil }
  }

  /// The archive is durable here once the log is durable through this; nil if it isn't whole.
  func sequence(of id: ContentHash) -> LogSequence? {
    guard let manifest = manifests[id], var latest = earliest(manifestPlaces[id]) else {
      return nil
    }
    for chunk in manifest.chunks {
      guard let sequence = earliest(chunks[chunk.hash]) else { return nil }
      latest = max(latest, sequence)
    }
    return latest
  }

  func sequence(ofChunk hash: ContentHash) -> LogSequence? { earliest(chunks[hash]) }

  private func earliest(_ places: [Place]?) -> LogSequence? { places?.map(\.sequence).min() }

  // MARK: - Liveness

  mutating func pin(_ hash: ContentHash, until end: UInt64) {
    pins[hash] = max(pins[hash] ?? 0, end)
  }

  /// What is alive at `now`. Orphans age from the first time that they are seen as such.
  mutating func liveness(
    at now: UInt64, orphanAge: UInt64, use: (ContentHash) -> ArchiveUse
  ) -> ArchiveLiveness {
    pins = pins.filter { $0.value > now }
    var live = ArchiveLiveness()
    var orphans: [ContentHash: UInt64] = [:]
    func isYoung(_ hash: ContentHash) -> Bool {
      let since = orphanSince[hash] ?? now
      orphans[hash] = since
      return now - min(since, now) < orphanAge
    }
    var belongs: Set<ContentHash> = []
    for (id, manifest) in manifests {
      let isLive =
        switch use(id) {
        case .named: true
        case .released: pins[id] != nil
        case .unnamed: isYoung(id) || pins[id] != nil
        }
      belongs.formUnion(manifest.chunks.map(\.hash))
      guard isLive else { continue }
      live.archives.insert(id)
      live.chunks.formUnion(manifest.chunks.map(\.hash))
    }
    for hash in chunks.keys where !live.chunks.contains(hash) {
      let isOrphan = !belongs.contains(hash)
      if pins[hash] != nil || (isOrphan && isYoung(hash)) { live.chunks.insert(hash) }
    }
    orphanSince = orphans
    return live
  }
}

/// What is alive in an archives log at one moment. It holds within the turn in which it was taken:
/// who lets others put archives meanwhile must take it again before a file is deleted by it.
public struct ArchiveLiveness: Sendable {
  var archives: Set<ContentHash> = []
  var chunks: Set<ContentHash> = []

  /// For examinations: unknown kinds are live.
  public func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    switch kind {
    case .archiveChunk:
      guard let fields = ArchiveFields(payload), let one = fields[1],
        let hash = ContentHash(bytes: one)
      else { return false }
      return !chunks.contains(hash)
    case .archiveManifest:
      guard let fields = ArchiveFields(payload), let one = fields[1],
        let id = ContentHash(bytes: one)
      else { return false }
      return !archives.contains(id)
    default: return false
    }
  }
}
