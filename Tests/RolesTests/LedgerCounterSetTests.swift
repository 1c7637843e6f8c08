import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// Interval sets beside plain sets of numbers, at every boundary that a small space has, and at the ends
// of the counters.

private func range(_ first: UInt64, _ last: UInt64) -> ClosedRange<CallCounter> {
  CallCounter(first)...CallCounter(last)
}

@Suite struct LedgerCounterSetTests {
  @Test func behavesAsASetOfNumbers() {
    for seed in 0..<2000 as Range<UInt64> {
      var dice = Dice(seed: seed)
      var set = CounterSet()
      var naive: Set<UInt64> = []
      for _ in 0..<12 {
        let first = UInt64.random(in: 0...24, using: &dice)
        let last = first + UInt64.random(in: 0...4, using: &dice)
        let grows = !naive.isSuperset(of: first...last)
        naive.formUnion(first...last)
        #expect(set.insert(range(first, last)) == grows, "seed \(seed)")
        #expect(problem(set, naive) == nil, "seed \(seed)")
      }
      var other = CounterSet()
      var naiveOther: Set<UInt64> = []
      for _ in 0..<3 {
        let first = UInt64.random(in: 0...24, using: &dice)
        other.insert(CallCounter(first))
        naiveOther.insert(first)
      }
      #expect(set.isSuperset(of: other) == naive.isSuperset(of: naiveOther), "seed \(seed)")
      other.formUnion(set)
      #expect(problem(other, naive.union(naiveOther)) == nil, "seed \(seed)")
      #expect(CounterSet(other.ranges.shuffled(using: &dice)) == other, "seed \(seed)")
    }
  }

  private func problem(_ set: CounterSet, _ naive: Set<UInt64>) -> String? {
    if set.count != UInt64(naive.count) { return "count \(set.ranges)" }
    for (a, b) in zip(set.ranges, set.ranges.dropFirst())
    where a.upperBound.value + 1 >= b.lowerBound.value {
      return "ranges touch: \(set.ranges)"
    }
    if set.first?.value != naive.min() || set.last?.value != naive.max() { return "ends" }
    for first in 0...30 as ClosedRange<UInt64> {
      if set.contains(CallCounter(first)) != naive.contains(first) { return "contains \(first)" }
      let around = set.range(containing: CallCounter(first))
      if around.map({ $0.contains(CallCounter(first)) }) ?? !naive.contains(first) == false {
        return "range around \(first)"
      }
      for last in first...30 {
        if set.contains(range(first, last)) != naive.isSuperset(of: first...last) {
          return "contains \(first)...\(last)"
        }
        var gaps: Set<UInt64> = []
        for gap in set.gaps(in: range(first, last)) {
          gaps.formUnion(gap.lowerBound.value...gap.upperBound.value)
        }
        if gaps != Set(first...last).subtracting(naive) { return "gaps in \(first)...\(last)" }
      }
    }
    return nil
  }

  @Test func holdsAtTheEndsOfTheCounters() {
    let greatest = CallCounter.greatest.value
    var set = CounterSet()
    #expect(set.insert(range(greatest, greatest)))
    #expect(!set.insert(range(greatest, .max)))
    #expect(!set.insert(range(greatest + 1, .max)))
    #expect(set.insert(range(1, 1)))
    #expect(set.gaps(in: range(1, greatest)) == [range(2, greatest - 1)])
    #expect(set.insert(range(2, greatest - 1)))
    #expect(set.ranges == [range(1, greatest)])
    #expect(set.insert(CallCounter.zero))
    #expect(set.count == greatest + 1)
  }
}

@Suite struct LedgerCounterMapTests {
  @Test func behavesAsADictionary() {
    for seed in 0..<300 as Range<UInt64> {
      var dice = Dice(seed: seed)
      var map = CounterMap<UInt64>()
      var naive: [UInt64: UInt64] = [:]
      let space = [200, 2000, UInt64(Int64.max)].randomElement(using: &dice) ?? 200
      for _ in 0..<200 {
        let key = UInt64.random(in: 1...space, using: &dice)
        if UInt64.random(in: 0..<4, using: &dice) > 0 {
          let value = dice.next()
          naive[key, default: 0] ^= value
          map.update(CallCounter(key), default: 0) { $0 ^= value }
        } else {
          let last = key + UInt64.random(in: 0...min(space, 150), using: &dice)
          var removed: [UInt64] = []
          map.remove(range(key, last)) { counter, value in
            #expect(naive[counter.value] == value, "seed \(seed)")
            removed.append(counter.value)
          }
          #expect(removed == naive.keys.filter { (key...last).contains($0) }.sorted(), "\(seed)")
          for key in removed { naive[key] = nil }
        }
        let from = UInt64.random(in: 0...space, using: &dice)
        var seen: [UInt64] = []
        map.visit(from: CallCounter(from)) { counter, value in
          #expect(naive[counter.value] == value, "seed \(seed)")
          seen.append(counter.value)
          return seen.count < 100
        }
        #expect(seen == Array(naive.keys.filter { $0 >= from }.sorted().prefix(100)), "\(seed)")
      }
      #expect(map.count == naive.count, "seed \(seed)")
      for (key, value) in naive { #expect(map[CallCounter(key)] == value, "seed \(seed)") }
      #expect(map[CallCounter(0)] == nil)
    }
  }
}
