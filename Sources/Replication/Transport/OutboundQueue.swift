// What waits to be written to one connection, as a value.

import NIOCore

/// Frames that wait for a connection to take them, in order. It cuts them into chunks, so that a
/// large frame is copied once and its progress can be seen, and joins small ones into one write.
struct OutboundQueue {
  private var frames = CircularBuffer<Frame>()
  /// Bytes of the first frame that are written already.
  private var written = 0
  /// Bytes that wait, headers included.
  private(set) var bytes = 0

  var isEmpty: Bool { frames.isEmpty }

  mutating func append(_ frame: Frame) {
    frames.append(frame)
    bytes += frame.size
  }

  /// Puts the first frame of a connection before those that waited for it.
  mutating func prepend(_ frame: Frame) {
    precondition(written == 0, "a frame is half written")
    frames.prepend(frame)
    bytes += frame.size
  }

  /// The next bytes to write, at most about `limit`; nil if nothing waits.
  mutating func nextChunk(_ allocator: ByteBufferAllocator, limit: Int) -> ByteBuffer? {
    guard !frames.isEmpty else { return nil }
    var chunk = allocator.buffer(capacity: min(bytes, limit + Frame.headerSize))
    while let frame = frames.first, chunk.writableBytes > 0, chunk.readableBytes < limit {
      if written == 0 {
        chunk.writeInteger(
          UInt32(frame.payload.count + Frame.overhead), endianness: .little)
        chunk.writeInteger(frame.type.rawValue)
        chunk.writeInteger(frame.exchange, endianness: .little)
        written = Frame.headerSize
      }
      let start = written - Frame.headerSize
      let count = min(frame.payload.count - start, max(0, limit - chunk.readableBytes))
      frame.payload.withUnsafeBytes { payload in
        _ = chunk.writeBytes(UnsafeRawBufferPointer(rebasing: payload[start..<start + count]))
      }
      written += count
      guard written == frame.size else { break }
      frames.removeFirst()
      written = 0
    }
    bytes -= chunk.readableBytes
    return chunk
  }

  mutating func removeAll() {
    frames.removeAll()
    (written, bytes) = (0, 0)
  }
}
