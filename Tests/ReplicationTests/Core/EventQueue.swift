@testable import ReplicationCore

/// What is to happen, by time and then in the order in which it was added.
struct EventQueue<Event> {
  private var heap: [(at: Instant, number: UInt64, event: Event)] = []
  private var last: UInt64 = 0

  mutating func add(_ event: Event, at: Instant) {
    last += 1
    heap.append((at, last, event))
    var index = heap.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard precedes(index, parent) else { break }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  mutating func popFirst(upTo end: Instant) -> (Instant, Event)? {
    guard let first = heap.first, first.at <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2]
      where child < heap.count && precedes(child, least) {
        least = child
      }
      if least == index { break }
      heap.swapAt(index, least)
      index = least
    }
    return (first.at, first.event)
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    (heap[a].at, heap[a].number) < (heap[b].at, heap[b].number)
  }
}
