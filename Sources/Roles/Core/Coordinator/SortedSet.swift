// A set kept in order, in chunks of a few hundred elements: insertion, removal and "the first from
// here on" cost a binary search and a short move. It owns order and nothing of what it holds. The
// coordinator's queues are made of it because their order can be seen in its answers.

struct SortedSet<Element: Comparable & Sendable>: Sendable {
  /// Non-empty, each sorted, all of one before all of the next.
  private var chunks: [[Element]] = []
  private(set) var count = 0

  private static var chunkLimit: Int { 256 }

  init() {}

  var isEmpty: Bool { count == 0 }
  var first: Element? { chunks.first?.first }
  var last: Element? { chunks.last?.last }

  func contains(_ element: Element) -> Bool {
    guard let place = place(of: element) else { return false }
    return chunks[place.chunk][place.index] == element
  }

  /// The least element that is not below `bound`.
  func first(from bound: Element) -> Element? {
    guard let place = place(of: bound) else { return nil }
    return chunks[place.chunk][place.index]
  }

  /// The least element above `bound`.
  func first(after bound: Element) -> Element? {
    guard let place = place(of: bound) else { return nil }
    if chunks[place.chunk][place.index] != bound { return chunks[place.chunk][place.index] }
    if place.index + 1 < chunks[place.chunk].count {
      return chunks[place.chunk][place.index + 1]
    }
    return place.chunk + 1 < chunks.count ? chunks[place.chunk + 1][0] : nil
  }

  @discardableResult
  mutating func insert(_ element: Element) -> Bool {
    guard !chunks.isEmpty else {
      chunks = [[element]]
      count = 1
      return true
    }
    let chunk = max(0, chunkBound(element) - 1)
    let index = lowerBound(in: chunks[chunk], element)
    if index < chunks[chunk].count, chunks[chunk][index] == element { return false }
    chunks[chunk].insert(element, at: index)
    count += 1
    if chunks[chunk].count > Self.chunkLimit { split(chunk) }
    return true
  }

  @discardableResult
  mutating func remove(_ element: Element) -> Bool {
    guard let place = place(of: element), chunks[place.chunk][place.index] == element else {
      return false
    }
    chunks[place.chunk].remove(at: place.index)
    if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
    count -= 1
    return true
  }

  mutating func popFirst() -> Element? {
    guard let element = first else { return nil }
    remove(element)
    return element
  }

  /// All elements in order. A copy: for answers to people and for rare events.
  var elements: [Element] {
    var all: [Element] = []
    all.reserveCapacity(count)
    for chunk in chunks { all.append(contentsOf: chunk) }
    return all
  }

  /// Halves a chunk; at the end of the order it leaves a full one, as ascending insertions like.
  private mutating func split(_ chunk: Int) {
    let size = chunks[chunk].count
    let kept = chunk == chunks.count - 1 ? size - 1 : size / 2
    let rest = Array(chunks[chunk][kept...])
    chunks[chunk].removeLast(size - kept)
    chunks.insert(rest, at: chunk + 1)
  }

  /// Where the first element that is not below `bound` stands.
  private func place(of bound: Element) -> (chunk: Int, index: Int)? {
    guard !chunks.isEmpty else { return nil }
    let chunk = max(0, chunkBound(bound) - 1)
    let index = lowerBound(in: chunks[chunk], bound)
    if index < chunks[chunk].count { return (chunk, index) }
    return chunk + 1 < chunks.count ? (chunk + 1, 0) : nil
  }

  /// The number of chunks whose first element is not above `element`.
  private func chunkBound(_ element: Element) -> Int {
    var low = 0
    var high = chunks.count
    while low < high {
      let middle = (low + high) / 2
      if element < chunks[middle][0] { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private func lowerBound(in chunk: [Element], _ element: Element) -> Int {
    var low = 0
    var high = chunk.count
    while low < high {
      let middle = (low + high) / 2
      if chunk[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
