// A disk in memory, for crash images and fault injection: deterministic, thread-safe, and honest
// about what POSIX doesn't promise. It tells apart what a process sees from what a power cut
// leaves: `killImage` is the disk after the death of the process, `crashImage` after that of the
// machine. It knows nothing of what stands in the files.

public final class SimulatedDisk: FileSystem {
  private let state: Guarded<SimulatedState>

  /// `capacity` in bytes; nil is endless. `keepsLog` makes `operations` remember every operation.
  public init(capacity: UInt64? = nil, keepsLog: Bool = false) {
    state = Guarded(SimulatedState(capacity: capacity, keepsLog: keepsLog))
  }

  private init(_ state: SimulatedState) { self.state = Guarded(state) }

  // MARK: - What a test does to it

  /// How many operations were asked of it (closing is none), the failed ones included.
  public var operationCount: Int { state.withLock { $0.operationCount } }

  /// The log, if it was asked for.
  public var operations: [DiskOperation] { state.withLock { $0.log } }

  public func inject(_ fault: DiskFault) { state.withLock { $0.faults.append(fault) } }

  /// Ends all faults, whether they struck or not.
  public func clearFaults() { state.withLock { $0.faults.removeAll() } }

  /// Changes the capacity in bytes; what is there stays. Nil is endless.
  public func resize(capacity: UInt64?) { state.withLock { $0.capacity = capacity } }

  /// Files that were opened or locked and not closed.
  package var openFileCount: Int { state.withLock { $0.openFileCount } }

  /// Bytes that files take, in whole pages.
  public var usedBytes: UInt64 { state.withLock { UInt64($0.usedPages) * SimulatedState.pageSize } }

  /// Rot: flips one bit of a file at rest.
  public func flip(bit: UInt64, of path: String) throws(FileError) {
    try state.withLock { (state) throws(FileError) in
      try state.flip(bit: bit, of: normal(path))
    }
  }

  /// What a reader would see; nil if there is no such file. Not an operation.
  public func contents(of path: String) -> [UInt8]? {
    state.withLock { $0.contents(of: normal(path)) }
  }

  /// A part of what a reader would see, shorter at the end of the file. Not an operation.
  package func contents(of path: String, from offset: UInt64, count: Int) -> [UInt8]? {
    state.withLock { $0.contents(of: normal(path), from: offset, count: count) }
  }

  /// All files, sorted. Not an operation.
  public var paths: [String] { state.withLock { $0.names.entries.keys.sorted() } }

  /// The disk as a power cut at this moment leaves it: a pure function of the operations so far and
  /// the seed. Handles and locks are gone, faults too; all that is there is durable.
  public func crashImage(seed: UInt64) -> SimulatedDisk {
    SimulatedDisk(state.withLock { $0.crashed(seed: seed) })
  }

  /// What every power cut at this moment leaves at least: only what a sync confirmed.
  package func certainImage() -> SimulatedDisk {
    SimulatedDisk(state.withLock { $0.certain() })
  }

  /// The disk as the death of its process leaves it: nothing written is lost, nothing has become
  /// durable by it; handles and locks are gone, faults too.
  public func killImage() -> SimulatedDisk { SimulatedDisk(state.withLock { $0.killed() }) }

  /// Keeps a copy of the disk as it is before each of these operations (numbered from 0).
  public func photograph(beforeOperations indices: [Int]) {
    state.withLock { $0.photographsAt = indices.sorted(by: >) }
  }

  /// The copies taken so far, oldest first, each with the number of operations done by then.
  public func takePhotographs() -> [(operation: Int, disk: SimulatedDisk)] {
    state.withLock { state in
      defer { state.photographs.removeAll() }
      return state.photographs.map { ($0.operationCount, SimulatedDisk($0)) }
    }
  }

  // MARK: - FileSystem

  public func open(_ path: String, _ mode: OpenMode) throws(FileError) -> FileHandle {
    try perform(.open, path) { (state) throws(FileError) in try state.open(normal(path), path, mode)
    }
  }

  public func close(_ file: FileHandle) { state.withLock { $0.close(file) } }

  public func read(
    _ file: FileHandle, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(FileError) -> Int {
    try perform(.read, file, offset, buffer.count) { (state) throws(FileError) in
      let number = try state.file(of: file, .read)
      return state.files[number]?.read(into: buffer, at: offset) ?? 0
    }
  }

  public func write(
    _ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
  ) throws(FileError) {
    // The error tells nothing about the range: half of it has arrived.
    let failing = { (state: inout SimulatedState) in
      let half = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)])
      _ = try? state.write(file, half, at: offset)
    }
    try perform(.write, file, offset, bytes.count, failing) { (state) throws(FileError) in
      try state.write(file, bytes, at: offset)
    }
  }

  public func synchronize(_ file: FileHandle) throws(FileError) {
    let failing = { (state: inout SimulatedState) in
      guard let number = try? state.file(of: file, .synchronize) else { return }
      state.files[number]?.failSynchronize()
    }
    try perform(.synchronize, file, 0, 0, failing) { (state) throws(FileError) in
      let number = try state.file(of: file, .synchronize)
      state.files[number]?.synchronize()
    }
  }

  public func truncate(_ file: FileHandle, to length: UInt64) throws(FileError) {
    try perform(.truncate, file, length) { (state) throws(FileError) in
      try state.truncate(file, to: length)
    }
  }

  public func allocate(_ file: FileHandle, to length: UInt64) throws(FileError) {
    try perform(.allocate, file, length) { (state) throws(FileError) in
      try state.allocate(file, to: length)
    }
  }

  public func size(_ file: FileHandle) throws(FileError) -> UInt64 {
    try perform(.size, file) { (state) throws(FileError) in
      state.files[try state.file(of: file, .size)]?.size ?? 0
    }
  }

  public func rename(_ path: String, to target: String) throws(FileError) {
    try perform(.rename, path) { (state) throws(FileError) in
      try state.rename(normal(path), path, to: normal(target))
    }
  }

  public func remove(_ path: String) throws(FileError) {
    try perform(.remove, path) { (state) throws(FileError) in
      try state.remove(normal(path), path)
    }
  }

  public func list(_ directory: String) throws(FileError) -> [String] {
    try perform(.list, directory) { (state) throws(FileError) in
      let path = normal(directory)
      try state.requireDirectory(path, directory, .list)
      return state.names.list(path)
    }
  }

  public func makeDirectory(_ directory: String) throws(FileError) {
    try perform(.makeDirectory, directory) { (state) throws(FileError) in
      try state.makeDirectory(normal(directory), directory)
    }
  }

  public func synchronizeDirectory(_ directory: String) throws(FileError) {
    let path = normal(directory)
    let failing = { (state: inout SimulatedState) in state.names.failSynchronize(path) }
    try perform(.synchronizeDirectory, directory, failing) { (state) throws(FileError) in
      try state.requireDirectory(path, directory, .synchronizeDirectory)
      state.names.synchronize(path)
      state.forgetLostFiles()
    }
  }

  public func lock(_ path: String) throws(FileError) -> FileHandle {
    try perform(.lock, path) { (state) throws(FileError) in
      try state.lock(normal(path), path)
    }
  }

  // MARK: - One operation

  private func perform<Result: Sendable>(
    _ operation: FileOperation, _ path: String,
    _ failing: (inout SimulatedState) -> Void = { _ in },
    _ body: (inout SimulatedState) throws(FileError) -> Result
  ) throws(FileError) -> Result {
    try state.withLock { (state) throws(FileError) in
      try state.perform(operation, path, 0, 0, failing, body)
    }
  }

  private func perform<Result: Sendable>(
    _ operation: FileOperation, _ file: FileHandle, _ offset: UInt64 = 0, _ count: Int = 0,
    _ failing: (inout SimulatedState) -> Void = { _ in },
    _ body: (inout SimulatedState) throws(FileError) -> Result
  ) throws(FileError) -> Result {
    try state.withLock { (state) throws(FileError) in
      try state.perform(operation, state.path(of: file), offset, count, failing, body)
    }
  }
}

/// One spelling a path: absolute, without doubled or trailing slashes or single dots.
private func normal(_ path: String) -> String {
  let parts = path.split(separator: "/").filter { $0 != "." }
  return "/" + parts.joined(separator: "/")
}
