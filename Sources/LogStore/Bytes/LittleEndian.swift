// Fixed-width integers as they stand on disk: little-endian, at any alignment. The caller has
// checked the bounds; the buffer's own checks trap in case it hasn't.

extension UnsafeRawBufferPointer {
  @inline(__always)
  func little<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
    T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// The part of this buffer in `range`, starting at index 0.
  @inline(__always)
  func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[range])
  }

  func isAllZero(from start: Int = 0) -> Bool {
    var at = start
    while at + 8 <= count {
      if loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 { return false }
      at += 8
    }
    while at < count {
      if self[at] != 0 { return false }
      at += 1
    }
    return true
  }

  func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    var at = 0
    while at + 8 <= count {
      let ours = loadUnaligned(fromByteOffset: at, as: UInt64.self)
      if ours != other.loadUnaligned(fromByteOffset: at, as: UInt64.self) { return false }
      at += 8
    }
    while at < count {
      if self[at] != other[at] { return false }
      at += 1
    }
    return true
  }
}

extension UnsafeMutableRawBufferPointer {
  @inline(__always)
  func putLittle<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }
}
