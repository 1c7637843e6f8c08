// Every refusal of the engine, with what was wrong, where, and what happens to the data.

public enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A file operation failed; nothing was lost by it.
  case io(FileError)
  /// A write or sync failed earlier. What was not reported durable may be lost; nothing later will
  /// be reported durable. The node restarts through recovery.
  case poisoned(FileError)
  /// The log was closed in order; nothing is lost.
  case closed
  /// No space: the append was refused, or what is buffered stays buffered until space returns.
  case full(Fullness)
  /// Too much waits for the disk; try again when some of it was written.
  case bufferFull(limit: Int)
  case emptyBatch
  case recordTooLarge(size: Int, limit: Int)
  case batchTooLarge(size: Int, limit: Int)
  case unknownSegment(SegmentName)
  case noSuchRecord(Position)
  case notAFrameBoundary(SegmentName, Offset)
  case beyondEnd(SegmentName, asked: Offset, end: Offset)
  /// What is stored is not what was written. The file stays as it is until recovery.
  case damaged(path: String, at: Offset, DecodeFault)
  case newerVersion(path: String, version: UInt32)
  case notDrained(SegmentName, NotDrained)
  /// Another process has the directory.
  case inUse(path: String)
  case notWritable(FileError)
  case badIdentity(path: String, reason: String)
  case badArchive(Hash256, ArchiveFault)

  public var description: String {
    switch self {
    case .io(let error): "\(error)"
    case .poisoned(let error):
      "the log stopped after a failed \(error.operation.rawValue) (\(error)); restart to recover"
    case .closed: "the log was closed"
    case .full(let fullness): "\(fullness)"
    case .bufferFull(let limit): "more than \(limit) bytes wait for the disk"
    case .emptyBatch: "a batch without records"
    case .recordTooLarge(let size, let limit): "a record of \(size) bytes; at most \(limit)"
    case .batchTooLarge(let size, let limit): "a batch of \(size) bytes; at most \(limit)"
    case .unknownSegment(let name): "segment \(name) is not held here"
    case .noSuchRecord(let position): "no record \(position) here"
    case .notAFrameBoundary(let name, let offset): "no frame of \(name) starts at \(offset)"
    case .beyondEnd(let name, let asked, let end):
      "\(name) ends at \(end), before the offset \(asked) that was asked for"
    case .damaged(let path, let offset, let fault):
      "\(path) is damaged at offset \(offset): \(fault); the file is left as it is"
    case .newerVersion(let path, let version):
      "\(path) has format version \(version); this program knows up to \(Format.version)"
    case .notDrained(let name, let why): "segment \(name) is not deleted: \(why)"
    case .inUse(let path): "\(path) is in use by another process"
    case .notWritable(let error): "the directory can't be written: \(error)"
    case .badIdentity(let path, let reason): "\(path): \(reason); nothing was changed"
    case .badArchive(let id, let fault): "archive \(id): \(fault)"
    }
  }
}

/// What is wrong with an archive or with what is asked of it.
public enum ArchiveFault: Hashable, Sendable, CustomStringConvertible {
  case unknown
  case unsoundManifest
  case unknownChunk(UInt64)
  case missingChunk(UInt64)
  case spoiledChunk(UInt64)

  public var description: String {
    switch self {
    case .unknown: "it is not held here"
    case .unsoundManifest: "sizes and hashes of its manifest don't belong together"
    case .unknownChunk(let index): "no chunk \(index) is known of it"
    case .missingChunk(let index): "chunk \(index) is not held here"
    case .spoiledChunk(let index): "chunk \(index) is not what its hash says"
    }
  }
}

public enum Fullness: Hashable, Sendable, CustomStringConvertible {
  case disk(FileError)
  case quota(used: UInt64, capacity: UInt64)

  public var description: String {
    switch self {
    case .disk(let error): "no space left for the log: \(error)"
    case .quota(let used, let capacity): "the log's quota is used up: \(used) of \(capacity) bytes"
    }
  }
}

/// Why a file may not go yet.
public enum NotDrained: Hashable, Sendable, CustomStringConvertible {
  case damageNotHealed
  case uncoveredRecords(Int)
  case changedSinceExamined
  case coverGone(SegmentName)
  /// What the examination rests on is not durable yet.
  case notDurable
  case notRetired
  case stillWritten

  public var description: String {
    switch self {
    case .damageNotHealed: "its copy here is damaged and not yet healed"
    case .uncoveredRecords(let count): "\(count) of its records are live and have no cover"
    case .changedSinceExamined: "it grew since it was examined"
    case .coverGone(let name): "segment \(name), which covered it, is gone"
    case .notDurable: "what its examination rests on is not durable yet"
    case .notRetired: "no durable retirement covers it"
    case .stillWritten: "it is still written to"
    }
  }
}

/// Why offered bytes were not taken. Nothing of the offer was stored.
public enum IngestError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The offer starts behind our end; send from there (from zero if nil).
  case gap(end: SegmentEnd?)
  /// The bytes are not what their writer wrote; send again from our end.
  case damaged(end: SegmentEnd?, DecodeFault)
  /// Intact frames that follow another history than ours: a clone or a restored image.
  case diverged(SegmentEnd)
  /// Nobody needs to receive this segment; the Retired or Floor record that says so.
  case retired(Record)
  /// Bytes of our own that we never wrote: we are a clone or went back in time.
  case ownAhead
  case log(LogError)

  public var description: String {
    switch self {
    case .gap(let end): "the offer starts behind the end here (\(end?.end ?? .zero))"
    case .damaged(let end, let fault):
      "the offer is damaged: \(fault); the end here is \(end?.end ?? .zero)"
    case .diverged(let end): "another history of \(end.name) than the one held up to \(end.end)"
    case .retired: "the segment is retired"
    case .ownAhead: "bytes under this node's own name that it never wrote"
    case .log(let error): "\(error)"
    }
  }
}

extension LogError {
  /// Runs a file operation whose failure is the caller's to hear and loses nothing.
  static func io<R>(_ body: () throws(FileError) -> R) throws(LogError) -> R {
    do throws(FileError) { return try body() } catch { throw .io(error) }
  }
}
