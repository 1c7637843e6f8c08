// Unpacks a canonical stream, given in parts, into a directory. It trusts nothing: whatever the
// stream says, nothing outside the directory is touched, nothing is followed, and no more than the
// limits is written. An error leaves what was unpacked so far: the caller removes it.

import Crypto

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public final class TreeUnpacker {
  /// Files get this modification time (2000-01-01), so that a change by a task is seen for sure.
  static let modified = 946_684_800

  private struct Level {
    var path: [UInt8]
    var descriptor: Int32
    var mode: UInt16?
  }

  private enum State {
    case magic
    case head
    case names(TreeFormat.Head)
    case content(Int32, TreeFormat.Head, left: UInt64)
    case ended
  }

  private let limits: TreeLimits
  private let replaces: Bool
  private var state = State.magic
  private var collected: [UInt8] = []
  private var levels: [Level]
  private var last: [UInt8] = []
  private var hasher = SHA256()
  private var offset: UInt64 = 0
  private var entries = 0
  private var contents: UInt64 = 0
  private var failed = false

  /// `directory` must be there. Directories that are there are used; what else stands in the way is
  /// an error, or `replacing` it, is removed first.
  public init(
    into directory: String, limits: TreeLimits = .init(), replacing: Bool = false
  ) throws(FileTreeError) {
    self.limits = limits
    replaces = replacing
    let root = try system { () throws(SystemFailure) in try DirectoryAccess.open(directory) }
    levels = [Level(path: [], descriptor: root, mode: nil)]
  }

  deinit {
    if case .content(let file, _, _) = state { close(file) }
    for level in levels { close(level.descriptor) }
  }

  /// The next bytes of the stream, cut anywhere. After an error every call throws.
  public func feed(_ bytes: UnsafeRawBufferPointer) throws(FileTreeError) {
    guard !failed else { throw .badStream(offset: offset, reason: "it was given up before") }
    failed = true
    hasher.update(bufferPointer: bytes)
    var rest = bytes
    while !rest.isEmpty { try step(&rest) }
    failed = false
  }

  /// The stream has ended; throws unless it is whole. The caller compares the hash with the name.
  public func finish() throws(FileTreeError) -> TreeSummary {
    guard case .ended = state, !failed else {
      throw .badStream(offset: offset, reason: "it ends in the middle")
    }
    return TreeSummary(
      hash: Array(hasher.finalize()), size: offset, entries: entries, skipped: [])
  }

  // MARK: Parsing

  private func step(_ rest: inout UnsafeRawBufferPointer) throws(FileTreeError) {
    switch state {
    case .magic:
      guard collect(&rest, TreeFormat.magic.count) else { return }
      guard collected == TreeFormat.magic else {
        throw bad(
          collected.starts(with: TreeFormat.magic[..<4])
            ? "version \(collected[4]) of the format is not known here" : "it is no file tree")
      }
      next(.head)
    case .head:
      guard collect(&rest, TreeFormat.headSize) else { return }
      guard let head = TreeFormat.decode(collected) else {
        throw bad("unknown kind \(collected[0])")
      }
      try check(head)
    case .names(let head):
      let target = head.kind == .link ? Int(head.length) : 0
      guard collect(&rest, Int(head.pathLength) + target) else { return }
      let path = Array(collected[..<Int(head.pathLength)])
      let tail = Array(collected[Int(head.pathLength)...])
      try begin(head, path, target: tail)
    case .content(let file, let head, let left):
      let count = Int(min(left, UInt64(rest.count)))
      let part = UnsafeRawBufferPointer(rebasing: rest[..<count])
      try system { () throws(SystemFailure) in
        try Descriptors.writeAll(file, part, TreePath.text(last))
      }
      take(&rest, count)
      state = .content(file, head, left: left - UInt64(count))
      if left == UInt64(count) { try endFile(file, head) }
    case .ended: throw bad("bytes after its end")
    }
  }

  /// Gathers bytes until there are `count`.
  private func collect(_ rest: inout UnsafeRawBufferPointer, _ count: Int) -> Bool {
    let part = min(count - collected.count, rest.count)
    collected += rest[..<part]
    take(&rest, part)
    return collected.count == count
  }

  private func take(_ rest: inout UnsafeRawBufferPointer, _ count: Int) {
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    offset += UInt64(count)
  }

  private func next(_ state: State) {
    collected.removeAll(keepingCapacity: true)
    self.state = state
  }

  private func bad(_ reason: String) -> FileTreeError { .badStream(offset: offset, reason: reason) }

  private func check(_ head: TreeFormat.Head) throws(FileTreeError) {
    if head.kind == .end {
      guard head.mode == 0, head.pathLength == 0, head.length == UInt64(entries) else {
        throw bad("its end doesn't fit its \(entries) entries")
      }
      while levels.count > 1 { try leave() }
      return next(.ended)
    }
    guard head.mode <= 0o777, head.kind != .link || head.mode == 0o777 else {
      throw bad("mode \(String(head.mode, radix: 8))")
    }
    guard (1...UInt16(TreeFormat.pathLimit)).contains(head.pathLength) else {
      throw bad("a path of \(head.pathLength) bytes")
    }
    guard entries < limits.entries else { throw .limit("entries", UInt64(limits.entries)) }
    switch head.kind {
    case .directory:
      guard head.length == 0 else { throw bad("a directory with content") }
    case .link:
      guard head.length <= UInt64(TreeFormat.pathLimit) else {
        throw bad("a link's target too long")
      }
    case .file:
      let (sum, over) = contents.addingReportingOverflow(head.length)
      guard !over, sum <= limits.bytes else { throw .limit("bytes", limits.bytes) }
      contents = sum
    case .end: break
    }
    next(.names(head))
  }

  // MARK: Writing

  private func begin(
    _ head: TreeFormat.Head, _ path: [UInt8], target: [UInt8]
  ) throws(FileTreeError) {
    if let fault = TreePath.fault(path) { throw bad(fault) }
    guard TreePath.precedes(last, path) else { throw bad("its entries are not in order") }
    let parent = TreePath.parent(path)
    while let top = levels.last, top.path != parent, levels.count > 1 { try leave() }
    guard let top = levels.last, top.path == parent else {
      throw bad("an entry whose directory is not there")
    }
    last = path
    entries += 1
    let name = TreePath.name(path)
    switch head.kind {
    case .directory:
      try enter(path, name, head.mode, in: top.descriptor)
      next(.head)
    case .link:
      if let fault = TreePath.fault(target: target, at: path) { throw bad(fault) }
      try make(path, name, in: top.descriptor) {
        DirectoryAccess.withCString(target) { target in
          DirectoryAccess.withCString(name) { symlinkat(target, top.descriptor, $0) }
        }
      }
      next(.head)
    case .file:
      let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
      let file = try make(path, name, in: top.descriptor) {
        DirectoryAccess.withCString(name) { openat(top.descriptor, $0, flags, 0o600) }
      }
      next(.content(file, head, left: head.length))
      if head.length == 0 { try endFile(file, head) }
    case .end: break
    }
  }

  /// Makes an entry that must not be there, or clears its place.
  @discardableResult
  private func make(
    _ path: [UInt8], _ name: [UInt8], in directory: Int32, _ body: () -> Int32
  ) throws(FileTreeError) -> Int32 {
    var result = uninterrupted(body)
    if result < 0, errno == EEXIST, replaces {
      _ = DirectoryAccess.withCString(name) { unlinkat(directory, $0, 0) }
      result = uninterrupted(body)
    }
    guard result >= 0 else { throw .system(SystemFailure("make \(TreePath.text(path))")) }
    return result
  }

  private func enter(
    _ path: [UInt8], _ name: [UInt8], _ mode: UInt16, in directory: Int32
  ) throws(FileTreeError) {
    guard levels.count <= limits.depth else {
      throw .limit("directories in each other", UInt64(limits.depth))
    }
    let made = DirectoryAccess.withCString(name) { mkdirat(directory, $0, 0o700) }
    guard made == 0 || errno == EEXIST else {
      throw .system(SystemFailure("make \(TreePath.text(path))"))
    }
    let descriptor = try system { () throws(SystemFailure) in
      try DirectoryAccess.open(name, in: directory, O_RDONLY | O_DIRECTORY, TreePath.text(path))
    }
    levels.append(Level(path: path, descriptor: descriptor, mode: mode))
  }

  /// A directory gets its mode when all is in it, for it may forbid writing.
  private func leave() throws(FileTreeError) {
    guard levels.count > 1, let level = levels.popLast() else { return }
    defer { close(level.descriptor) }
    guard let mode = level.mode, fchmod(level.descriptor, mode_t(mode)) == 0 else {
      throw .system(SystemFailure("set the mode of \(TreePath.text(level.path))"))
    }
  }

  private func endFile(_ file: Int32, _ head: TreeFormat.Head) throws(FileTreeError) {
    next(.head)
    defer { close(file) }
    var times = [
      timespec(tv_sec: Self.modified, tv_nsec: 0), timespec(tv_sec: Self.modified, tv_nsec: 0),
    ]
    guard fchmod(file, mode_t(head.mode)) == 0, futimens(file, &times) == 0 else {
      throw .system(SystemFailure("set the mode of \(TreePath.text(last))"))
    }
  }
}
