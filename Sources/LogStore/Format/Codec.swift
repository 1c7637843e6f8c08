import CLZ4
import CZlib

// How a frame's payload is compressed. It owns the calls into lz4 and zlib; bounds were checked by
// the frame header before anything here runs. Raw values stand on disk.

public enum Codec: UInt8, Hashable, Sendable, CaseIterable {
  case none = 0
  case lz4 = 1
  case zlib = 2

  /// Below this nothing shrinks enough to pay for the call.
  static let smallestWorthwhile = 128

  /// Compresses `raw` into `out`; the size, or nil if it does not shrink.
  func compress(_ raw: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer) -> Int? {
    guard raw.count >= Codec.smallestWorthwhile, out.count >= raw.count,
      let source = raw.baseAddress, let target = out.baseAddress
    else { return nil }
    // One byte less than the input: what does not shrink fails early.
    let room = raw.count - 1
    switch self {
    case .none:
      return nil
    case .lz4:
      let size = LZ4_compress_default(
        source.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self),
        Int32(raw.count), Int32(room))
      return size > 0 ? Int(size) : nil
    case .zlib:
      var size = uLongf(room)
      let status = compress2(
        target.assumingMemoryBound(to: UInt8.self), &size,
        source.assumingMemoryBound(to: UInt8.self), uLong(raw.count), 3)
      return status == Z_OK ? Int(size) : nil
    }
  }

  /// Fills `out` exactly, or throws.
  func decompress(
    _ stored: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
  ) throws(DecodeFault) {
    guard let source = stored.baseAddress, let target = out.baseAddress else {
      throw .badCompression
    }
    switch self {
    case .none:
      throw .badCompression
    case .lz4:
      let size = LZ4_decompress_safe(
        source.assumingMemoryBound(to: CChar.self), target.assumingMemoryBound(to: CChar.self),
        Int32(stored.count), Int32(out.count))
      guard size == Int32(out.count) else { throw .badCompression }
    case .zlib:
      var size = uLongf(out.count)
      let status = CZlib.uncompress(
        target.assumingMemoryBound(to: UInt8.self), &size,
        source.assumingMemoryBound(to: UInt8.self), uLong(stored.count))
      guard status == Z_OK, Int(size) == out.count else { throw .badCompression }
    }
  }
}
