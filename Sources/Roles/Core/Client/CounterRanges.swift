// A set of counters as ascending, disjoint ranges that don't touch: the shape of Released and of
// what a client still misses. Membership by binary search; a change moves the array's tail.

struct CounterRanges: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<CallCounter>] = []

  init() {}
  init(_ ranges: [ClosedRange<CallCounter>]) { for range in ranges { insert(range) } }

  var isEmpty: Bool { ranges.isEmpty }
  var rangeCount: Int { ranges.count }
  var first: CallCounter? { ranges.first?.lowerBound }

  func contains(_ counter: CallCounter) -> Bool { range(containing: counter) != nil }

  func range(containing counter: CallCounter) -> ClosedRange<CallCounter>? {
    let index = firstIndex(endingAtOrAfter: counter)
    guard index < ranges.count, ranges[index].lowerBound <= counter else { return nil }
    return ranges[index]
  }

  func covers(_ range: ClosedRange<CallCounter>) -> Bool {
    guard let found = self.range(containing: range.lowerBound) else { return false }
    return found.upperBound >= range.upperBound
  }

  mutating func insert(_ counter: CallCounter) { insert(counter...counter) }

  mutating func insert(_ range: ClosedRange<CallCounter>) {
    // In order is the common case: it extends the last range or stands after it.
    if let last = ranges.last, last.upperBound.value < range.lowerBound.value {
      if last.upperBound.value + 1 == range.lowerBound.value {
        ranges[ranges.count - 1] = last.lowerBound...range.upperBound
      } else {
        ranges.append(range)
      }
      return
    }
    let before = range.lowerBound.value == 0 ? 0 : range.lowerBound.value - 1
    let from = firstIndex(endingAtOrAfter: CallCounter(before))
    var to = from
    var merged = range
    while to < ranges.count, touches(merged, ranges[to]) {
      merged =
        min(
          merged.lowerBound, ranges[to].lowerBound)...max(
          merged.upperBound, ranges[to].upperBound)
      to += 1
    }
    ranges.replaceSubrange(from..<to, with: CollectionOfOne(merged))
  }

  @discardableResult
  mutating func remove(_ counter: CallCounter) -> Bool {
    guard contains(counter) else { return false }
    remove(counter...counter)
    return true
  }

  mutating func remove(_ range: ClosedRange<CallCounter>) {
    let from = firstIndex(endingAtOrAfter: range.lowerBound)
    var to = from
    var kept: [ClosedRange<CallCounter>] = []
    while to < ranges.count, ranges[to].lowerBound <= range.upperBound {
      let old = ranges[to]
      if old.lowerBound < range.lowerBound {
        kept.append(old.lowerBound...CallCounter(range.lowerBound.value - 1))
      }
      if old.upperBound > range.upperBound {
        kept.append(range.upperBound.next...old.upperBound)
      }
      to += 1
    }
    guard from < to else { return }
    ranges.replaceSubrange(from..<to, with: kept)
  }

  /// The parts of `range` that are in the set, ascending.
  func intersection(_ range: ClosedRange<CallCounter>) -> [ClosedRange<CallCounter>] {
    var found: [ClosedRange<CallCounter>] = []
    var index = firstIndex(endingAtOrAfter: range.lowerBound)
    while index < ranges.count, ranges[index].lowerBound <= range.upperBound {
      found.append(ranges[index].clamped(to: range))
      index += 1
    }
    return found
  }

  /// The parts of `range` that are not in the set, ascending.
  func gaps(in range: ClosedRange<CallCounter>) -> [ClosedRange<CallCounter>] {
    var found: [ClosedRange<CallCounter>] = []
    var next = range.lowerBound
    for held in intersection(range) {
      if next < held.lowerBound { found.append(next...CallCounter(held.lowerBound.value - 1)) }
      if held.upperBound == range.upperBound { return found }
      next = held.upperBound.next
    }
    found.append(next...range.upperBound)
    return found
  }

  private func touches(_ a: ClosedRange<CallCounter>, _ b: ClosedRange<CallCounter>) -> Bool {
    let gapAfterA = b.lowerBound.value > a.upperBound.value
    if gapAfterA { return b.lowerBound.value - a.upperBound.value == 1 }
    if a.lowerBound.value > b.upperBound.value {
      return a.lowerBound.value - b.upperBound.value == 1
    }
    return true
  }

  private func firstIndex(endingAtOrAfter counter: CallCounter) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < counter { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
