// XXH64 with seed 0 or another: the checksum of everything that LogStore writes. It owns the
// algorithm only; what is covered by which checksum is the format's business (docs/FORMAT.md).

enum XXH64 {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    guard var cursor = bytes.baseAddress, !bytes.isEmpty else {
      return avalanche(seed &+ prime5)
    }
    let end = cursor + bytes.count
    var hash: UInt64
    if bytes.count >= 32 {
      hash = stripes(&cursor, end, seed)
    } else {
      hash = seed &+ prime5
    }
    hash &+= UInt64(bytes.count)
    while end - cursor >= 8 {
      hash ^= round(0, load64(cursor))
      hash = rotate(hash, 27) &* prime1 &+ prime4
      cursor += 8
    }
    if end - cursor >= 4 {
      let word = UInt64(UInt32(littleEndian: cursor.loadUnaligned(as: UInt32.self)))
      hash ^= word &* prime1
      hash = rotate(hash, 23) &* prime2 &+ prime3
      cursor += 4
    }
    while cursor < end {
      hash ^= UInt64(cursor.load(as: UInt8.self)) &* prime5
      hash = rotate(hash, 11) &* prime1
      cursor += 1
    }
    return avalanche(hash)
  }

  static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
    bytes.withUnsafeBytes { hash($0, seed: seed) }
  }

  private static func stripes(
    _ cursor: inout UnsafeRawPointer, _ end: UnsafeRawPointer, _ seed: UInt64
  ) -> UInt64 {
    var v1 = seed &+ prime1 &+ prime2
    var v2 = seed &+ prime2
    var v3 = seed
    var v4 = seed &- prime1
    let last = end - 32
    var at = cursor
    while at <= last {
      v1 = round(v1, load64(at))
      v2 = round(v2, load64(at + 8))
      v3 = round(v3, load64(at + 16))
      v4 = round(v4, load64(at + 24))
      at += 32
    }
    cursor = at
    var hash = rotate(v1, 1) &+ rotate(v2, 7) &+ rotate(v3, 12) &+ rotate(v4, 18)
    for value in [v1, v2, v3, v4] { hash = (hash ^ round(0, value)) &* prime1 &+ prime4 }
    return hash
  }

  @inline(__always)
  private static func load64(_ at: UnsafeRawPointer) -> UInt64 {
    UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 - bits)
  }

  @inline(__always)
  private static func round(_ accumulator: UInt64, _ lane: UInt64) -> UInt64 {
    rotate(accumulator &+ lane &* prime2, 31) &* prime1
  }

  private static func avalanche(_ value: UInt64) -> UInt64 {
    var hash = value
    hash = (hash ^ hash >> 33) &* prime2
    hash = (hash ^ hash >> 29) &* prime3
    return hash ^ hash >> 32
  }
}
