// The real disk. It promises what FileSystem says on top of what POSIX says: calls cut short by a
// signal or by the kernel are completed, descriptors never reach a child, symbolic links and
// devices are refused as files. It doesn't know what stands in a file. A handle is the descriptor
// itself, so that write and synchronize meet the same open file and no error gets lost between.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

public final class PosixFileSystem: FileSystem {
  /// Descriptor -> path, read only to name the file in an error.
  private let paths = Guarded<[Int: String]>([:])
  /// Directories that were synchronised, kept open: a moment without free descriptors must not look
  /// like a sync that failed.
  private let directories = Guarded<[String: Int32]>([:])
  /// Test only: a kernel that interrupts, fails and does less than it is asked for.
  private let faults: SystemFaults?

  public init() { faults = nil }

  package init(faults: SystemFaults) { self.faults = faults }

  deinit {
    for descriptor in directories.withLock({ $0.values }) { closeDescriptor(descriptor) }
  }

  public func open(_ path: String, _ mode: OpenMode) throws(FileError) -> FileHandle {
    let flags: Int32 =
      switch mode {
      case .read: O_RDONLY
      case .update: O_RDWR
      case .create: O_RDWR | O_CREAT | O_EXCL
      }
    let descriptor = try openRegularFile(path, flags, reportedAs: .open)
    return remember(descriptor, path)
  }

  public func close(_ file: FileHandle) {
    guard paths.withLock({ $0.removeValue(forKey: file.value) }) != nil else { return }
    // No retry after EINTR: Linux has freed the descriptor by then.
    closeDescriptor(Int32(truncatingIfNeeded: file.value))
  }

  public func read(
    _ file: FileHandle, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(FileError) -> Int {
    var done = 0
    while done < buffer.count, let start = buffer.baseAddress {
      let place = off_t(truncatingIfNeeded: offset &+ UInt64(done))
      let wanted = allowed(buffer.count - done)
      let count = retrying(.pread) { pread(descriptor(file), start + done, wanted, place) }
      if count < 0 { throw failure(.read, file) }
      if count == 0 { break }
      done += count
    }
    return done
  }

  public func write(
    _ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
  ) throws(FileError) {
    var done = 0
    while done < bytes.count, let start = bytes.baseAddress {
      let place = off_t(truncatingIfNeeded: offset &+ UInt64(done))
      let wanted = allowed(bytes.count - done)
      let count = retrying(.pwrite) { pwrite(descriptor(file), start + done, wanted, place) }
      if count < 0 { throw failure(.write, file) }
      // Nothing written and no error: the kernel promises that this doesn't happen.
      if count == 0 { throw failure(.write, file, EIO) }
      done += count
    }
  }

  public func synchronize(_ file: FileHandle) throws(FileError) {
    if retrying(.fdatasync, { dataSync(descriptor(file)) }) != 0 {
      throw failure(.synchronize, file)
    }
  }

  public func truncate(_ file: FileHandle, to length: UInt64) throws(FileError) {
    guard let length = off_t(exactly: length) else { throw failure(.truncate, file, EFBIG) }
    if retrying(.ftruncate, { ftruncate(descriptor(file), length) }) != 0 {
      throw failure(.truncate, file)
    }
  }

  public func allocate(_ file: FileHandle, to length: UInt64) throws(FileError) {
    guard let wanted = off_t(exactly: length) else { throw failure(.allocate, file, EFBIG) }
    let before = try fileLength(of: file, reportedAs: .allocate)
    guard before < wanted else { return }
    var code = reserve(descriptor(file), from: before, to: wanted)
    if code == EOPNOTSUPP || code == ENOTSUP || code == EINVAL {
      code = writeZeros(descriptor(file), from: before, to: wanted)
    }
    if code != 0 {
      // A reservation that failed half-way keeps no space: others may need it.
      _ = retrying(.ftruncate) { ftruncate(descriptor(file), before) }
      throw failure(.allocate, file, code)
    }
  }

  public func size(_ file: FileHandle) throws(FileError) -> UInt64 {
    UInt64(clamping: try fileLength(of: file, reportedAs: .size))
  }

  public func rename(_ path: String, to target: String) throws(FileError) {
    if retrying(.rename, { renamePath(path, target) }) != 0 {
      throw FileError(.rename, path, errno)
    }
  }

  public func remove(_ path: String) throws(FileError) {
    if retrying(.unlink, { unlink(path) }) != 0 { throw FileError(.remove, path, errno) }
  }

  public func list(_ directory: String) throws(FileError) -> [String] {
    let path = directory.isEmpty ? "." : directory
    let stream = retryingPointer(.opendir) { opendir(path) }
    guard let stream else { throw FileError(.list, directory, errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = retryingPointer(.readdir, { readdir(stream) }) else {
        if errno != 0 { throw FileError(.list, directory, errno) }
        break
      }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  public func makeDirectory(_ directory: String) throws(FileError) {
    if isDirectory(directory) { return }
    let parent = parentDirectory(of: directory)
    if !isDirectory(parent) {
      // The root, or a working directory that is gone.
      guard parent != directory, !parent.isEmpty else {
        throw FileError(.makeDirectory, directory, errno == 0 ? ENOTDIR : errno)
      }
      try makeDirectory(parent)
    }
    if retrying(.mkdir, { mkdir(directory, 0o700) }) != 0 {
      let code = errno
      if code == EEXIST && isDirectory(directory) { return }
      throw FileError(.makeDirectory, directory, code == EEXIST ? ENOTDIR : code)
    }
    try synchronizeDirectory(parent, reportedAs: .makeDirectory)
  }

  public func synchronizeDirectory(_ directory: String) throws(FileError) {
    try synchronizeDirectory(directory, reportedAs: .synchronizeDirectory)
  }

  public func lock(_ path: String) throws(FileError) -> FileHandle {
    let descriptor = try openRegularFile(path, O_RDWR | O_CREAT, reportedAs: .lock)
    // flock(2), not fcntl(2): it belongs to this open file, so that neither a second lock in the
    // same process slips through nor another close of the same file drops it.
    if retrying(.flock, { flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 {
      let code = errno
      closeDescriptor(descriptor)
      throw FileError(.lock, path, code)
    }
    return remember(descriptor, path)
  }

  // MARK: - Below the protocol

  private func openRegularFile(
    _ path: String, _ flags: Int32, reportedAs operation: FileOperation
  ) throws(FileError) -> Int32 {
    // O_NONBLOCK: opening a named pipe must not wait for its other end; files don't mind.
    let flags = flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
    let descriptor = retrying(.open) { openPath(path, flags, 0o600) }
    if descriptor < 0 { throw FileError(operation, path, errno) }
    var status = stat()
    if retrying(.fstat, { fstat(descriptor, &status) }) != 0 {
      let code = errno
      closeDescriptor(descriptor)
      throw FileError(operation, path, code)
    }
    let type = status.st_mode & S_IFMT
    if type != S_IFREG {
      closeDescriptor(descriptor)
      throw FileError(operation, path, type == S_IFDIR ? EISDIR : ENXIO)
    }
    return descriptor
  }

  private func synchronizeDirectory(
    _ directory: String, reportedAs operation: FileOperation
  ) throws(FileError) {
    let path = directory.isEmpty ? "." : directory
    let code = directories.withLock { directories -> Int32 in
      let known = directories[path]
      let descriptor: Int32
      if let known, isSame(known, path) {
        descriptor = known
      } else {
        if let known { closeDescriptor(known) }
        directories[path] = nil
        descriptor = retrying(.open) { openPath(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0) }
        if descriptor < 0 { return errno }
        if directories.count < PosixFileSystem.directoryLimit { directories[path] = descriptor }
      }
      let isKept = directories[path] != nil
      defer { if !isKept { closeDescriptor(descriptor) } }
      return retrying(.fsync) { fsync(descriptor) } == 0 ? 0 : errno
    }
    if code != 0 { throw FileError(operation, directory, code) }
  }

  private static let directoryLimit = 8

  /// Whether the open directory is still the one at `path`: another may have taken its place.
  private func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var (ours, there) = (stat(), stat())
    return retrying(.fstat) { fstat(descriptor, &ours) } == 0
      && retrying(.stat) { stat(path, &there) } == 0
      && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino
  }

  private func fileLength(
    of file: FileHandle, reportedAs operation: FileOperation
  ) throws(FileError) -> off_t {
    var status = stat()
    if retrying(.fstat, { fstat(descriptor(file), &status) }) != 0 {
      throw failure(operation, file)
    }
    return status.st_size
  }

  private func remember(_ descriptor: Int32, _ path: String) -> FileHandle {
    paths.withLock { $0[Int(descriptor)] = path }
    return FileHandle(Int(descriptor))
  }

  private func failure(
    _ operation: FileOperation, _ file: FileHandle, _ code: Int32 = errno
  ) -> FileError {
    let path = paths.withLock { $0[file.value] }
    return FileError(operation, path ?? "closed file \(file.value)", code)
  }
}

// MARK: - Interrupted and cut short

/// The system's calls, for tests that make them fail.
package enum SystemCall: String, Hashable, Sendable, CaseIterable {
  case open, pread, pwrite, fdatasync, ftruncate, allocate, fstat, stat, rename, unlink, opendir
  case readdir, mkdir, fsync, flock
}

/// What a test makes the system do: fail a call with an errno, move fewer bytes than it could.
package struct SystemFaults: Sendable {
  package var strike: @Sendable (SystemCall) -> Int32?
  /// Of so many bytes, how many a read or a write moves: at least one.
  package var limit: @Sendable (Int) -> Int

  package init(
    limit: @escaping @Sendable (Int) -> Int = { $0 },
    strike: @escaping @Sendable (SystemCall) -> Int32?
  ) {
    self.strike = strike
    self.limit = limit
  }
}

extension PosixFileSystem {
  /// Repeats a call that a signal interrupted before it did anything. For fsync too: EINTR says
  /// that it wasn't finished, not that it failed; a real failure is still reported by the next
  /// call.
  private func retrying<Result: FixedWidthInteger>(
    _ name: SystemCall, _ call: () -> Result
  ) -> Result {
    while true {
      let result = isStruck(name) ? -1 : call()
      if result != -1 || errno != EINTR { return result }
    }
  }

  private func retryingPointer<Result>(_ name: SystemCall, _ call: () -> Result?) -> Result? {
    while true {
      if !isStruck(name), let result = call() { return result }
      if errno != EINTR { return nil }
      errno = 0
    }
  }

  /// With errno set, if so.
  private func isStruck(_ name: SystemCall) -> Bool {
    guard let faults, let code = faults.strike(name) else { return false }
    errno = code
    return true
  }

  private func allowed(_ count: Int) -> Int { faults.map { $0.limit(count) } ?? count }

  private func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return retrying(.stat, { stat(path.isEmpty ? "." : path, &status) }) == 0
      && status.st_mode & S_IFMT == S_IFDIR
  }

  /// An errno, 0 if the space is reserved.
  private func reserve(_ descriptor: Int32, from: off_t, to: off_t) -> Int32 {
    #if os(Linux)
      while true {
        // It returns what others put into errno.
        let code =
          isStruck(.allocate) ? errno : posix_fallocate(descriptor, from, to - from)
        if code != EINTR { return code }
      }
    #else
      return ENOTSUP
    #endif
  }

  /// Where the file system can't reserve (NFS, FUSE), zeros do it. An errno, 0 if all are written.
  private func writeZeros(_ descriptor: Int32, from: off_t, to: off_t) -> Int32 {
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    var place = from
    while place < to {
      let wanted = allowed(Int(min(off_t(zeros.count), to - place)))
      let count = retrying(.pwrite) {
        zeros.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, wanted, place) }
      }
      if count < 0 { return errno }
      if count == 0 { return EIO }
      place += off_t(count)
    }
    return 0
  }
}

private func descriptor(_ file: FileHandle) -> Int32 { Int32(truncatingIfNeeded: file.value) }

// The system's functions whose names the methods above hide.

private func openPath(_ path: String, _ flags: Int32, _ permissions: mode_t) -> Int32 {
  open(path, flags, permissions)
}

private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }

private func renamePath(_ path: String, _ target: String) -> Int32 { rename(path, target) }

private func dataSync(_ descriptor: Int32) -> Int32 {
  #if os(Linux)
    fdatasync(descriptor)
  #else
    fcntl(descriptor, F_FULLFSYNC)
  #endif
}
