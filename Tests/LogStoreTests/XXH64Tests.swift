import Testing

@testable import LogStore

/// Known answers of the reference implementation (xxhsum -H64).
struct XXH64Tests {
  @Test(
    arguments: [
      ("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999),
      ("asdf", 0x4158_72f5_99ce_a71e),
      ("Call me Ishmael. Some years ago--never mind how long precisely-", 0x02a2_e854_70d6_fd96),
      ("Nobody inspects the spammish repetition", 0xfbce_a83c_8a37_8bf1),
    ] as [(String, UInt64)])
  func knownAnswers(text: String, expected: UInt64) {
    #expect(XXH64.hash([UInt8](text.utf8)) == expected)
  }

  @Test func everyAlignmentGivesTheSame() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
    let expected: UInt64 = 0x5f23_5fa0_33f1_a3fb
    for shift in 0..<16 {
      let moved = [UInt8](repeating: 0xaa, count: shift) + bytes
      let hash = moved.withUnsafeBytes { XXH64.hash($0.part(shift..<moved.count)) }
      #expect(hash == expected)
    }
  }
}
