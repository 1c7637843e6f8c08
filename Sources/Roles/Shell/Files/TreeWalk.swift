// Visits a directory's entries in the order of the stream. It follows no links and holds one
// descriptor a level.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct TreeEntry {
  var path: [UInt8]
  var name: [UInt8]
  /// The open directory that it stands in.
  var directory: Int32
  var status: stat

  var text: String { TreePath.text(path) }
}

enum TreeWalk {
  /// A directory is visited before what is in it. What vanishes underway is passed over.
  static func visit(
    _ directory: Int32, at prefix: [UInt8], limits: TreeLimits,
    _ body: (TreeEntry) throws(FileTreeError) -> Void
  ) throws(FileTreeError) {
    try visit(directory, at: prefix, depth: 1, limits: limits, body)
  }

  private static func visit(
    _ directory: Int32, at prefix: [UInt8], depth: Int, limits: TreeLimits,
    _ body: (TreeEntry) throws(FileTreeError) -> Void
  ) throws(FileTreeError) {
    guard depth <= limits.depth else {
      throw .limit("directories in each other", UInt64(limits.depth))
    }
    for name in try system({ () throws(SystemFailure) in
      try DirectoryAccess.names(directory, limit: limits.entries + 1)
    }) {
      let path = TreePath.join(prefix, name)
      guard let status = try? DirectoryAccess.status(name, in: directory, TreePath.text(path))
      else { continue }
      try body(TreeEntry(path: path, name: name, directory: directory, status: status))
      guard status.isDirectory else { continue }
      let child = try system { () throws(SystemFailure) in
        try DirectoryAccess.open(
          name, in: directory, O_RDONLY | O_DIRECTORY, TreePath.text(path))
      }
      defer { close(child) }
      try visit(child, at: path, depth: depth + 1, limits: limits, body)
    }
  }
}

/// Wraps the system's refusals.
func system<Value>(_ body: () throws(SystemFailure) -> Value) throws(FileTreeError) -> Value {
  do throws(SystemFailure) { return try body() } catch { throw .system(error) }
}
