// The seam between the engine and the disk: every file operation of LogStore goes through this
// protocol. POSIX implements it for production, SimulatedDisk for crash images and fault injection;
// one conformance suite runs on both. It promises nothing that POSIX doesn't: what was written but
// not synchronised, and a directory entry whose directory was not, may be gone after a power cut.

public protocol FileSystem: Sendable {
  /// Opens `path`. `.create` fails with EEXIST if it is there; the others with ENOENT if it isn't;
  /// all with EISDIR for a directory. Symbolic links are not followed.
  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> FileHandle
  /// Never fails visibly: what close(2) could report was reported by `synchronize`.
  func close(_ file: FileHandle)
  /// Fills `buffer` from `offset` on; less only at the end of the file. Returns the bytes read.
  func read(
    _ file: FileHandle, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(FileError) -> Int
  /// Writes all of `bytes` or throws; after a throw any part of the range may have been written.
  func write(
    _ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
  ) throws(FileError)
  /// fdatasync(2): contents and length survive a power cut. A failure is final for the caller.
  func synchronize(_ file: FileHandle) throws(FileError)
  /// Makes the file `length` long; bytes that it gains are zero.
  func truncate(_ file: FileHandle, to length: UInt64) throws(FileError)
  /// Makes the file at least `length` long, new bytes zero, and reserves the space, or throws and
  /// leaves the length as it was.
  func allocate(_ file: FileHandle, to length: UInt64) throws(FileError)
  func size(_ file: FileHandle) throws(FileError) -> UInt64
  /// Replaces `target` if it is there. Durable only after `synchronizeDirectory` of the parent.
  /// Files only.
  func rename(_ path: String, to target: String) throws(FileError)
  /// Files only. Who has it open can go on; durable only after `synchronizeDirectory`.
  func remove(_ path: String) throws(FileError)
  /// Names (not paths) of what stands in the directory, sorted.
  func list(_ directory: String) throws(FileError) -> [String]
  /// Makes the directory and its missing parents, durably; no error if it is there.
  func makeDirectory(_ directory: String) throws(FileError)
  /// Entries made, renamed and removed in `directory` so far survive a power cut.
  func synchronizeDirectory(_ directory: String) throws(FileError)
  /// Takes the lock file at `path` for this process until `close`; EWOULDBLOCK if another has it.
  func lock(_ path: String) throws(FileError) -> FileHandle
}

public enum OpenMode: Hashable, Sendable {
  /// Reading only.
  case read
  /// Reading and writing of an existing file.
  case update
  /// Reading and writing of a file that must not exist yet.
  case create
}

/// A file that a FileSystem has opened; meaningless to any other.
public struct FileHandle: Hashable, Sendable {
  public var value: Int
  public init(_ value: Int) { self.value = value }
}

public enum FileOperation: String, Hashable, Sendable, CaseIterable {
  case open, read, write, synchronize, truncate, allocate, size, rename, remove, list
  case makeDirectory, synchronizeDirectory, lock
}

/// An operation that the system refused: which, on what, and errno.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  public var operation: FileOperation
  public var path: String
  public var code: Int32

  public init(_ operation: FileOperation, _ path: String, _ code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  public var description: String { "\(operation.rawValue) \(path): \(errnoText(code))" }
}
