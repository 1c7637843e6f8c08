// What stood in a directory before a task, so that new and changed files can be told after it.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public struct TreeSnapshot: Sendable {
  /// Whatever a change of an entry changes. The kernel's change time can't be set by a task; on old
  /// kernels it has the grain of a tick, so unpacked files are given a modification time of long
  /// ago.
  private struct Stamp: Hashable {
    var mode: UInt32
    var inode: UInt64
    var size: Int64
    var modified: Int64
    var changed: Int64

    init(_ status: stat) {
      mode = UInt32(status.st_mode)
      inode = UInt64(status.st_ino)
      // A directory's size and times change with what is in it, which is told by itself.
      let isDirectory = status.isDirectory
      size = isDirectory ? 0 : Int64(status.st_size)
      modified = isDirectory ? 0 : Self.nanoseconds(status.st_mtim)
      changed = isDirectory ? 0 : Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
      Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
  }

  private var stamps: [[UInt8]: Stamp] = [:]

  /// Of a directory in which nothing stands.
  public init() {}

  public init(
    of directory: String, limits: TreeLimits = .init()
  ) throws(FileTreeError) {
    let root = try system { () throws(SystemFailure) in try DirectoryAccess.open(directory) }
    defer { close(root) }
    var found: [[UInt8]: Stamp] = [:]
    try TreeWalk.visit(root, at: [], limits: limits) { entry throws(FileTreeError) in
      guard found.count < limits.entries else { throw .limit("entries", UInt64(limits.entries)) }
      found[entry.path] = Stamp(entry.status)
    }
    stamps = found
  }

  public var count: Int { stamps.count }

  func isUnchanged(_ entry: TreeEntry) -> Bool { stamps[entry.path] == Stamp(entry.status) }
}
