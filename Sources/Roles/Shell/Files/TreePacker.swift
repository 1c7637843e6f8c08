// Packs what is on disk into the canonical stream. It reads each file once, in bounded memory, and
// leaves out what can't travel: sockets, pipes, devices, links that lead out.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file or directory on disk and where it stands in the tree.
public struct TreeSource: Hashable, Sendable {
  public var path: String
  public var name: String
  /// Instead of the file's own mode.
  public var mode: UInt16?
  public init(path: String, name: String, mode: UInt16? = nil) {
    self.path = path
    self.name = name
    self.mode = mode
  }
}

public enum TreePacker {
  /// All that is in `directory`.
  public static func pack(
    directory: String, limits: TreeLimits = .init(), to sink: @escaping TreeSink
  ) throws(FileTreeError) -> TreeSummary {
    try packChanges(of: directory, since: TreeSnapshot(), limits: limits, to: sink)
  }

  /// What is new or changed in `directory`, and the directories that it stands in.
  public static func packChanges(
    of directory: String, since snapshot: TreeSnapshot, limits: TreeLimits = .init(),
    to sink: @escaping TreeSink
  ) throws(FileTreeError) -> TreeSummary {
    let root = try system { () throws(SystemFailure) in try DirectoryAccess.open(directory) }
    defer { close(root) }
    var packing = try Packing(limits: limits, sink: sink)
    try packing.tree(root, at: [], since: snapshot)
    return try packing.writer.finish()
  }

  /// Files and directories from anywhere; the directories of their names are made, with mode 0755.
  /// Links that are named here are followed, those in directories are not.
  public static func pack(
    _ sources: [TreeSource], limits: TreeLimits = .init(), to sink: @escaping TreeSink
  ) throws(FileTreeError) -> TreeSummary {
    var packing = try Packing(limits: limits, sink: sink)
    var made: Set<[UInt8]> = []
    let sorted = sources.map { (Array($0.name.utf8), $0) }
      .sorted { TreePath.precedes($0.0, $1.0) }
    var last: [UInt8]?
    for (name, source) in sorted {
      if let fault = TreePath.fault(name) { throw .badName(source.name, reason: fault) }
      if let last, last == name || name.starts(with: last + [TreePath.slash]) {
        throw .badName(source.name, reason: "'\(TreePath.text(last))' takes that place")
      }
      last = name
      var missing: [[UInt8]] = []
      var parent = TreePath.parent(name)
      while !parent.isEmpty, !made.contains(parent) {
        missing.append(parent)
        parent = TreePath.parent(parent)
      }
      for directory in missing.reversed() {
        made.insert(directory)
        try packing.writer.directory(directory, mode: 0o755)
      }
      try packing.source(source, at: name)
    }
    return try packing.writer.finish()
  }

  /// One program, executable by all, as the tree's only file.
  public static func pack(
    executable path: String, name: String, limits: TreeLimits = .init(),
    to sink: @escaping TreeSink
  ) throws(FileTreeError) -> TreeSummary {
    try pack([TreeSource(path: path, name: name, mode: 0o755)], limits: limits, to: sink)
  }

  /// One run, with the directories that are written only if something in them is.
  private struct Packing {
    var writer: TreeWriter
    let limits: TreeLimits
    private var waiting: [TreeEntry] = []

    init(limits: TreeLimits, sink: @escaping TreeSink) throws(FileTreeError) {
      self.limits = limits
      writer = try TreeWriter(limits: limits, sink: sink)
    }

    mutating func tree(
      _ directory: Int32, at prefix: [UInt8], since snapshot: TreeSnapshot
    ) throws(FileTreeError) {
      try TreeWalk.visit(directory, at: prefix, limits: limits) { entry throws(FileTreeError) in
        while let last = waiting.last, !entry.path.starts(with: last.path + [TreePath.slash]) {
          waiting.removeLast()
        }
        if snapshot.isUnchanged(entry) {
          if entry.status.isDirectory { waiting.append(entry) }
        } else {
          try add(entry)
        }
      }
      waiting = []
    }

    private mutating func add(_ entry: TreeEntry) throws(FileTreeError) {
      if entry.status.isDirectory {
        try writeWaiting()
        try writer.directory(entry.path, mode: entry.status.permissions)
      } else if entry.status.isLink {
        guard let target = try? DirectoryAccess.target(entry.name, in: entry.directory, entry.text)
        else { return }
        if let fault = TreePath.fault(target: target, at: entry.path) {
          writer.skipped.append("\(entry.text): \(fault)")
          return
        }
        try writeWaiting()
        try writer.link(entry.path, target: target)
      } else if entry.status.isFile {
        let file = try system { () throws(SystemFailure) in
          try DirectoryAccess.open(
            entry.name, in: entry.directory, O_RDONLY | O_NONBLOCK, entry.text)
        }
        defer { close(file) }
        try writeWaiting()
        try content(of: file, at: entry.path, mode: nil, text: entry.text)
      } else {
        writer.skipped.append("\(entry.text): neither file, directory nor link")
      }
    }

    private mutating func writeWaiting() throws(FileTreeError) {
      for directory in waiting {
        try writer.directory(directory.path, mode: directory.status.permissions)
      }
      waiting = []
    }

    mutating func source(_ source: TreeSource, at name: [UInt8]) throws(FileTreeError) {
      let file = try system { () throws(SystemFailure) in
        try Descriptors.open(source.path, O_RDONLY | O_NONBLOCK)
      }
      defer { close(file) }
      var status = stat()
      guard fstat(file, &status) == 0 else {
        throw .system(SystemFailure("examine \(source.path)"))
      }
      if status.isDirectory {
        try writer.directory(name, mode: source.mode ?? status.permissions)
        try tree(file, at: name, since: TreeSnapshot())
      } else {
        try content(of: file, at: name, mode: source.mode, text: source.path)
      }
    }

    private mutating func content(
      of file: Int32, at path: [UInt8], mode: UInt16?, text: String
    ) throws(FileTreeError) {
      var status = stat()
      guard fstat(file, &status) == 0 else { throw .system(SystemFailure("examine \(text)")) }
      guard status.isFile else { throw .badName(text, reason: "it is not a file") }
      try writer.file(
        path, mode: mode ?? status.permissions, size: UInt64(clamping: status.st_size), from: file)
    }
  }
}
