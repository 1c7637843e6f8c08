import ReplicationCore
import Testing

@testable import RolesCore

@Suite struct SortedSetTests {
  @Test func behavesAsASet() {
    for seed in 1...100 as ClosedRange<UInt64> {
      var dice = Dice(seed: seed)
      var sorted = SortedSet<UInt64>()
      var plain: Set<UInt64> = []
      for _ in 0..<2_000 {
        let element = dice.next() % 900
        if dice.next() % 5 < 3 {
          let isNew = sorted.insert(element)
          #expect(isNew == !plain.contains(element), "seed \(seed)")
          plain.insert(element)
        } else {
          let isGone = sorted.remove(element)
          #expect(isGone == plain.contains(element), "seed \(seed)")
          plain.remove(element)
        }
        let bound = dice.next() % 900
        #expect(sorted.contains(bound) == plain.contains(bound), "seed \(seed)")
        #expect(sorted.first(from: bound) == plain.filter { $0 >= bound }.min(), "seed \(seed)")
        #expect(sorted.first(after: bound) == plain.filter { $0 > bound }.min(), "seed \(seed)")
      }
      #expect(sorted.elements == plain.sorted(), "seed \(seed)")
      #expect(sorted.count == plain.count, "seed \(seed)")
      while let first = sorted.popFirst() {
        #expect(plain.min() == first)
        plain.remove(first)
      }
      #expect(plain.isEmpty)
    }
  }
}
