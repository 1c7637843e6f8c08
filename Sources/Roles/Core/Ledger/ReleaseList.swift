/// A session's Released records that no other one covers: those that must stay. Of two with the
/// same ranges the lesser bytes cover the others. Ordered by their first counter; a client that
/// releases cumulatively leaves one.
struct ReleaseList: Sendable {
  struct Item: Sendable {
    var ranges: CounterSet
    var kept: Kept
    var first: CallCounter { ranges.first ?? .zero }
  }
  private(set) var items: [Item] = []

  /// True if the list changed. `mayBeCovered` is false if some counter is released for the first
  /// time, which spares the search.
  mutating func insert(
    _ ranges: CounterSet, _ payload: [UInt8], _ arrival: Arrival, mayBeCovered: Bool
  ) -> Bool {
    if mayBeCovered, let index = cover(of: ranges) {
      guard items[index].ranges == ranges else { return false }
      return items[index].kept.merge(payload, arrival)
    }
    let low = firstIndex { $0.first >= ranges.first ?? .zero }
    var high = low
    var remaining: [Item] = []
    let last = ranges.last ?? .zero
    while high < items.count, items[high].first <= last {
      if !ranges.isSuperset(of: items[high].ranges) { remaining.append(items[high]) }
      high += 1
    }
    // An empty Released stands first, whatever the ranges.
    remaining.insert(Item(ranges: ranges, kept: Kept(payload, arrival.place)), at: 0)
    items.replaceSubrange(low..<high, with: remaining)
    if items.count > 1, let first = items.first, first.ranges.isEmpty { items.removeFirst() }
    return true
  }

  /// An item that covers the ranges, equal ones included.
  func cover(of ranges: CounterSet) -> Int? {
    guard let first = ranges.first, let last = ranges.last else {
      return items.isEmpty ? nil : 0
    }
    var index = firstIndex { $0.first > first } - 1
    while index >= 0 {
      let item = items[index]
      if let end = item.ranges.last, end >= last, item.ranges.isSuperset(of: ranges) {
        return index
      }
      index -= 1
    }
    return nil
  }

  /// Whether another record covers this one for ever.
  func coversForEver(_ ranges: CounterSet, _ payload: UnsafeRawBufferPointer) -> Bool {
    guard let index = cover(of: ranges) else { return false }
    if items[index].ranges != ranges { return true }
    return items[index].kept.payload.lexicographicallyPrecedes(payload)
  }

  private func firstIndex(where isBeyond: (Item) -> Bool) -> Int {
    var low = 0
    var high = items.count
    while low < high {
      let middle = (low + high) / 2
      if isBeyond(items[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
