// Brings chosen files of an unpacked tree to their places in a directory of a person: each appears
// there whole, by a rename. Unlike the tree's, that directory's links are followed.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public enum TreeMover {
  /// Moves what `isWanted` names, and all that stands in a directory that it names; directories on
  /// the way are made. Returns the paths that were brought.
  public static func move(
    from tree: String, to directory: String, where isWanted: ([UInt8]) -> Bool
  ) throws(FileTreeError) -> [[UInt8]] {
    let root = try system { () throws(SystemFailure) in try DirectoryAccess.open(tree) }
    defer { close(root) }
    let base = Array(directory.utf8)
    var moved: [[UInt8]] = []
    var whole: [UInt8]?
    try TreeWalk.visit(root, at: [], limits: TreeLimits()) { entry throws(FileTreeError) in
      let isInside = whole.map { entry.path.starts(with: $0 + [TreePath.slash]) } ?? false
      let wanted = isInside || isWanted(entry.path)
      let target = base + [TreePath.slash] + entry.path
      if entry.status.isDirectory {
        // Its entries are about to leave it.
        _ = DirectoryAccess.withCString(entry.name) { fchmodat(entry.directory, $0, 0o700, 0) }
        guard wanted else { return }
        if !isInside { whole = entry.path }
        try system { () throws(SystemFailure) in try makeDirectories(target, below: base.count) }
      } else if wanted {
        try system { () throws(SystemFailure) in
          try makeDirectories(TreePath.parent(target), below: base.count)
          try place(entry, at: target)
        }
      } else {
        return
      }
      moved.append(entry.path)
    }
    return moved
  }

  private static func makeDirectories(_ path: [UInt8], below: Int) throws(SystemFailure) {
    var end = below
    while end < path.count {
      end = path[(end + 1)...].firstIndex(of: TreePath.slash) ?? path.count
      let part = Array(path[..<end])
      let made = DirectoryAccess.withCString(part) { mkdir($0, 0o777) }
      guard made == 0 || errno == EEXIST else { throw SystemFailure("make \(TreePath.text(part))") }
    }
  }

  private static func place(_ entry: TreeEntry, at target: [UInt8]) throws(SystemFailure) {
    if entry.status.isFile {
      // It is made now, for this person; unpacked files bear a time of long ago.
      _ = DirectoryAccess.withCString(entry.name) {
        utimensat(entry.directory, $0, nil, AT_SYMLINK_NOFOLLOW)
      }
    }
    let code = DirectoryAccess.withCString(entry.name) { name in
      DirectoryAccess.withCString(target) { renameat(entry.directory, name, AT_FDCWD, $0) }
    }
    if code == 0 { return }
    guard errno == EXDEV, entry.status.isFile else {
      throw SystemFailure("write \(TreePath.text(target))")
    }
    try copy(entry, to: target)
  }

  /// To another file system: beside its place, then renamed.
  private static func copy(_ entry: TreeEntry, to target: [UInt8]) throws(SystemFailure) {
    let path = TreePath.text(target)
    let part = path + ".rpcv-part"
    let source = try DirectoryAccess.open(entry.name, in: entry.directory, O_RDONLY, entry.text)
    defer { close(source) }
    let file = try Descriptors.open(part, O_WRONLY | O_CREAT | O_TRUNC)
    defer { close(file) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = uninterrupted { read(source, buffer.baseAddress, buffer.count) }
      guard count >= 0 else { throw SystemFailure("read \(entry.text)") }
      if count == 0 { break }
      try Descriptors.writeAll(file, UnsafeRawBufferPointer(rebasing: buffer[..<count]), part)
    }
    guard fchmod(file, mode_t(entry.status.permissions)) == 0, rename(part, path) == 0 else {
      throw SystemFailure("write \(path)")
    }
  }
}
