// A window that slides over a file while it is read from front to back. It owns the memory; what
// it returns is valid until the next call. It reads ahead, more with every call, so that one record
// costs little and a long walk few calls.

struct FileWindow: ~Copyable {
  private static let leastAhead = 16 * 1024
  private static let mostAhead = 256 * 1024

  private let fs: any FileSystem
  private let handle: FileHandle
  /// Bytes behind this are not looked at, even if the file is longer.
  let limit: UInt64
  private(set) var buffer: FlatBuffer
  private var start: UInt64 = 0
  private var readAhead = FileWindow.leastAhead

  /// `reusing`: memory of an earlier window.
  init(
    _ handle: FileHandle, limit: UInt64, on fs: any FileSystem,
    reusing buffer: consuming FlatBuffer = FlatBuffer()
  ) {
    self.fs = fs
    self.handle = handle
    self.limit = limit
    self.buffer = buffer
    self.buffer.clear()
  }

  /// The bytes from `offset` on; fewer than `count` only at the limit or the end of the file.
  mutating func load(_ offset: UInt64, _ count: Int) throws(LogError) -> UnsafeRawBufferPointer {
    guard offset < limit else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let wanted = Int(min(UInt64(count), limit - offset))
    if offset < start || offset + UInt64(wanted) > start + UInt64(buffer.count) {
      let ahead = Int(min(UInt64(max(count, readAhead)), limit - offset))
      buffer.clear()
      buffer.reserve(ahead)
      let space = UnsafeMutableRawBufferPointer(rebasing: buffer.space[0..<ahead])
      do throws(FileError) {
        buffer.setCount(try fs.read(handle, into: space, at: offset))
      } catch { throw .io(error) }
      start = offset
      readAhead = min(readAhead * 2, FileWindow.mostAhead)
    }
    let from = Int(offset - start)
    guard from < buffer.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    return buffer.bytes.part(from..<min(from + wanted, buffer.count))
  }
}

/// What stands at one place of a segment.
enum FrameStep {
  /// A whole frame, verified except for what needs its payload.
  case frame(FrameHeader, UnsafeRawBufferPointer)
  /// The limit: nothing follows.
  case end
  case fault(DecodeFault)
}

extension FileWindow {
  /// The frame of segment `nonce` at `offset`, verified by itself: checksum, place, segment.
  mutating func frame(at offset: UInt64, of nonce: Nonce) throws(LogError) -> FrameStep {
    let head = try load(offset, Format.frameHeaderSize)
    if head.isEmpty { return .end }
    let header: FrameHeader
    do throws(DecodeFault) { header = try FrameHeader(decoding: head) } catch {
      return .fault(error)
    }
    // A size that reaches behind the limit is found out before anything is allocated by it.
    guard UInt64(header.totalSize) <= limit - offset else { return .fault(.truncated) }
    let whole = try load(offset, header.totalSize)
    do throws(DecodeFault) { try header.verify(whole, at: offset, of: nonce) } catch {
      return .fault(error)
    }
    return .frame(header, whole.part(0..<header.totalSize))
  }
}
