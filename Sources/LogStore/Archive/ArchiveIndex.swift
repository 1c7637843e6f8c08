/// From hashes to positions, and who is pinned. A chunk may stand in several segments; the first
/// known place is used and the others are kept for the day when that one is drained.
struct ArchiveIndex: Sendable {
  struct Place: Hashable, Sendable {
    var position: Position
    /// Durable when the log is durable through this.
    var sequence: LogSequence
  }

  struct Chunk: Sendable {
    var place: Place
    var others: [Place] = []
    /// Archives that a manifest here says it belongs to.
    var users: [Hash256] = []
  }

  struct Entry: Sendable {
    var manifest: ArchiveManifest
    var place: Place
    var others: [Place] = []
  }

  private(set) var chunks: [Hash256: Chunk] = [:]
  private(set) var manifests: [Hash256: Entry] = [:]
  /// Chunks that no held record has yet, by the archives that want them.
  private var wanted: [Hash256: [Hash256]] = [:]
  private var pins: [Hash256: UInt64] = [:]
  /// Archives of which something changed.
  private var touched: Set<Hash256> = []
  /// Chunks of archives that are being written and have no manifest yet: by how many writers.
  private var held: [Hash256: Int] = [:]

  mutating func note(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer, at position: Position,
    _ sequence: LogSequence
  ) {
    let place = Place(position: position, sequence: sequence)
    switch kind {
    case .archiveChunk:
      guard payload.count >= 32, let hash = Hash256(raw: .init(rebasing: payload[0..<32])) else {
        return
      }
      if chunks[hash] != nil {
        chunks[hash]?.others.append(place)
      } else {
        chunks[hash] = Chunk(place: place, users: wanted.removeValue(forKey: hash) ?? [])
        touched.formUnion(users(of: hash))
      }
    case .archiveManifest:
      guard let manifest = ArchiveManifest(payload: payload) else { return }
      if manifests[manifest.id] != nil {
        manifests[manifest.id]?.others.append(place)
        return
      }
      manifests[manifest.id] = Entry(manifest: manifest, place: place)
      touched.insert(manifest.id)
      for chunk in manifest.chunks { addUser(manifest.id, of: chunk) }
    default: break
    }
  }

  private mutating func addUser(_ archive: Hash256, of chunk: Hash256) {
    if chunks[chunk] != nil {
      if chunks[chunk]?.users.last != archive { chunks[chunk]?.users.append(archive) }
    } else if wanted[chunk]?.last != archive {
      wanted[chunk, default: []].append(archive)
    }
  }

  mutating func takeTouched() -> Set<Hash256> {
    let result = touched
    if !result.isEmpty { touched = [] }
    return result
  }

  func missing(of manifest: ArchiveManifest) -> [UInt64] {
    manifest.chunks.indices.lazy.filter { chunks[manifest.chunks[$0]] == nil }.map(UInt64.init)
  }

  func isComplete(_ id: Hash256, through durable: LogSequence? = nil) -> Bool {
    guard let entry = manifests[id] else { return false }
    let limit = durable ?? LogSequence(.max)
    guard entry.place.sequence <= limit else { return false }
    return entry.manifest.chunks.allSatisfy { hash in
      chunks[hash].map { $0.place.sequence <= limit } ?? false
    }
  }

  func positions(of id: Hash256) -> [Position] {
    guard let entry = manifests[id] else { return [] }
    let places = entry.manifest.chunks.compactMap { chunks[$0]?.place.position }
    guard places.count == entry.manifest.chunks.count else { return [] }
    return [entry.place.position] + places
  }

  /// Archives whose manifest names the chunk, whether or not a record of it is known.
  func users(of chunk: Hash256) -> [Hash256] { chunks[chunk]?.users ?? wanted[chunk] ?? [] }

  func isWanted(_ archive: Hash256, _ isNamed: (Hash256) -> Bool) -> Bool {
    pins[archive] != nil || isNamed(archive)
  }

  func isChunkWanted(_ chunk: Hash256, _ isNamed: (Hash256) -> Bool) -> Bool {
    held[chunk] != nil || users(of: chunk).contains { isWanted($0, isNamed) }
  }

  /// Whether something that is wanted stands in this segment and nowhere else.
  func isNeeded(_ segment: SegmentName, _ isNamed: (Hash256) -> Bool) -> Bool {
    func isOnly(_ place: Place, _ others: [Place]) -> Bool {
      place.position.segment == segment
        && others.allSatisfy { $0.position.segment == segment }
    }
    return chunks.contains { hash, chunk in
      isOnly(chunk.place, chunk.others) && isChunkWanted(hash, isNamed)
    }
      || manifests.contains { id, entry in
        isOnly(entry.place, entry.others) && isWanted(id, isNamed)
      }
  }

  mutating func hold(_ chunk: Hash256) { held[chunk, default: 0] += 1 }

  mutating func release(_ chunk: Hash256) {
    guard let count = held[chunk] else { return }
    held[chunk] = count > 1 ? count - 1 : nil
  }

  mutating func pin(_ archive: Hash256, at now: UInt64) { pins[archive] = now }

  mutating func unpin(olderThan age: UInt64, at now: UInt64) {
    pins = pins.filter { now < $0.value &+ age }
  }

  mutating func forget(_ segment: SegmentName) {
    for (hash, chunk) in chunks {
      var places = [chunk.place] + chunk.others
      places.removeAll { $0.position.segment == segment }
      guard places.count <= chunk.others.count else { continue }
      touched.formUnion(chunk.users)
      guard let first = places.first else {
        chunks[hash] = nil
        for user in chunk.users where manifests[user] != nil { addUser(user, of: hash) }
        continue
      }
      chunks[hash]?.place = first
      chunks[hash]?.others = Array(places.dropFirst())
    }
    for (id, entry) in manifests {
      var places = [entry.place] + entry.others
      places.removeAll { $0.position.segment == segment }
      guard places.count <= entry.others.count else { continue }
      touched.insert(id)
      guard let first = places.first else {
        manifests[id] = nil
        for hash in entry.manifest.chunks {
          chunks[hash]?.users.removeAll { $0 == id }
          wanted[hash]?.removeAll { $0 == id }
          if wanted[hash]?.isEmpty == true { wanted[hash] = nil }
        }
        continue
      }
      manifests[id]?.place = first
      manifests[id]?.others = Array(places.dropFirst())
    }
  }
}
