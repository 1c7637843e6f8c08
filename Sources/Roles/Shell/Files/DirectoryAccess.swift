// Directories by descriptor and name, so that nothing that is swapped for a link underway is
// followed. Names are bytes.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum DirectoryAccess {
  static func open(_ path: String) throws(SystemFailure) -> Int32 {
    try Descriptors.open(path, O_RDONLY | O_DIRECTORY)
  }

  /// Opens an entry of a directory; links are never followed.
  static func open(
    _ name: [UInt8], in directory: Int32, _ flags: Int32, mode: mode_t = 0o600, _ what: String
  ) throws(SystemFailure) -> Int32 {
    let descriptor = withCString(name) { name in
      uninterrupted { openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, mode) }
    }
    guard descriptor >= 0 else { throw SystemFailure("open \(what)") }
    return descriptor
  }

  /// Names in the directory, without . and .., sorted by bytes; at most `limit` of them, then
  /// unsorted in the sense that others may come before.
  static func names(_ directory: Int32, limit: Int = .max) throws(SystemFailure) -> [[UInt8]] {
    let copy = dup(directory)
    guard copy >= 0 else { throw SystemFailure("read a directory") }
    _ = fcntl(copy, F_SETFD, FD_CLOEXEC)
    guard let stream = fdopendir(copy) else {
      let failure = SystemFailure("read a directory")
      close(copy)
      throw failure
    }
    defer { closedir(stream) }
    rewinddir(stream)
    var names: [[UInt8]] = []
    errno = 0
    while names.count < limit, let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != [46] && name != [46, 46] { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw SystemFailure("read a directory") }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  static func status(
    _ name: [UInt8], in directory: Int32, _ what: String
  ) throws(SystemFailure) -> stat {
    var status = stat()
    let code = withCString(name) { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) }
    guard code == 0 else { throw SystemFailure("examine \(what)") }
    return status
  }

  static func target(
    _ name: [UInt8], in directory: Int32, _ what: String
  ) throws(SystemFailure) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: TreeFormat.pathLimit + 1)
    let count = buffer.withUnsafeMutableBytes { raw in
      let room = raw.bindMemory(to: CChar.self)
      return withCString(name) { name in
        room.baseAddress.map { readlinkat(directory, name, $0, room.count) } ?? -1
      }
    }
    guard count >= 0 else { throw SystemFailure("read the link \(what)") }
    return Array(buffer[..<count])
  }

  static func withCString<Result>(
    _ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result
  ) -> Result {
    (name.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
      // A buffer of at least one byte has an address; the empty name is what openat refuses.
      guard let base = buffer.baseAddress else { return "".withCString(body) }
      return body(base)
    }
  }
}

extension stat {
  var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
  var isFile: Bool { st_mode & S_IFMT == S_IFREG }
  var isLink: Bool { st_mode & S_IFMT == S_IFLNK }
  var permissions: UInt16 { UInt16(st_mode & 0o777) }
}
