import ReplicationCore

// What is going to happen, in the order of time; what is due at the same instant happens in the
// order in which it was added. So a run depends on nothing but its seed.

struct EventQueue<Element> {
  private struct Item {
    var due: Instant
    var order: UInt64
    var element: Element
    func precedes(_ other: Item) -> Bool { (due, order) < (other.due, other.order) }
  }

  private var heap: [Item] = []
  private var nextOrder: UInt64 = 0

  var next: Instant? { heap.first?.due }

  mutating func add(_ element: Element, at due: Instant) {
    heap.append(Item(due: due, order: nextOrder, element: element))
    nextOrder += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> (due: Instant, element: Element)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (first.due, first.element)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [parent * 2 + 1, parent * 2 + 2]
      where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
