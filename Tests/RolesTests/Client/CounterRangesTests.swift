import ReplicationCore
import Testing

@testable import RolesCore

/// Ranges beside a plain set of counters.
struct CounterRangesTests {
  @Test(arguments: 0..<40 as Range<UInt64>)
  func behavesAsASet(seed: UInt64) {
    var dice = Dice(seed: seed)
    var ranges = CounterRanges()
    var naive: Set<UInt64> = []
    var problem: String?
    for _ in 0..<200 {
      let low = dice.next() % 60
      let high = low + dice.next() % 8
      let range = CallCounter(low)...CallCounter(high)
      if dice.next() % 2 == 0 {
        ranges.insert(range)
        naive.formUnion(low...high)
      } else {
        ranges.remove(range)
        naive.subtract(low...high)
      }
      let flat = ranges.ranges.flatMap { Array($0.lowerBound.value...$0.upperBound.value) }
      if flat != naive.sorted() { problem = "members" }
      for pair in zip(ranges.ranges, ranges.ranges.dropFirst())
      where pair.0.upperBound.value + 1 >= pair.1.lowerBound.value { problem = "ranges touch" }
      let all = CallCounter(0)...CallCounter(70)
      let gaps = ranges.gaps(in: all).flatMap { Array($0.lowerBound.value...$0.upperBound.value) }
      if gaps != (0...70).filter({ !naive.contains($0) }) { problem = "gaps" }
      if ranges.covers(range) != (low...high).allSatisfy(naive.contains) { problem = "covers" }
    }
    #expect(problem == nil, "seed \(seed)")
  }

  @Test func holdsTheGreatestCounter() {
    var ranges = CounterRanges()
    ranges.insert(CallCounter(1)...CallCounter.greatest)
    ranges.insert(CallCounter.greatest)
    #expect(ranges.rangeCount == 1)
    #expect(
      ranges.gaps(in: CallCounter(0)...CallCounter.greatest) == [
        CallCounter.zero...CallCounter.zero
      ])
    ranges.remove(CallCounter(5)...CallCounter.greatest)
    #expect(ranges.ranges == [CallCounter(1)...CallCounter(4)])
  }
}
