// Getting what an archive holds. What it gives is what its hashes say.

extension ArchiveStore {
  /// One chunk, verified.
  public func chunk(_ index: UInt64, of id: Hash256) throws(LogError) -> [UInt8] {
    let slot = RecordSlot()
    try read(index, of: id, into: slot)
    return [UInt8](slot.content)
  }

  private func read(_ index: UInt64, of id: Hash256, into slot: RecordSlot) throws(LogError) {
    guard let manifest = manifest(of: id), index < UInt64(manifest.chunks.count) else {
      throw .badArchive(id, .unknownChunk(index))
    }
    let hash = manifest.chunks[Int(index)]
    func place() throws(LogError) -> Position {
      guard let position = state.withLock({ $0.chunks[hash]?.place.position }) else {
        throw .badArchive(id, .missingChunk(index))
      }
      return position
    }
    let position = try place()
    do throws(LogError) { try log.read(position, into: slot) } catch {
      // Its segment was drained a moment ago: it stands elsewhere by now.
      guard case .unknownSegment = error, try place() != position else { throw error }
      try log.read(try place(), into: slot)
    }
    guard Hash256.of(slot.content) == hash else { throw .badArchive(id, .spoiledChunk(index)) }
  }

  /// The content, or the part of it in `range` (of bytes; what lies behind its end is left out), in
  /// order and in bounded memory: while `body` has one chunk, the next is read and verified on a
  /// thread of its own. What `body` gets is valid until it returns.
  public func forEachChunk(
    of id: Hash256, in range: Range<UInt64>? = nil,
    _ body: (UnsafeRawBufferPointer) throws(LogError) -> Void
  ) throws(LogError) {
    guard let manifest = manifest(of: id) else { throw .badArchive(id, .unknown) }
    let whole = 0..<manifest.size
    let range = (range ?? whole).clamped(to: whole)
    guard !range.isEmpty else { return }
    let last = (range.upperBound - 1) / ArchiveManifest.chunkSize
    var index = range.lowerBound / ArchiveManifest.chunkSize
    var (slot, other) = (RecordSlot(), RecordSlot())
    try read(index, of: id, into: slot)
    while true {
      var next: Errand<Void>?
      if index < last {
        next = Errand { [self, index, other] () throws(LogError) in
          try read(index + 1, of: id, into: other)
        }
      }
      let start = index * ArchiveManifest.chunkSize
      let from = max(range.lowerBound, start) - start
      let end = min(range.upperBound - start, UInt64(slot.content.count))
      try body(slot.content.part(Int(from)..<Int(end)))
      guard let next else { return }
      try next.value()
      swap(&slot, &other)
      index += 1
    }
  }
}

extension RecordSlot {
  /// Of a chunk's record: what follows the hash.
  fileprivate var content: UnsafeRawBufferPointer {
    payload.part(min(32, payload.count)..<payload.count)
  }
}
