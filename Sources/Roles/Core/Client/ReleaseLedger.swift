// The Released records of this session that matter in the own log: those that no other covers. It
// decides when the next one repeats them all, so that the log holds few, and a session with
// scattered releases doesn't write their square.

import LogStore

struct ReleaseLedger: Sendable {
  struct Live: Sendable {
    var number: UInt64
    var ranges: CounterRanges
  }

  private(set) var live: [Live] = []
  /// What a Released says that is durable at enough nodes.
  private(set) var safe = CounterRanges()
  private var next: UInt64 = 0

  private static var uniteAlways: Int { 16 }
  private static var liveLimit: Int { 64 }
  /// About a megabyte of record.
  private static var uniteNever: Int { 100_000 }

  /// The number of a record with these ranges: an old one if it is live already.
  mutating func fold(_ ranges: CounterRanges) -> (number: UInt64, covered: [UInt64]) {
    if let known = live.first(where: { $0.ranges == ranges }) { return (known.number, []) }
    let number = next
    next += 1
    if live.contains(where: { entry in ranges.ranges.allSatisfy { entry.ranges.covers($0) } }) {
      return (number, [number])
    }
    var covered: [UInt64] = []
    live.removeAll { entry in
      let isCovered = entry.ranges.ranges.allSatisfy { ranges.covers($0) }
      if isCovered { covered.append(entry.number) }
      return isCovered
    }
    live.append(Live(number: number, ranges: ranges))
    return (number, covered)
  }

  /// This record is durable at enough nodes.
  mutating func markSafe(_ number: UInt64) {
    guard let entry = live.first(where: { $0.number == number }) else { return }
    for range in entry.ranges.ranges { safe.insert(range) }
  }

  /// Another live record says all of this and more.
  func isCovered(_ ranges: CounterRanges) -> Bool {
    live.contains { entry in
      entry.ranges != ranges && ranges.ranges.allSatisfy { entry.ranges.covers($0) }
    }
  }

  /// One live record of the own log says all of this.
  func isLive(_ range: ClosedRange<CallCounter>) -> Bool {
    live.contains { $0.ranges.covers(range) }
  }

  /// What the next record says, to add `new` to what is released.
  func nextRecord(adding new: CounterRanges, to released: CounterRanges) -> CounterRanges {
    var union = released
    for range in new.ranges { union.insert(range) }
    let pieces = live.reduce(new.rangeCount) { $0 + $1.ranges.rangeCount }
    let count = union.rangeCount
    guard count <= Self.uniteNever else { return new }
    let unites =
      count <= Self.uniteAlways || count * 2 <= pieces || live.count >= Self.liveLimit
    return unites ? union : new
  }
}
