/// A chunk on its way into the log: room for its hash, then its bytes, as its record has them.
final class ChunkBuffer: @unchecked Sendable {  // proof: whoever fills it waits for its storing
  private static let hashSize = 32
  private static let size = Int(ArchiveManifest.chunkSize)
  private let memory = UnsafeMutableRawBufferPointer.allocate(
    byteCount: hashSize + size, alignment: 16)
  private var count = 0

  deinit { memory.deallocate() }

  var isEmpty: Bool { count == 0 }
  var isFull: Bool { count == Self.size }
  var content: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(memory).part(Self.hashSize..<(Self.hashSize + count))
  }

  func clear() { count = 0 }

  /// As many of `bytes` as fit; how many they were.
  func fill(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
    let taken = min(bytes.count, Self.size - count)
    let source = UnsafeRawBufferPointer(rebasing: bytes.prefix(taken))
    UnsafeMutableRawBufferPointer(rebasing: memory[(Self.hashSize + count)...])
      .copyMemory(from: source)
    count += taken
    return taken
  }

  /// The payload of the record: content that bears this name.
  func payload(named hash: Hash256) -> UnsafeRawBufferPointer {
    memory.copyBytes(from: hash.bytes)
    return UnsafeRawBufferPointer(memory).part(0..<(Self.hashSize + count))
  }
}
