// Every refusal of the archive store, with what was wrong and what happens to the data.

public enum ArchiveError: Error, Hashable, Sendable, CustomStringConvertible {
  case log(LogError)
  /// No manifest of this archive is here.
  case unknown(ContentHash)
  /// Chunks that the manifest names are not here; upload them and try again.
  case incomplete(ContentHash, missing: Int)
  /// The chunk is not here, or no copy of it is what its name says.
  case chunkMissing(ContentHash)
  /// A chunk has no byte or too many.
  case badChunkSize(Int)
  /// What was sent isn't what its name says; nothing was kept.
  case wrongContent(named: ContentHash, found: ContentHash)
  /// More than the manifest can name.
  case tooLarge(chunks: Int)

  public var description: String {
    switch self {
    case .log(let error): "\(error)"
    case .unknown(let id): "archive \(id) is not here"
    case .incomplete(let id, let missing): "archive \(id) lacks \(missing) chunks here"
    case .chunkMissing(let hash): "chunk \(hash) is not here, or damaged; it can be uploaded again"
    case .badChunkSize(let size):
      "a chunk of \(size) bytes; 1 to \(ArchiveManifest.largestChunk) are allowed"
    case .wrongContent(let named, let found):
      "content that was called \(named) is \(found); it was not taken"
    case .tooLarge(let chunks):
      "an archive of \(chunks) chunks; at most \(ArchiveManifest.mostChunks) are allowed"
    }
  }
}
