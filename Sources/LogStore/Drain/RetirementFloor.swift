// Compacts a node's own retirements: when all its serials below some n are retired or closed, one
// Floor says so and the single records are dead. Serials that were lost are closed first.

struct RetirementFloor {
  var records: [Record]
  /// Another call would append more.
  var hasMore = false

  /// Serials closed at once; so many in a row that are lost are passed without a record each.
  static let closedAtOnce = 64

  /// Nil if there is nothing to say. `openedAt` is the first serial of this start: what is below
  /// and neither held nor retired will never come, for the node has caught up.
  static func next(of log: Log, openedAt: Serial) -> RetirementFloor? {
    let table = log.retirements
    let durable = log.durable
    let start = table.floor(of: log.node, log.kind) ?? Serial(1)
    let end = log.openSegment.serial
    guard start < end else { return nil }
    var isRetired: Set<Serial> = []
    for name in table.retired where name.node == log.node && name.log == log.kind {
      if table.isDurablyRetired(name, through: durable) { isRetired.insert(name.serial) }
    }
    // Of two branches under one serial, both have to be retired.
    var isHeld: Set<Serial> = []
    for end in log.vector() where end.name.node == log.node && table.isRetired(end.name) == nil {
      isHeld.insert(end.name.serial)
    }
    let closed = Set(table.closed(of: log.node, log.kind))
    let known = isRetired.union(isHeld).union(closed)
    var lost: [Serial] = []
    var at = start
    while at < end, !isHeld.contains(at) {
      if !isRetired.contains(at), !closed.contains(at) {
        guard at < openedAt else { break }
        lost.append(at)
        if lost.count > closedAtOnce {
          // A gap this long is a jump of serials, not losses one by one.
          at = known.filter { $0 > at }.min() ?? openedAt
          continue
        }
      }
      at = at.next
    }
    var records: [Record] = []
    if lost.count <= closedAtOnce {
      records = lost.map { Retirement.closed(log.node, log.kind, $0).record }
    }
    if lost.isEmpty || lost.count > closedAtOnce {
      guard at > start else { return nil }
      return RetirementFloor(
        records: [Retirement.floor(log.node, log.kind, below: at).record])
    }
    return RetirementFloor(records: records, hasMore: true)
  }
}
