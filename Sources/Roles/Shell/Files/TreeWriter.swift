// Writes the canonical stream: checks the order, hashes what it writes, and hands it on in parts of
// bounded size.

import Crypto

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public typealias TreeSink = (UnsafeRawBufferPointer) throws(FileTreeError) -> Void

struct TreeWriter {
  private let sink: TreeSink
  private let limits: TreeLimits
  private let buffer: TreeBuffer
  private var filled = 0
  private var hasher = SHA256()
  private var size: UInt64 = 0
  private var entries = 0
  private var contents: UInt64 = 0
  private var last: [UInt8] = []
  var skipped: [String] = []

  /// Memory that is freed with the last copy of the writer.
  private final class TreeBuffer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    deinit { bytes.deallocate() }
  }

  init(limits: TreeLimits, sink: @escaping TreeSink) throws(FileTreeError) {
    self.sink = sink
    self.limits = limits
    buffer = TreeBuffer()
    try put(TreeFormat.magic)
  }

  mutating func directory(_ path: [UInt8], mode: UInt16) throws(FileTreeError) {
    try head(.directory, path, mode: mode, length: 0)
  }

  mutating func link(_ path: [UInt8], target: [UInt8]) throws(FileTreeError) {
    try head(.link, path, mode: 0o777, length: UInt64(target.count))
    try put(target)
  }

  /// Exactly `size` bytes from the descriptor; fewer there are a change of the file.
  mutating func file(
    _ path: [UInt8], mode: UInt16, size: UInt64, from descriptor: Int32
  ) throws(FileTreeError) {
    let (sum, over) = contents.addingReportingOverflow(size)
    guard !over, sum <= limits.bytes else { throw .limit("bytes", limits.bytes) }
    contents = sum
    try head(.file, path, mode: mode, length: size)
    var left = size
    while left > 0 {
      if filled == buffer.bytes.count { try flush() }
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[filled...])
      let wanted = Int(min(left, UInt64(room.count)))
      let count = uninterrupted { read(descriptor, room.baseAddress, wanted) }
      guard count >= 0 else { throw .system(SystemFailure("read \(TreePath.text(path))")) }
      guard count > 0 else { throw .changed(TreePath.text(path)) }
      filled += count
      left -= UInt64(count)
    }
  }

  mutating func finish() throws(FileTreeError) -> TreeSummary {
    try put(
      TreeFormat.encode(
        TreeFormat.Head(kind: .end, mode: 0, pathLength: 0, length: UInt64(entries))))
    try flush()
    return TreeSummary(
      hash: Array(hasher.finalize()), size: size, entries: entries, skipped: skipped)
  }

  private mutating func head(
    _ kind: TreeFormat.Kind, _ path: [UInt8], mode: UInt16, length: UInt64
  ) throws(FileTreeError) {
    if let fault = TreePath.fault(path) { throw .badName(TreePath.text(path), reason: fault) }
    precondition(TreePath.precedes(last, path), "entries must ascend")
    guard entries < limits.entries else { throw .limit("entries", UInt64(limits.entries)) }
    last = path
    entries += 1
    try put(
      TreeFormat.encode(
        TreeFormat.Head(
          kind: kind, mode: mode, pathLength: UInt16(path.count), length: length)))
    try put(path)
  }

  private mutating func put(_ bytes: [UInt8]) throws(FileTreeError) {
    if filled + bytes.count > buffer.bytes.count { try flush() }
    precondition(bytes.count <= buffer.bytes.count, "paths and targets are short")
    bytes.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[filled...]).copyMemory(from: $0)
    }
    filled += bytes.count
  }

  private mutating func flush() throws(FileTreeError) {
    let part = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<filled])
    filled = 0
    guard !part.isEmpty else { return }
    hasher.update(bufferPointer: part)
    size += UInt64(part.count)
    try sink(part)
  }
}
