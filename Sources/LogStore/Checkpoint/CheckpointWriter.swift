// Writes a checkpoint's file a block at a time, in bounded memory. It is no checkpoint before
// `finish`, and none that survives a power cut before `Log.publishCheckpoint`.

struct CheckpointWriter: Sendable {
  private let handle: FileHandle
  private var at = UInt64(CheckpointFormat.headerSize)
  private var chain: UInt64
  private var number: UInt64 = 0
  private var block: [UInt8] = []
  private var type = CheckpointFormat.Block.names
  private(set) var entries: UInt64 = 0

  /// Makes the file anew.
  static func create(in log: Log) throws(FileError) -> CheckpointWriter {
    let path = log.directory + "/" + CheckpointFormat.freshName
    do throws(FileError) { try log.fs.remove(path) } catch { if !error.isMissing { throw error } }
    let header = CheckpointFormat.header(of: log.node, log.kind)
    let writer = CheckpointWriter(
      handle: try log.fs.open(path, .create), chain: header.withUnsafeBytes { $0.little(56) })
    do throws(FileError) { try writer.write(header[...], at: 0, on: log.fs) } catch {
      writer.discard(log)
      throw error
    }
    return writer
  }

  private init(handle: FileHandle, chain: UInt64) {
    self.handle = handle
    self.chain = chain
    block.reserveCapacity(CheckpointFormat.blockSize + 4096)
  }

  mutating func add(name: SegmentName, on fs: any FileSystem) throws(FileError) {
    try begin(.names, on: fs)
    put(name.node.value.high.byteSwapped)
    put(name.node.value.low.byteSwapped)
    put(name.serial.value)
    put(name.nonce.value)
  }

  mutating func add(_ entry: CheckpointEntry, on fs: any FileSystem) throws(FileError) {
    try begin(.entries, on: fs)
    put(UInt32(truncatingIfNeeded: entry.segment))
    put(entry.ordinal.value)
    put(entry.kind.value)
    put(entry.size)
    put(UInt32(truncatingIfNeeded: entry.stored.count))
    put(entry.hash)
    block.append(contentsOf: entry.stored)
    entries += 1
  }

  mutating func add(
    _ mark: SegmentMark, name: Int, on fs: any FileSystem
  ) throws(FileError) {
    try begin(.marks, on: fs)
    put(UInt32(truncatingIfNeeded: name))
    put(mark.cursor.offset.value)
    put(mark.cursor.chain.value)
    put(mark.cursor.records.value)
    put(mark.cursor.lastFrame.value)
    put(mark.cursor.previousEnd)
    put(mark.rawBytes)
    let index = mark.index.entries
    put(UInt32(truncatingIfNeeded: index.count))
    for item in index {
      put(item.ordinal.value)
      put(item.offset.value)
    }
  }

  mutating func finish(marks: Int, on fs: any FileSystem) throws(FileError) {
    try begin(.end, on: fs)
    put(entries)
    put(UInt64(marks))
    try flush(on: fs)
  }

  func synchronize(on fs: any FileSystem) throws(FileError) { try fs.synchronize(handle) }

  func close(on fs: any FileSystem) { fs.close(handle) }

  /// It won't be needed: its space may be short elsewhere. Should it stay, a later one or the next
  /// start removes it.
  func discard(_ log: Log) {
    close(on: log.fs)
    do throws(FileError) {
      try log.fs.remove(log.directory + "/" + CheckpointFormat.freshName)
    } catch {}
  }

  // MARK: blocks

  private mutating func put<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { block.append(contentsOf: $0) }
  }

  private mutating func begin(
    _ next: CheckpointFormat.Block, on fs: any FileSystem
  ) throws(FileError) {
    if type != next || block.count >= CheckpointFormat.blockSize { try flush(on: fs) }
    type = next
  }

  private mutating func flush(on fs: any FileSystem) throws(FileError) {
    guard !block.isEmpty else { return }
    var bytes = [UInt8](repeating: 0, count: CheckpointFormat.blockHeaderSize)
    bytes.withUnsafeMutableBytes { out in
      out.putLittle(type.rawValue, at: 8)
      out.putLittle(UInt32(truncatingIfNeeded: block.count), at: 12)
      out.putLittle(number, at: 16)
    }
    bytes.append(contentsOf: block)
    let checksum = bytes.withUnsafeBytes { XXH64.hash($0.part(8..<$0.count), seed: chain) }
    bytes.withUnsafeMutableBytes { $0.putLittle(checksum, at: 0) }
    try write(bytes[...], at: at, on: fs)
    at += UInt64(bytes.count)
    chain = checksum
    number += 1
    block.removeAll(keepingCapacity: true)
  }

  private func write(
    _ bytes: ArraySlice<UInt8>, at offset: UInt64, on fs: any FileSystem
  ) throws(FileError) {
    let result = bytes.withUnsafeBytes { bytes -> Result<Void, FileError> in
      do throws(FileError) { return .success(try fs.write(handle, bytes, at: offset)) } catch {
        return .failure(error)
      }
    }
    try result.get()
  }
}
