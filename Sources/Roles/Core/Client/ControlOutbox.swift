// The control records (Opened, Released, Cancelled, Collected) that are not known to be safe, in
// the order of the own log. A coordinator appends them in the order in which they are sent, so one
// that is safe vouches for those that the same coordinator took before it.

import DequeModule
import ReplicationCore

struct ControlOutbox: Sendable {
  struct Item: Sendable {
    var key: ClientRecordKey
    var since: Instant
  }

  private var items: Deque<Item> = []
  /// The number of `items`' first; numbers are given once.
  private(set) var safeThrough: UInt64 = 0
  /// Numbers below this are held by the present coordinator.
  private(set) var heldThrough: UInt64 = 0

  var end: UInt64 { safeThrough + UInt64(items.count) }
  var unsafeCount: Int { items.count }
  var unheldCount: Int { Int(end - heldThrough) }

  mutating func append(_ key: ClientRecordKey, at now: Instant) {
    items.append(Item(key: key, since: now))
  }

  func item(_ number: UInt64) -> Item? {
    guard number >= safeThrough, number < end else { return nil }
    return items[Int(number - safeThrough)]
  }

  /// When the oldest that is not held was logged.
  var oldestUnheld: Instant? { item(heldThrough)?.since }

  mutating func markHeld(through number: UInt64) {
    heldThrough = max(heldThrough, min(number, end))
  }

  /// The keys that became safe, in order.
  mutating func markSafe(through number: UInt64) -> [ClientRecordKey] {
    markHeld(through: number)
    var keys: [ClientRecordKey] = []
    while safeThrough < min(number, heldThrough), let first = items.popFirst() {
      keys.append(first.key)
      safeThrough += 1
    }
    return keys
  }

  /// The oldest no longer matters.
  mutating func dropFirst() {
    guard items.popFirst() != nil else { return }
    safeThrough += 1
    heldThrough = max(heldThrough, safeThrough)
  }

  /// Another coordinator: what isn't safe is sent again.
  mutating func restart() { heldThrough = safeThrough }
}
