// Gives a verified frame's records back. It owns the scratch memory for decompression; what it
// returns is valid until the next call.

struct PayloadDecoder: ~Copyable, Sendable {
  private var scratch = FlatBuffer()
  /// Bytes that it holds on to.
  var held: Int { scratch.capacity }

  /// The raw record bytes of `frame`, whose header was verified. They hold exactly the number of
  /// records that the header tells, unless that is left to whoever walks them.
  mutating func records(
    of header: FrameHeader, in frame: UnsafeRawBufferPointer, areChecked: Bool = true
  ) throws(DecodeFault) -> UnsafeRawBufferPointer {
    let start = Format.frameHeaderSize
    let stored = frame.part(start..<(start + Int(header.storedSize)))
    let raw: UnsafeRawBufferPointer
    if header.codec == .none {
      raw = stored
    } else {
      let size = Int(header.rawSize)
      scratch.clear()
      scratch.reserve(size)
      try header.codec.decompress(stored, into: .init(rebasing: scratch.space[0..<size]))
      scratch.setCount(size)
      raw = scratch.bytes
    }
    if areChecked { try RecordWalker.check(raw, count: header.count) }
    return raw
  }

  /// Test only: takes a length for what it says, before anything is checked.
  mutating func believe(_ size: UInt32) { scratch.reserve(Int(size)) }
}
