// Reads a checkpoint's file block by block, verifying each before it is believed. It decides
// nothing: whether the log still is what the checkpoint counted, Recovery finds out.

struct CheckpointReader: Sendable {
  private let fs: any FileSystem
  private let handle: FileHandle
  private let size: UInt64
  private var at = UInt64(CheckpointFormat.headerSize)
  private var chain: UInt64 = 0
  private var number: UInt64 = 0
  private var block: [UInt8] = []
  private(set) var isAtEnd = false

  /// Nil if there is none.
  static func open(
    in directory: String, node: NodeID, log: LogKind, on fs: any FileSystem
  ) throws(CheckpointFault) -> CheckpointReader? {
    let handle: FileHandle
    do throws(FileError) {
      handle = try fs.open(directory + "/" + CheckpointFormat.fileName, .read)
    } catch {
      if error.isMissing { return nil }
      throw .unreadable(error)
    }
    do throws(CheckpointFault) {
      var reader = try CheckpointReader(handle, on: fs)
      try reader.readHeader(node, log)
      return reader
    } catch {
      fs.close(handle)
      throw error
    }
  }

  private init(_ handle: FileHandle, on fs: any FileSystem) throws(CheckpointFault) {
    self.fs = fs
    self.handle = handle
    do throws(FileError) { size = try fs.size(handle) } catch { throw .unreadable(error) }
  }

  func close() { fs.close(handle) }

  private mutating func readHeader(_ node: NodeID, _ log: LogKind) throws(CheckpointFault) {
    try load(0, CheckpointFormat.headerSize)
    let fault = block.withUnsafeBytes { bytes -> CheckpointFault? in
      guard bytes.little(0, as: UInt64.self) == CheckpointFormat.magic,
        XXH64.hash(bytes.part(0..<56)) == bytes.little(56, as: UInt64.self)
      else { return .damaged(at: .zero) }
      let version = bytes.little(8, as: UInt32.self)
      guard version == CheckpointFormat.version else { return .newerVersion(version) }
      let id = ID128(
        high: bytes.little(16, as: UInt64.self).byteSwapped,
        low: bytes.little(24, as: UInt64.self).byteSwapped)
      guard bytes[12] == log.rawValue, id == node.value else { return .otherLog }
      return nil
    }
    if let fault { throw fault }
    chain = block.withUnsafeBytes { $0.little(56) }
  }

  /// The next block, verified, to `body`. Returns the bytes read; 0 after the end block.
  mutating func next(
    _ body: (CheckpointFormat.Block, UnsafeRawBufferPointer) throws(CheckpointFault) -> Void
  ) throws(CheckpointFault) -> Int {
    guard !isAtEnd else { return 0 }
    let head = CheckpointFormat.blockHeaderSize
    try load(at, head)
    let length = Int(block.withUnsafeBytes { $0.little(12, as: UInt32.self) })
    guard length <= CheckpointFormat.largestBlock, UInt64(head + length) <= size - at else {
      throw .damaged(at: Offset(at))
    }
    try load(at, head + length)
    let (checksum, type, count) = block.withUnsafeBytes { bytes in
      (
        bytes.little(0, as: UInt64.self), bytes.little(8, as: UInt32.self),
        bytes.little(16, as: UInt64.self)
      )
    }
    let actual = block.withUnsafeBytes { XXH64.hash($0.part(8..<$0.count), seed: chain) }
    guard checksum == actual, count == number, let type = CheckpointFormat.Block(rawValue: type)
    else { throw .damaged(at: Offset(at)) }
    let result = block.withUnsafeBytes { bytes -> Result<Void, CheckpointFault> in
      do throws(CheckpointFault) {
        return .success(try body(type, bytes.part(head..<bytes.count)))
      } catch { return .failure(error) }
    }
    try result.get()
    at += UInt64(head + length)
    chain = checksum
    number += 1
    isAtEnd = type == .end
    return head + length
  }

  private mutating func load(_ offset: UInt64, _ count: Int) throws(CheckpointFault) {
    if block.count != count { block = [UInt8](repeating: 0, count: count) }
    let (fs, handle) = (fs, handle)
    let result = block.withUnsafeMutableBytes { out -> Result<Int, FileError> in
      do throws(FileError) { return .success(try fs.read(handle, into: out, at: offset)) } catch {
        return .failure(error)
      }
    }
    switch result {
    case .success(count): return
    case .success: throw .damaged(at: Offset(offset))
    case .failure(let error): throw .unreadable(error)
    }
  }
}

/// What a checkpoint says, but for its entries.
struct CheckpointSummary: Sendable {
  var names: [SegmentName] = []
  var marks: [SegmentName: SegmentMark] = [:]
  var entries: UInt64 = 0

  /// Reads a checkpoint to its end; `visit` gets the entries. Throws at the first thing that is
  /// wrong, which may be after entries were visited.
  static func read(
    _ reader: inout CheckpointReader, log: LogKind,
    visit: (SegmentName, CheckpointEntry) -> Void
  ) throws(CheckpointFault) -> CheckpointSummary {
    var summary = CheckpointSummary()
    while try reader.next({ type, bytes throws(CheckpointFault) in
      try summary.take(type, bytes, log, visit)
    }) > 0 {}
    return summary
  }

  mutating func take(
    _ type: CheckpointFormat.Block, _ bytes: UnsafeRawBufferPointer, _ log: LogKind,
    _ visit: (SegmentName, CheckpointEntry) -> Void
  ) throws(CheckpointFault) {
    var rest = bytes
    switch type {
    case .names:
      while rest.count >= CheckpointFormat.nameSize {
        let id = ID128(
          high: rest.little(0, as: UInt64.self).byteSwapped,
          low: rest.little(8, as: UInt64.self).byteSwapped)
        names.append(
          SegmentName(
            node: NodeID(id), log: log, serial: Serial(rest.little(16)),
            nonce: Nonce(rest.little(24))))
        rest = rest.part(CheckpointFormat.nameSize..<rest.count)
      }
    case .entries:
      while let entry = CheckpointEntry.next(&rest) {
        guard entry.segment < names.count else { throw .damaged(at: .zero) }
        entries += 1
        visit(names[entry.segment], entry)
      }
    case .marks:
      while let (index, mark) = SegmentMark.next(&rest) {
        guard index < names.count else { throw .damaged(at: .zero) }
        marks[names[index]] = mark
      }
    case .end:
      guard rest.count == 16, rest.little(0, as: UInt64.self) == entries,
        rest.little(8, as: UInt64.self) == UInt64(marks.count)
      else { throw .damaged(at: .zero) }
      rest = rest.part(16..<16)
    }
    guard rest.isEmpty else { throw .damaged(at: .zero) }
  }
}
