import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// Interval sets beside plain sets of numbers, at every boundary that a small space has, and at the
// ends of the counters.

private func range(_ first: UInt64, _ last: UInt64) -> ClosedRange<CallCounter> {
  CallCounter(first)...CallCounter(last)
}

@Suite struct LedgerCounterSetTests {
  @Test func behavesAsASetOfNumbers() {
    for seed in 0..<250 as Range<UInt64> {
      var dice = Dice(seed: seed)
      var set = CounterSet()
      var naive: Set<UInt64> = []
      for _ in 0..<12 {
        let first = UInt64.random(in: 0...24, using: &dice)
        let last = first + UInt64.random(in: 0...4, using: &dice)
        let grows = !naive.isSuperset(of: first...last)
        naive.formUnion(first...last)
        let grew = set.insert(range(first, last))
        #expect(grew == grows, "seed \(seed)")
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
    func inserted(_ range: ClosedRange<CallCounter>) -> Bool { set.insert(range) }
    #expect(inserted(range(greatest, greatest)))
    #expect(!inserted(range(greatest, .max)))
    #expect(!inserted(range(greatest + 1, .max)))
    #expect(inserted(range(1, 1)))
    #expect(set.gaps(in: range(1, greatest)) == [range(2, greatest - 1)])
    #expect(inserted(range(2, greatest - 1)))
    #expect(set.ranges == [range(1, greatest)])
    #expect(inserted(range(0, 0)))
    #expect(set.count == greatest + 1)
  }
}

@Suite struct LedgerCounterMapTests {
  @Test func behavesAsADictionary() {
    for seed in 0..<300 as Range<UInt64> {
      #expect(problem(seed) == nil, "seed \(seed)")
    }
  }

  private func problem(_ seed: UInt64) -> String? {
    var dice = Dice(seed: seed)
    var map = CounterMap<UInt64>()
    var naive: [UInt64: UInt64] = [:]
    let space: UInt64 = [200, 2000, UInt64(Int64.max)][Int(seed % 3)]
    for _ in 0..<200 {
      let key = UInt64.random(in: 1...space, using: &dice)
      if UInt64.random(in: 0..<4, using: &dice) > 0 {
        let value = dice.next()
        naive[key, default: 0] ^= value
        map.update(CallCounter(key), default: 0) { $0 ^= value }
      } else {
        let (last, _) = key.addingReportingOverflow(UInt64.random(in: 0...150, using: &dice))
        var removed: [UInt64] = []
        var isRight = true
        map.remove(range(key, last)) { counter, value in
          isRight = isRight && naive[counter.value] == value
          removed.append(counter.value)
        }
        let expected = naive.keys.filter { (key...last).contains($0) }.sorted()
        if !isRight || removed != expected { return "removal of \(key)...\(last)" }
        for key in removed { naive[key] = nil }
      }
      let from = UInt64.random(in: 0...space, using: &dice)
      var seen: [UInt64] = []
      var isRight = true
      map.visit(from: CallCounter(from)) { counter, value in
        isRight = isRight && naive[counter.value] == value
        seen.append(counter.value)
        return seen.count < 100
      }
      let expected = naive.keys.filter { $0 >= from }.sorted().prefix(100)
      if !isRight || seen != Array(expected) { return "visit from \(from)" }
    }
    if map.count != naive.count || map[.zero] != nil { return "count" }
    return naive.allSatisfy { map[CallCounter($0.key)] == $0.value } ? nil : "value"
  }
}
