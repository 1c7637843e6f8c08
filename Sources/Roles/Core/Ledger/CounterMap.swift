/// Values by call counter, in the counters' order: pages of 64 counters, found by binary search,
/// each with a mask and its values packed. A session's counters are mostly contiguous, so a page is
/// full and an update moves nothing. Sparse counters cost a page each, no more.
struct CounterMap<Value: Sendable>: Sendable {
  private struct Page: Sendable {
    var mask: UInt64 = 0
    var values: [Value] = []

    func rank(_ slot: UInt64) -> Int { (mask & ((1 << slot) - 1)).nonzeroBitCount }
    func holds(_ slot: UInt64) -> Bool { mask & (1 << slot) != 0 }
  }

  private var numbers: [UInt64] = []
  private var pages: [Page] = []
  private(set) var count = 0

  subscript(counter: CallCounter) -> Value? {
    let (number, slot) = Self.place(counter)
    let index = pageIndex(number)
    guard index < numbers.count, numbers[index] == number, pages[index].holds(slot) else {
      return nil
    }
    return pages[index].values[pages[index].rank(slot)]
  }

  /// Changes a value in place, making it first if there is none.
  mutating func update<R>(
    _ counter: CallCounter, default make: @autoclosure () -> Value, _ body: (inout Value) -> R
  ) -> R {
    let (number, slot) = Self.place(counter)
    let index = pageIndex(number)
    if index == numbers.count || numbers[index] != number {
      numbers.insert(number, at: index)
      pages.insert(Page(), at: index)
    }
    let rank = pages[index].rank(slot)
    if !pages[index].holds(slot) {
      pages[index].values.insert(make(), at: rank)
      pages[index].mask |= 1 << slot
      count += 1
    }
    return body(&pages[index].values[rank])
  }

  /// Removes what stands in the range, in ascending order, telling `body` each value.
  mutating func remove(
    _ range: ClosedRange<CallCounter>, _ body: (CallCounter, Value) -> Void
  ) {
    let first = pageIndex(Self.place(range.lowerBound).page)
    var index = first
    var kept = first
    while index < numbers.count, numbers[index] << 6 <= range.upperBound.value {
      removeSlots(ofPage: index, in: range, body)
      if pages[index].mask != 0 {
        if kept != index {
          pages.swapAt(kept, index)
          numbers.swapAt(kept, index)
        }
        kept += 1
      }
      index += 1
    }
    pages.removeSubrange(kept..<index)
    numbers.removeSubrange(kept..<index)
  }

  private mutating func removeSlots(
    ofPage index: Int, in range: ClosedRange<CallCounter>, _ body: (CallCounter, Value) -> Void
  ) {
    var rest = pages[index].mask
    var removed: UInt64 = 0
    var left: [Value] = []
    var rank = 0
    while rest != 0 {
      let slot = UInt64(rest.trailingZeroBitCount)
      rest &= rest - 1
      let counter = CallCounter(numbers[index] << 6 | slot)
      let value = pages[index].values[rank]
      rank += 1
      if range.contains(counter) {
        body(counter, value)
        removed |= 1 << slot
      } else {
        left.append(value)
      }
    }
    guard removed != 0 else { return }
    count -= removed.nonzeroBitCount
    pages[index].mask &= ~removed
    pages[index].values = left
  }

  /// Ascending from `counter`, until `body` returns false.
  func visit(from counter: CallCounter = .zero, _ body: (CallCounter, Value) -> Bool) {
    let (number, slot) = Self.place(counter)
    var index = pageIndex(number)
    while index < numbers.count {
      let page = pages[index]
      var rest = numbers[index] == number ? page.mask & ~((1 << slot) - 1) : page.mask
      var rank = page.values.count - rest.nonzeroBitCount
      while rest != 0 {
        let at = UInt64(rest.trailingZeroBitCount)
        rest &= rest - 1
        if !body(CallCounter(numbers[index] << 6 | at), page.values[rank]) { return }
        rank += 1
      }
      index += 1
    }
  }

  private static func place(_ counter: CallCounter) -> (page: UInt64, slot: UInt64) {
    (counter.value >> 6, counter.value & 63)
  }

  /// The first page whose number is at least this one.
  private func pageIndex(_ number: UInt64) -> Int {
    guard let last = numbers.last, last >= number else { return numbers.count }
    if last == number { return numbers.count - 1 }
    var low = 0
    var high = numbers.count - 1
    while low < high {
      let middle = (low + high) / 2
      if numbers[middle] < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
