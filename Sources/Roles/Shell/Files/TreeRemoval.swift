// Removes whatever a task left: any depth, any mode, any number of names, in bounded memory and
// with few descriptors. Links are removed, never followed.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public enum TreeRemoval {
  private static let depthLimit = 64
  private static let namesAtOnce = 4096

  /// Removes a file or a directory with all that is in it; nothing there is no error. It goes on
  /// after a failure and throws the first one.
  public static func remove(_ path: String) throws(SystemFailure) {
    // The usual cases first: empty, absent, a file.
    if rmdir(path) == 0 || errno == ENOENT { return }
    if errno == ENOTDIR {
      guard unlink(path) == 0 || errno == ENOENT else { throw SystemFailure("remove \(path)") }
      return
    }
    var root = Descriptors.openDirectoryItself(path)
    if root < 0, errno == EACCES, chmod(path, 0o700) == 0 {
      root = Descriptors.openDirectoryItself(path)
    }
    guard root >= 0 else { throw SystemFailure("remove \(path)") }
    var removing = Removing(root: root, path: path)
    removing.clear(root, depth: 0)
    close(root)
    if rmdir(path) != 0, errno != ENOENT { removing.note("remove \(path)") }
    if let failure = removing.failure { throw failure }
  }

  private struct Removing {
    let root: Int32
    let path: String
    var failure: SystemFailure?
    private var moved = 0

    init(root: Int32, path: String) {
      self.root = root
      self.path = path
    }

    mutating func note(_ what: String) {
      if failure == nil { failure = SystemFailure(what) }
    }

    /// Empties a directory. What is too deep is moved up to the root, whose turn comes again.
    mutating func clear(_ directory: Int32, depth: Int) {
      while let names = try? DirectoryAccess.names(directory, limit: namesAtOnce), !names.isEmpty {
        var progress = false
        for name in names where remove(name, in: directory, depth: depth) { progress = true }
        guard progress else { return }
      }
    }

    /// Whether it is gone from this directory.
    private mutating func remove(_ name: [UInt8], in directory: Int32, depth: Int) -> Bool {
      if unlink(name, in: directory) { return true }
      guard let status = try? DirectoryAccess.status(name, in: directory, path) else {
        return errno == ENOENT
      }
      guard status.isDirectory else {
        note("remove a file in \(path)")
        return false
      }
      if depth >= depthLimit, move(name, from: directory) { return true }
      if status.permissions & 0o700 != 0o700 {
        _ = DirectoryAccess.withCString(name) { fchmodat(directory, $0, 0o700, 0) }
      }
      guard let child = try? DirectoryAccess.open(name, in: directory, O_RDONLY | O_DIRECTORY, path)
      else {
        note("open a directory in \(path)")
        return false
      }
      clear(child, depth: depth + 1)
      close(child)
      let removed = DirectoryAccess.withCString(name) { unlinkat(directory, $0, AT_REMOVEDIR) }
      if removed != 0 { note("remove a directory in \(path)") }
      return removed == 0
    }

    private mutating func unlink(_ name: [UInt8], in directory: Int32) -> Bool {
      for _ in 0..<2 {
        if DirectoryAccess.withCString(name, { unlinkat(directory, $0, 0) }) == 0 { return true }
        // A directory that forbids writing; ours to change.
        guard errno == EACCES, fchmod(directory, 0o700) == 0 else { return errno == ENOENT }
      }
      return false
    }

    private mutating func move(_ name: [UInt8], from directory: Int32) -> Bool {
      moved += 1
      let place = Array(".rpcv-removing-\(getpid())-\(moved)".utf8)
      return DirectoryAccess.withCString(name) { name in
        DirectoryAccess.withCString(place) { renameat(directory, name, root, $0) == 0 }
      }
    }
  }
}

extension Descriptors {
  /// -1 with errno if the path is no directory itself.
  fileprivate static func openDirectoryItself(_ path: String) -> Int32 {
    #if canImport(Glibc)
      Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    #else
      Musl.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    #endif
  }
}
