// Turns raw record bytes into one frame: compresses, pads, seals with the checksum. It owns the
// scratch memory and knows nothing of files.

struct FrameEncoder: ~Copyable, Sendable {
  private var out = FlatBuffer(capacity: 64 * 1024)

  /// The frame that was encoded last, ready to be written at its own offset.
  var frame: UnsafeRawBufferPointer { out.bytes }

  /// Encodes `raw`, which holds `count` whole records, with the fields of `header` that tell its
  /// place. The returned header is complete.
  mutating func encode(
    _ raw: UnsafeRawBufferPointer, count: Int, header start: FrameHeader, codec: Codec
  ) -> FrameHeader {
    precondition(raw.count <= Format.largestFrame, "a frame is within the format's bound")
    var header = start
    header.count = UInt32(count)
    header.rawSize = UInt32(raw.count)
    out.clear()
    out.reserve(Format.frameBound(raw: raw.count))
    let body = UnsafeMutableRawBufferPointer(rebasing: out.space[Format.frameHeaderSize...])
    if let size = codec.compress(raw, into: body) {
      header.codec = codec
      header.storedSize = UInt32(size)
    } else {
      header.codec = .none
      header.storedSize = UInt32(raw.count)
      body.copyMemory(from: raw)
    }
    header.encode(into: out.space)
    out.setCount(Format.frameHeaderSize + Int(header.storedSize))
    out.appendZeros(header.totalSize - out.count)
    header.checksum = Checksum(XXH64.hash(out.bytes.part(8..<header.totalSize)))
    out.space.putLittle(header.checksum.value, at: 0)
    return header
  }
}
