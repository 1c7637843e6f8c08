import Testing

@testable import LogStore

/// Contents by their hash: chunks in, the same bytes out, through restarts, other nodes and drains.
@Suite struct ArchiveStoreTests {
  private static let chunk = Int(ArchiveManifest.chunkSize)

  private func store(
    _ disk: SimulatedDisk = SimulatedDisk(), node: NodeID = testNode, seed: UInt64 = 1
  ) throws -> ArchiveStore {
    var dice = SplitMix64(seed: seed)
    let options = smallOptions { $0.segmentLimit = 3 << 20 }
    return try ArchiveStore.open(
      "/archives", on: disk, node: node, options: options, entropy: &dice
    ).0
  }

  private func content(_ size: Int, seed: UInt64 = 1) -> [UInt8] {
    var dice = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size + 8)
    while bytes.count < size { withUnsafeBytes(of: dice.next()) { bytes.append(contentsOf: $0) } }
    return Array(bytes.prefix(size))
  }

  private func put(
    _ bytes: [UInt8], into store: ArchiveStore, piece: Int = 300_000, at now: UInt64 = 0
  ) throws -> ArchiveManifest {
    var writer = ArchiveWriter(into: store)
    var at = 0
    while at < bytes.count {
      let end = min(at + piece, bytes.count)
      try bytes[at..<end].withUnsafeBytes { try writer.write($0) }
      at = end
    }
    return try writer.finish(at: now)
  }

  private func get(_ id: Hash256, from store: ArchiveStore) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try store.forEachChunk(of: id) { bytes += $0 }
    return bytes
  }

  private func never(_ id: Hash256) -> Bool { false }

  @Test(arguments: [0, 1, chunk - 1, chunk, chunk + 1, 4 * chunk + 7])
  func contentComesBackAlsoAfterAPowerCut(size: Int) throws {
    let disk = SimulatedDisk()
    let bytes = content(size)
    let first = try store(disk)
    let manifest = try put(bytes, into: first)
    #expect(manifest.id == Hash256.of(bytes))
    #expect(manifest.size == UInt64(size))
    #expect(manifest.chunks.count == (size + Self.chunk - 1) / Self.chunk)
    #expect(manifest.isSound)
    #expect(first.isComplete(manifest.id))
    #expect(!first.isDurable(manifest.id))
    try first.log.commit()
    #expect(first.isDurable(manifest.id))
    #expect(try get(manifest.id, from: first) == bytes)
    let second = try store(disk.crashImage(seed: 1), seed: 2)
    #expect(second.manifest(of: manifest.id) == manifest)
    #expect(second.isDurable(manifest.id))
    #expect(try get(manifest.id, from: second) == bytes)
    #expect(second.positions(of: manifest.id).count == 1 + manifest.chunks.count)
  }

  @Test(arguments: [
    0..<1, 0..<UInt64(chunk), UInt64(chunk - 1)..<UInt64(chunk + 1), 5..<UInt64(3 * chunk),
    UInt64(2 * chunk)..<UInt64.max, 7..<7, UInt64.max - 1..<UInt64.max,
  ])
  func partsComeBack(range: Range<UInt64>) throws {
    let bytes = content(3 * Self.chunk + 99)
    let store = try store()
    let id = try put(bytes, into: store).id
    var got: [UInt8] = []
    try store.forEachChunk(of: id, in: range) { got += $0 }
    let whole = 0..<UInt64(bytes.count)
    let expected = range.clamped(to: whole)
    #expect(got == Array(bytes[Int(expected.lowerBound)..<Int(expected.upperBound)]))
  }

  /// The chunk that could not be stored is told of by a later call, and nothing stays held.
  @Test func aFullDiskWhileItIsPut() throws {
    let disk = SimulatedDisk()
    let store = try store(disk)
    disk.resize(capacity: 2 << 20)
    let bytes = content(16 * Self.chunk)
    #expect(throws: LogError.self) { try put(bytes, into: store) }
    let small = content(3)
    disk.resize(capacity: nil)
    try store.log.commit()
    let id = try put(small, into: store).id
    #expect(try get(id, from: store) == small)
    let first = Hash256.of(Array(bytes.prefix(Self.chunk))).bytes
    #expect(first.withUnsafeBytes { store.isDead(.archiveChunk, $0, isNamed: never) })
  }

  @Test func whoHasEnoughStops() throws {
    let store = try store()
    let id = try put(content(3 * Self.chunk), into: store).id
    var count = 0
    #expect(throws: LogError.closed) {
      try store.forEachChunk(of: id) { _ throws(LogError) in
        count += 1
        throw .closed
      }
    }
    #expect(count == 1)
  }

  /// An archive that nobody names may be named again: a checkpoint made meanwhile doesn't hide it.
  @Test func whatNobodyNamedAtACheckpointIsThereAfterAStart() throws {
    let disk = SimulatedDisk()
    let first = try store(disk)
    let bytes = content(Self.chunk + 9)
    let manifest = try put(bytes, into: first)
    try first.log.commit()
    var pass = Checkpointer(of: first.log)
    var budget = Int.max
    let survey = try #require(
      try pass.advance(first.log, budget: &budget) {
        first.isDead($0, $1, isNamed: never)
      })
    #expect(survey.liveBytes > 0)  // It is pinned.
    first.unpin(olderThan: 0, at: 1)
    var again = Checkpointer(of: first.log)
    budget = Int.max
    let second = try #require(
      try again.advance(first.log, budget: &budget) { first.isDead($0, $1, isNamed: never) })
    #expect(second.liveBytes == 0)
    try first.log.commit()
    // Somebody has it again: nothing is written, for it is here.
    #expect(try first.offered(manifest, at: 2) == [])
    let after = try store(disk.crashImage(seed: 1), seed: 2)
    #expect(after.isDurable(manifest.id))
    #expect(try get(manifest.id, from: after) == bytes)
  }

  @Test func whatIsHeldIsNotStoredAgain() throws {
    let store = try store()
    let shared = content(Self.chunk)
    let one = try put(shared + content(10, seed: 2), into: store)
    try store.log.commit()
    let used = store.log.bytesUsed
    let two = try put(shared + content(10, seed: 3), into: store)
    try store.log.commit()
    #expect(one.chunks[0] == two.chunks[0])
    #expect(store.log.bytesUsed - used < 1_000)
    let sequence = store.log.sequence
    #expect(try put(shared + content(10, seed: 3), into: store) == two)
    #expect(store.log.sequence == sequence)
  }

  @Test func anUploadMayComeInAnyOrderAndBeWrong() throws {
    let bytes = content(2 * Self.chunk + 5)
    let parts = [
      Array(bytes[..<Self.chunk]), Array(bytes[Self.chunk..<(2 * Self.chunk)]),
      Array(bytes[(2 * Self.chunk)...]),
    ]
    let manifest = ArchiveManifest(
      id: Hash256.of(bytes), size: UInt64(bytes.count), chunks: parts.map { Hash256.of($0) })
    let store = try store()
    #expect(throws: LogError.badArchive(manifest.id, .unknownChunk(0))) {
      try store.put(parts[0], as: 0, of: manifest.id)
    }
    #expect(try store.offered(manifest, at: 0) == [0, 1, 2])
    #expect(try store.put(parts[2], as: 2, of: manifest.id))
    #expect(try !store.put(parts[2], as: 1, of: manifest.id))
    #expect(try !store.put(Array(parts[0].dropLast()), as: 0, of: manifest.id))
    var wrong = parts[0]
    wrong[77] ^= 1
    #expect(try !store.put(wrong, as: 0, of: manifest.id))
    #expect(throws: LogError.badArchive(manifest.id, .unknownChunk(3))) {
      try store.put(parts[0], as: 3, of: manifest.id)
    }
    #expect(throws: LogError.badArchive(manifest.id, .missingChunk(0))) {
      try store.chunk(0, of: manifest.id)
    }
    #expect(store.missing(of: manifest) == [0, 1])
    #expect(store.positions(of: manifest.id).isEmpty)
    #expect(try store.put(parts[1], as: 1, of: manifest.id))
    #expect(try store.put(parts[0], as: 0, of: manifest.id))
    #expect(try store.offered(manifest, at: 0) == [])
    #expect(try get(manifest.id, from: store) == bytes)
  }

  @Test func unsoundManifestsAreRefused() throws {
    let store = try store()
    let sound = try put(content(2 * Self.chunk), into: store)
    let changes: [(inout ArchiveManifest) -> Void] = [
      { $0.size += 1 }, { $0.size -= UInt64(Self.chunk) }, { $0.size = .max },
      { $0.chunks.removeLast() }, { $0.chunks.append($0.id) }, { $0.chunks = [] },
      { ($0.chunks, $0.size) = ([$0.chunks[0]], 5) }, { ($0.chunks, $0.size) = ([], 0) },
    ]
    for change in changes {
      var manifest = sound
      change(&manifest)
      #expect(!manifest.isSound)
      #expect(throws: LogError.badArchive(manifest.id, .unsoundManifest)) {
        try store.offered(manifest, at: 0)
      }
      #expect(manifest.payload.withUnsafeBytes { ArchiveManifest(payload: $0) } == nil)
    }
    for length in 0..<sound.payload.count {
      #expect(
        sound.payload.withUnsafeBytes { ArchiveManifest(payload: .init(rebasing: $0[..<length])) }
          == nil)
    }
    #expect(sound.payload.withUnsafeBytes { ArchiveManifest(payload: $0) } == sound)
  }

  @Test func rotIsFoundWhenAChunkIsRead() throws {
    let disk = SimulatedDisk()
    let store = try store(disk)
    let manifest = try put(content(2 * Self.chunk), into: store)
    try store.log.commit()
    let place = try #require(store.positions(of: manifest.id).last)
    try disk.flip(bit: 8 * (UInt64(Self.chunk) + 5_000), of: store.log.path(of: place.segment))
    #expect(throws: LogError.self) { try get(manifest.id, from: store) }
  }

  @Test func anArchiveLivesAsLongAsItIsNamedOrPinned() throws {
    let store = try store()
    let shared = content(Self.chunk)
    let one = try put(shared + [1], into: store, at: 100)
    let two = try put(shared + [2], into: store, at: 200)
    func isDead(_ kind: RecordKind, _ hash: Hash256, naming named: [Hash256] = []) -> Bool {
      hash.bytes.withUnsafeBytes { store.isDead(kind, $0) { named.contains($0) } }
    }
    #expect(!isDead(.archiveManifest, one.id))
    store.unpin(olderThan: 50, at: 160)
    #expect(isDead(.archiveManifest, one.id))
    #expect(isDead(.archiveChunk, one.chunks[1]))
    #expect(!isDead(.archiveChunk, one.chunks[0]))
    #expect(!isDead(.archiveManifest, one.id, naming: [one.id]))
    #expect(!isDead(.archiveChunk, one.chunks[1], naming: [one.id]))
    // An offer pins again.
    _ = try store.offered(one, at: 300)
    #expect(!isDead(.archiveManifest, one.id))
    store.unpin(olderThan: 50, at: 1_000)
    #expect(isDead(.archiveChunk, one.chunks[0]) && isDead(.archiveManifest, two.id))
    // What can't be read or isn't known lives.
    #expect(
      !store.isDead(RecordKind(40), UnsafeRawBufferPointer(start: nil, count: 0), isNamed: never))
    #expect(!isDead(RecordKind(40), one.id))
  }

  @Test func aNeighboursSegmentsBringItsArchives() throws {
    let bytes = content(3 * Self.chunk + 1)
    let first = try store(node: otherNode, seed: 3)
    let manifest = try put(bytes, into: first)
    try first.log.commit()
    let disk = SimulatedDisk()
    let second = try store(disk)
    for end in first.log.vector() {
      var at = Offset.zero
      while at < end.end {
        let part = try first.log.read(end.name, from: at, maxBytes: 1 << 20)
        try part.withUnsafeBytes { _ = try second.ingest(end.name, at: at, $0) }
        at = at + part.count
      }
    }
    #expect(second.isComplete(manifest.id))
    #expect(!second.isDurable(manifest.id))
    try second.log.commit()
    #expect(second.isDurable(manifest.id))
    #expect(try get(manifest.id, from: second) == bytes)
  }

  /// After a restart the older segments are merged: what is named is readable from where it stands
  /// now, what isn't is gone from disk and index.
  @Test func aDrainKeepsWhatIsNamed() throws {
    let disk = SimulatedDisk()
    let first = try store(disk)
    let kept = try put(content(2 * Self.chunk + 3, seed: 5), into: first)
    let dropped = try put(content(3 * Self.chunk, seed: 6), into: first)
    try first.log.commit()
    let store = try store(disk.crashImage(seed: 3), seed: 2)
    var drainer = Drainer(of: store.log)
    var deleted = 0
    for _ in 0..<100 {
      let step = try drainer.step(
        store.log, at: 0,
        Drainer.Questions(
          caughtUp: true, mayRetire: { _ in false },
          isDead: { store.isDead($0, $1) { $0 == kept.id } },
          mayGo: { store.withdraw($0) { $0 == kept.id } }))
      for batch in step.appended {
        store.appended(batch.records, at: batch.first, batch.sequence)
      }
      deleted += step.deleted.count
      if step.waitsFor != nil { try store.log.commit() } else if !step.hasMore { break }
    }
    #expect(deleted >= 2)
    #expect(store.manifest(of: dropped.id) == nil)
    #expect(!store.isComplete(dropped.id))
    #expect(store.missing(of: dropped) == [0, 1, 2])
    #expect(try get(kept.id, from: store) == content(2 * Self.chunk + 3, seed: 5))
    #expect(store.isDurable(kept.id))
    #expect(store.log.bytesUsed < UInt64(3 * Self.chunk))
    for place in store.positions(of: kept.id) { #expect(store.log.end(of: place.segment) != nil) }
  }
}
