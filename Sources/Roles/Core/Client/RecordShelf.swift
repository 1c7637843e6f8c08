// Records that a core may have to send again: where each stands in the own log, and the bytes of as
// many as fit the budget. The others are loaded from the log when their turn comes, so a client
// with a hundred thousand calls, or a server off-line for a week, stays in bounded memory.

import LogStore

struct RecordShelf<Key: Hashable & Sendable>: Sendable {
  private struct Item: Sendable {
    var segment: Int32
    var ordinal: Ordinal
    /// Where the same record stood before: should it be gone from here, it may be there.
    var spareSegment: Int32 = -1
    var spareOrdinal = Ordinal.zero
    var size: Int32
    var record: Record?
  }

  let budget: Int
  private(set) var cachedBytes = 0
  private var items: [Key: Item] = [:]
  private var segments: [SegmentName] = []
  private var segmentIndex: [SegmentName: Int32] = [:]

  init(budget: Int) { self.budget = budget }

  var count: Int { items.count }
  func holds(_ key: Key) -> Bool { items[key] != nil }
  func size(of key: Key) -> Int? { items[key].map { Int($0.size) } }
  func record(_ key: Key) -> Record? { items[key]?.record }

  func position(of key: Key) -> Position? {
    items[key].map { Position(segment: segments[Int($0.segment)], ordinal: $0.ordinal) }
  }

  /// Notes where the record stands; a record that was moved (drained) is noted anew.
  mutating func put(_ key: Key, _ record: Record, at position: Position) {
    let segment = index(of: position.segment)
    if var item = items[key] {
      guard item.segment != segment || item.ordinal != position.ordinal else { return }
      item.spareSegment = item.segment
      item.spareOrdinal = item.ordinal
      item.segment = segment
      item.ordinal = position.ordinal
      items[key] = item
      return
    }
    let size = record.payload.count
    var item = Item(segment: segment, ordinal: position.ordinal, size: Int32(size), record: nil)
    if cachedBytes + size <= budget {
      item.record = record
      cachedBytes += size
    }
    items[key] = item
  }

  /// It isn't where it was noted last: true if another place is left to try.
  mutating func useSpare(_ key: Key) -> Bool {
    guard let item = items[key], item.spareSegment >= 0 else { return false }
    items[key]?.segment = item.spareSegment
    items[key]?.ordinal = item.spareOrdinal
    items[key]?.spareSegment = -1
    return true
  }

  /// A loaded record; it is kept whatever the budget says: who loads bounds what it asks for.
  mutating func fill(_ key: Key, _ record: Record) {
    guard let item = items[key], item.record == nil else { return }
    items[key]?.record = record
    items[key]?.size = Int32(record.payload.count)
    cachedBytes += record.payload.count
  }

  /// It was sent and taken: it is read again if another needs it.
  mutating func uncache(_ key: Key) {
    guard let item = items[key], let record = item.record else { return }
    cachedBytes -= record.payload.count
    items[key]?.record = nil
  }

  mutating func remove(_ key: Key) {
    guard let item = items.removeValue(forKey: key) else { return }
    if let record = item.record { cachedBytes -= record.payload.count }
  }

  private mutating func index(of segment: SegmentName) -> Int32 {
    if let index = segmentIndex[segment] { return index }
    let index = Int32(segments.count)
    segments.append(segment)
    segmentIndex[segment] = index
    return index
  }
}
