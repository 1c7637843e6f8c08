// What can be wrong with a file tree, on disk or as a stream.

import LogStore

public enum FileTreeError: Error, Hashable, Sendable, CustomStringConvertible {
  case system(SystemFailure)
  /// The file changed while it was packed; pack again.
  case changed(String)
  /// A bound is reached: which, and its value.
  case limit(String, UInt64)
  /// The stream is not canonical, not ours, or not harmless; what was unpacked is to be removed.
  case badStream(offset: UInt64, reason: String)
  /// What was to be packed can't stand in a tree.
  case badName(String, reason: String)
  /// The receiver of the stream doesn't take it.
  case refused(String)
  /// Nor does the archive store.
  case storage(LogError)

  public var description: String {
    switch self {
    case .system(let failure): failure.description
    case .changed(let path): "\(path) changed while it was packed"
    case .limit(let what, let value): "the file tree has more than \(value) \(what)"
    case .badStream(let offset, let reason): "bad file tree at byte \(offset): \(reason)"
    case .badName(let name, let reason): "'\(name)' can't be packed: \(reason)"
    case .refused(let reason): reason
    case .storage(let error): "\(error)"
    }
  }
}

/// Bounds for packing and unpacking.
public struct TreeLimits: Hashable, Sendable {
  /// Of the contents of all files together.
  public var bytes = UInt64.max
  public var entries = 1_000_000
  /// Directories in each other; each holds a descriptor while it is worked on.
  public var depth = 200
  public init() {}
}

/// What a packed or unpacked stream was.
public struct TreeSummary: Hashable, Sendable {
  /// SHA-256 of the stream, 32 bytes.
  public var hash: [UInt8]
  /// Bytes of the stream.
  public var size: UInt64
  public var entries: Int
  /// What stands in the directory and not in the stream, with the reason; for people.
  public var skipped: [String]
}
