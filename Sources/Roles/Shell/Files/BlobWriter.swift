// Bytes on their way into a blob: in memory up to what a record takes, beyond it an archive. Holds
// two chunks of memory, whatever comes.

import LogStore
import RolesCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct BlobWriter: ~Copyable {
  private let archives: ArchiveStore
  private var head: [UInt8] = []
  private var writer: ArchiveWriter?

  init(into archives: ArchiveStore) { self.archives = archives }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(LogError) {
    if writer == nil, head.count + bytes.count <= Blob.inlineLimit {
      head.append(contentsOf: bytes)
      return
    }
    if writer == nil { writer = ArchiveWriter(into: archives) }
    if !head.isEmpty {
      let first = head
      head = []
      try first.withUnsafeBufferPointer { raw throws(LogError) in
        try writer?.write(UnsafeRawBufferPointer(raw))
      }
    }
    try writer?.write(bytes)
  }

  /// An archive is durable after the next commit of the store's log.
  mutating func finish() throws(LogError) -> Blob {
    guard let writer = writer.take() else { return .inline(head) }
    let manifest = try writer.finish(at: MonotonicClock.now().nanoseconds)
    return .archive(manifest.id, size: manifest.size)
  }
}

/// One file as an archive of its bytes.
public enum FileArchive {
  public static func store(_ path: String, in archives: ArchiveStore) throws -> ArchiveManifest {
    let file = try Descriptors.open(path, O_RDONLY)
    defer { close(file) }
    var writer = ArchiveWriter(into: archives)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = uninterrupted { read(file, &buffer, buffer.count) }
      guard count >= 0 else { throw SystemFailure("read \(path)") }
      if count == 0 { break }
      try buffer.withUnsafeBytes { try writer.write(.init(rebasing: $0[..<count])) }
    }
    return try writer.finish(at: MonotonicClock.now().nanoseconds)
  }
}

extension ArchiveStore {
  /// The bytes of a blob part by part, from the record or from this store.
  public func forEachPart(of blob: Blob, _ body: ([UInt8]) throws -> Void) throws {
    switch blob {
    case .inline(let bytes): if !bytes.isEmpty { try body(bytes) }
    case .archive(let id, _):
      guard let manifest = manifest(of: id) else { throw LogError.badArchive(id, .unknown) }
      for index in 0..<UInt64(manifest.chunks.count) { try body(try chunk(index, of: id)) }
    }
  }
}
