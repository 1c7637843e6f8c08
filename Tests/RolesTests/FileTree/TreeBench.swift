import Crypto
import Foundation
import Glibc

@testable import RolesShell

/// A directory for one test, and shorthands to fill and read it.
final class TreeBench: Sendable {
  let root: String

  init() throws {
    var template = Array("/tmp/rpcv-tree-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemFailure("make a directory for the test") }
    root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? TreeRemoval.remove(root) }

  func path(_ name: String) -> String { "\(root)/\(name)" }

  @discardableResult
  func directory(_ name: String, mode: mode_t = 0o755) -> String {
    mkdir(path(name), 0o755)
    chmod(path(name), mode)
    return path(name)
  }

  func file(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    chmod(path(name), mode)
  }

  func link(_ name: String, to target: String) { symlink(target, path(name)) }

  func text(_ name: String) -> String? {
    FileManager.default.contents(atPath: path(name)).map { String(decoding: $0, as: UTF8.self) }
  }

  func mode(_ name: String) -> mode_t? {
    var status = stat()
    return lstat(path(name), &status) == 0 ? status.st_mode & 0o777 : nil
  }

  func exists(_ name: String) -> Bool { mode(name) != nil }

  /// A sample of everything that a tree can hold, in `name`.
  func sample(_ name: String) throws {
    directory(name)
    directory("\(name)/sub", mode: 0o750)
    directory("\(name)/sub/deep", mode: 0o500)
    directory("\(name)/empty")
    try file("\(name)/a", "alpha")
    try file("\(name)/sub.txt", "beside sub")
    try file("\(name)/sub/b", String(repeating: "b", count: 700_000), mode: 0o600)
    try file("\(name)/run", "#!/bin/sh\n", mode: 0o755)
    try file("\(name)/none", "")
    chmod(path("\(name)/sub/deep"), 0o700)
    try file("\(name)/sub/deep/c", "gamma", mode: 0o400)
    chmod(path("\(name)/sub/deep"), 0o500)
    link("\(name)/to-a", to: "a")
    link("\(name)/sub/up", to: "../a")
  }
}

/// Packs into memory.
func packed(
  _ pack: (@escaping TreeSink) throws -> TreeSummary
) throws -> (bytes: [UInt8], summary: TreeSummary) {
  final class Box { var bytes: [UInt8] = [] }
  let box = Box()
  let summary = try pack { part throws(FileTreeError) in box.bytes += part }
  return (box.bytes, summary)
}

func packedTree(_ directory: String) throws -> (bytes: [UInt8], summary: TreeSummary) {
  try packed { sink in try TreePacker.pack(directory: directory, to: sink) }
}

@discardableResult
func unpack(
  _ bytes: [UInt8], into directory: String, part: Int = .max, limits: TreeLimits = .init(),
  replacing: Bool = false
) throws -> TreeSummary {
  let unpacker = try TreeUnpacker(into: directory, limits: limits, replacing: replacing)
  var start = 0
  while start < bytes.count {
    let end = min(bytes.count, start + min(part, bytes.count))
    try bytes[start..<end].withUnsafeBytes { try unpacker.feed($0) }
    start = end
  }
  return try unpacker.finish()
}

/// A stream made by hand, valid or not.
struct HandMade {
  var bytes = TreeFormat.magic
  var count: UInt64 = 0

  func entry(
    _ kind: UInt8, _ path: String, mode: UInt16 = 0o644, length: UInt64? = nil, tail: String = ""
  ) -> HandMade {
    var next = self
    var head = TreeFormat.encode(
      TreeFormat.Head(
        kind: .file, mode: mode, pathLength: UInt16(path.utf8.count),
        length: length ?? UInt64(tail.utf8.count)))
    head[0] = kind
    next.bytes += head + Array(path.utf8) + Array(tail.utf8)
    next.count += 1
    return next
  }

  func file(_ path: String, _ text: String = "x") -> HandMade { entry(1, path, tail: text) }
  func directory(_ path: String) -> HandMade { entry(2, path, mode: 0o755) }
  func link(_ path: String, _ target: String) -> HandMade {
    entry(3, path, mode: 0o777, tail: target)
  }

  func end(_ count: UInt64? = nil) -> [UInt8] {
    bytes
      + TreeFormat.encode(
        TreeFormat.Head(kind: .end, mode: 0, pathLength: 0, length: count ?? self.count))
  }
}
