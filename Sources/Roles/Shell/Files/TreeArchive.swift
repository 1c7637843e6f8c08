// File trees as blobs: what packers write, kept in a record or an archive store; what unpackers
// read, checked against the name that it came under.

import LogStore
import RolesCore

public enum TreeArchive {
  /// What `pack` writes. An archive is durable after the next commit of the store's log.
  public static func store(
    in archives: ArchiveStore,
    _ pack: (@escaping TreeSink) throws(FileTreeError) -> TreeSummary
  ) throws(FileTreeError) -> (blob: Blob, summary: TreeSummary) {
    let box = Box(BlobWriter(into: archives))
    let summary = try pack { part throws(FileTreeError) in
      do throws(LogError) { try box.writer.write(part) } catch { throw .storage(error) }
    }
    do throws(LogError) { return (try box.writer.finish(), summary) } catch {
      throw .storage(error)
    }
  }

  /// Unpacks a blob into a directory that is there. `parts` hands its bytes over, cut anywhere.
  /// After an error something may stand in the directory: the caller removes it.
  public static func unpack(
    _ blob: Blob, into directory: String, limits: TreeLimits = .init(),
    from parts: (Blob, ([UInt8]) throws -> Void) throws -> Void
  ) throws {
    let unpacker = try TreeUnpacker(into: directory, limits: limits)
    try parts(blob) { part in try part.withUnsafeBytes { try unpacker.feed($0) } }
    let summary = try unpacker.finish()
    if case .archive(let id, _) = blob, summary.hash != id.bytes {
      throw FileTreeError.badStream(
        offset: summary.size, reason: "it is not the archive that its name says")
    }
  }

  private final class Box {
    var writer: BlobWriter
    init(_ writer: consuming BlobWriter) { self.writer = writer }
  }
}
