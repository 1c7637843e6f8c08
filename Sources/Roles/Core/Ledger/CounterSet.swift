import LogStore

/// A set of counters as ascending ranges that neither overlap nor touch. A session's released calls
/// take a few bytes, however many they are. Counters from 0 to `CallCounter.greatest`.
public struct CounterSet: Hashable, Sendable {
  public private(set) var ranges: [ClosedRange<CallCounter>] = []

  public init() {}

  /// The union of any ranges, in any order.
  public init(_ ranges: some Sequence<ClosedRange<CallCounter>>) {
    for range in ranges { insert(range) }
  }

  public var isEmpty: Bool { ranges.isEmpty }

  /// How many counters there are (at most 2^63).
  public var count: UInt64 {
    ranges.reduce(0) { $0 + ($1.upperBound.value - $1.lowerBound.value) + 1 }
  }

  public var first: CallCounter? { ranges.first?.lowerBound }
  public var last: CallCounter? { ranges.last?.upperBound }

  public func contains(_ counter: CallCounter) -> Bool { range(containing: counter) != nil }

  /// The range that a counter stands in.
  public func range(containing counter: CallCounter) -> ClosedRange<CallCounter>? {
    let index = firstIndex { $0.upperBound >= counter }
    guard index < ranges.count, ranges[index].lowerBound <= counter else { return nil }
    return ranges[index]
  }

  /// Whether all of the range is in the set.
  public func contains(_ range: ClosedRange<CallCounter>) -> Bool {
    guard let found = self.range(containing: range.lowerBound) else { return false }
    return found.upperBound >= range.upperBound
  }

  public func isSuperset(of other: CounterSet) -> Bool {
    other.ranges.allSatisfy { contains($0) }
  }

  /// True if the set grew.
  @discardableResult
  public mutating func insert(_ range: ClosedRange<CallCounter>) -> Bool {
    guard range.lowerBound <= .greatest else { return false }
    let range = range.lowerBound...min(range.upperBound, .greatest)
    // From the first range that touches or overlaps the new one to the first beyond it.
    let low = firstIndex { $0.upperBound >= range.lowerBound.previous }
    let high = firstIndex { $0.lowerBound > range.upperBound.nextOrSame }
    guard low < high else {
      ranges.insert(range, at: low)
      return true
    }
    let first = min(ranges[low].lowerBound, range.lowerBound)
    let last = max(ranges[high - 1].upperBound, range.upperBound)
    if high == low + 1 && ranges[low] == first...last { return false }
    ranges.replaceSubrange(low..<high, with: CollectionOfOne(first...last))
    return true
  }

  @discardableResult
  public mutating func insert(_ counter: CallCounter) -> Bool { insert(counter...counter) }

  public mutating func formUnion(_ other: CounterSet) {
    for range in other.ranges { insert(range) }
  }

  /// What of the range is not in the set, ascending.
  public func gaps(in range: ClosedRange<CallCounter>) -> [ClosedRange<CallCounter>] {
    var gaps: [ClosedRange<CallCounter>] = []
    var from = range.lowerBound
    var index = firstIndex { $0.upperBound >= range.lowerBound }
    while index < ranges.count, ranges[index].lowerBound <= range.upperBound {
      let known = ranges[index]
      if known.lowerBound > from { gaps.append(from...known.lowerBound.previous) }
      if known.upperBound >= range.upperBound { return gaps }
      from = known.upperBound.next
      index += 1
    }
    gaps.append(from...range.upperBound)
    return gaps
  }

  /// The first index whose range satisfies `isBeyond`, which must be monotone; else the count.
  private func firstIndex(where isBeyond: (ClosedRange<CallCounter>) -> Bool) -> Int {
    if let last = ranges.last, !isBeyond(last) { return ranges.count }
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if isBeyond(ranges[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

extension CallCounter {
  fileprivate var previous: CallCounter { self == .zero ? .zero : CallCounter(value - 1) }
  fileprivate var nextOrSame: CallCounter { self < .greatest ? next : self }
}
