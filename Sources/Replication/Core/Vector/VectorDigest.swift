import LogStore

/// The 64-bit hash by which two holders compare what they have of an owner; wire.proto tells it
/// step by step. It guards against accident, not against an adversary, who could lie anyway.
struct VectorDigest: Sendable {
  private(set) var value: UInt64 = 0

  mutating func mix(_ number: UInt64) {
    var z = value ^ number
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    value = (z ^ (z >> 31)) &+ 0x9e37_79b9_7f4a_7c15
  }
}

extension OwnerVector {
  /// Over floor and sorted name, end, chain; durable ends are left out.
  public var digest: UInt64 {
    var digest = VectorDigest()
    digest.mix(floor.value)
    for end in ends {
      digest.mix(end.name.serial.value)
      digest.mix(end.name.nonce.value)
      digest.mix(end.end.value)
      digest.mix(end.chain.value)
    }
    return digest.value
  }
}
