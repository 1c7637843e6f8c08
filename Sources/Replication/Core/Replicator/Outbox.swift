import LogStore

/// What is to be shipped to the one successor: a lane for each segment that it lacks bytes of, a
/// queue of lanes that want a read, and what is under way. It owns order, window and rewinding, and
/// knows nothing of messages. Bounded by `window` (and one frame) and `shipLimit`.
struct Outbox: Sendable {
  /// One segment on its way. Reads of a lane come one after the other, as only a read tells where
  /// its last frame ends; its ships overlap.
  struct Lane: Sendable {
    /// Where the next read starts.
    var next: Offset
    /// What is to be shipped now ends here.
    var limit: Offset
    var priority: Priority
    /// The outbox's count of lanes and rewinds when this one began and last changed: what was read
    /// or sent before must not steer what comes after.
    let birth: UInt64
    var epoch: UInt64
    var shipsUnderWay = 0
    var isReading = false
    var isQueued = false
    /// The end that the last refusal named, and how often in a row.
    var refusedAt: Offset?
    var refusals = 0
    /// Refused again and again: not before this, at a Sync.
    var restsUntil: Instant?
    var isIdle: Bool { shipsUnderWay == 0 && !isReading }
  }

  /// Own open facts first (somebody waits for `safe`), then facts, then archives.
  enum Priority: Int, Sendable, CaseIterable { case urgent, facts, archives }

  struct Read: Hashable, Sendable {
    var segment: SegmentName
    var offset: Offset
    var reserved: Int
    var epoch: UInt64
  }

  /// Tells this outbox's exchanges from those of the ones before it.
  let generation: UInt64
  var window: FlowWindow
  /// After a failed exchange until the next Sync.
  var isPaused = false
  private(set) var lanes: [SegmentName: Lane] = [:]
  private(set) var bytesUnderWay = 0
  /// Of them those that were sent; the others are reserved for reads.
  private(set) var shippedBytes = 0
  private(set) var shipsUnderWay = 0
  private var reads = 0
  private var lastEpoch: UInt64 = 0
  private var queues = [Fifo<SegmentName>](repeating: Fifo(), count: Priority.allCases.count)
  private let chunkLimit: Int
  private let shipLimit: Int
  private let neverRewinds: Bool

  init(_ settings: ReplicationSettings, generation: UInt64) {
    self.generation = generation
    window = FlowWindow(
      limit: settings.windowLimit, floor: settings.windowFloor, period: settings.heartbeatPeriod)
    chunkLimit = settings.chunkLimit
    shipLimit = settings.shipLimit
    neverRewinds = settings.plantedBugs.contains(.neverRewinds)
  }

  var isEmpty: Bool { lanes.isEmpty }

  /// The successor holds the segment up to `end`; it shall have it up to `limit`.
  mutating func want(
    _ name: SegmentName, from end: Offset, to limit: Offset, priority: Priority
  ) {
    if var lane = lanes[name] {
      lane.limit = limit
      // Its entry in the other queue is passed over when its turn comes.
      if lane.priority != priority { lane.isQueued = false }
      lane.priority = priority
      lanes[name] = lane
      if lane.isIdle { rewind(name, to: end) }
    } else {
      lastEpoch += 1
      lanes[name] = Lane(
        next: end, limit: limit, priority: priority, birth: lastEpoch, epoch: lastEpoch)
    }
    enqueue(name)
  }

  /// The segment is gone or nobody needs it. What is under way comes back by itself.
  mutating func remove(_ name: SegmentName) { lanes[name] = nil }

  /// The next read, its bytes reserved; nil if nothing waits or the window is full.
  mutating func nextRead() -> Read? {
    guard !isPaused, shipsUnderWay + reads < shipLimit else { return nil }
    for priority in Priority.allCases {
      while !queues[priority.rawValue].isEmpty {
        guard bytesUnderWay == 0 || bytesUnderWay < window.size else { return nil }
        guard let name = queues[priority.rawValue].popFirst(), var lane = lanes[name],
          lane.isQueued, lane.priority == priority
        else { continue }
        lane.isQueued = false
        guard !lane.isReading, lane.next < lane.limit, lane.restsUntil == nil else {
          lanes[name] = lane
          continue
        }
        let room = min(chunkLimit, max(1, window.size - bytesUnderWay))
        let count = Int(min(lane.limit.value - lane.next.value, UInt64(room)))
        lane.isReading = true
        lanes[name] = lane
        bytesUnderWay += count
        reads += 1
        return Read(segment: name, offset: lane.next, reserved: count, epoch: lane.epoch)
      }
    }
    return nil
  }

  /// A read ended with so many bytes (0 if it failed). True if they are to be sent now; `more` then
  /// says whether others of the lane follow.
  mutating func didRead(_ read: Read, count: Int) -> (send: Bool, more: Bool) {
    bytesUnderWay -= read.reserved
    reads -= 1
    guard var lane = lanes[read.segment], lane.birth <= read.epoch else { return (false, false) }
    lane.isReading = false
    let isCurrent = lane.epoch == read.epoch && lane.next == read.offset
    guard isCurrent, count > 0 else {
      lanes[read.segment] = lane
      if !isCurrent { enqueue(read.segment) }
      return (false, false)
    }
    lane.next = read.offset + count
    lane.shipsUnderWay += 1
    lanes[read.segment] = lane
    bytesUnderWay += count
    shippedBytes += count
    shipsUnderWay += 1
    enqueue(read.segment)
    return (true, lane.next < lane.limit)
  }

  /// A ship came to an end, whichever.
  mutating func returned(_ ship: ShipContext) {
    bytesUnderWay -= ship.count
    shippedBytes -= ship.count
    shipsUnderWay -= 1
    if let lane = lanes[ship.segment], lane.birth <= ship.epoch {
      lanes[ship.segment]?.shipsUnderWay -= 1
    }
  }

  /// The successor holds the lane's segment up to `end`.
  mutating func accepted(_ name: SegmentName, upTo end: Offset) {
    guard var lane = lanes[name] else { return }
    lane.refusals = 0
    lane.refusedAt = nil
    if lane.next < end && !neverRewinds { lane.next = end }
    lanes[name] = lane
    settle(name)
  }

  /// The piece was refused: go on from the receiver's end. Returns how often in a row it named it.
  mutating func refused(_ ship: ShipContext, end: Offset) -> Int {
    // One refusal speaks for all that was sent before the rewind that it caused. What comes later
    // only ends: it may be what the lane waited for.
    guard var lane = lanes[ship.segment], lane.epoch == ship.epoch else {
      settle(ship.segment)
      return 0
    }
    lane.refusals = lane.refusedAt == end ? lane.refusals + 1 : 1
    lane.refusedAt = end
    lanes[ship.segment] = lane
    rewind(ship.segment, to: end)
    settle(ship.segment)
    return lane.refusals
  }

  /// Nothing was heard of the piece: from `end` again, after the next Sync.
  mutating func lost(_ ship: ShipContext, end: Offset) {
    if lanes[ship.segment]?.epoch == ship.epoch { rewind(ship.segment, to: end) }
    settle(ship.segment)
  }

  mutating func rest(_ name: SegmentName, until instant: Instant) {
    lanes[name]?.restsUntil = instant
  }

  /// A Sync came: the failed exchange is forgotten, and who has rested enough goes on.
  mutating func resume(_ name: SegmentName, at now: Instant) {
    guard let rest = lanes[name]?.restsUntil, rest <= now else { return }
    lanes[name]?.restsUntil = nil
    enqueue(name)
  }

  private mutating func rewind(_ name: SegmentName, to end: Offset) {
    guard !neverRewinds, var lane = lanes[name], lane.next != end else { return }
    lane.next = end
    lastEpoch += 1
    lane.epoch = lastEpoch
    lanes[name] = lane
  }

  /// A lane that has nothing left to do ends; any other goes on.
  private mutating func settle(_ name: SegmentName) {
    guard let lane = lanes[name] else { return }
    if lane.isIdle && lane.next >= lane.limit && !neverRewinds {
      lanes[name] = nil
    } else {
      enqueue(name)
    }
  }

  private mutating func enqueue(_ name: SegmentName) {
    guard let lane = lanes[name], !lane.isQueued, !lane.isReading, lane.next < lane.limit,
      lane.restsUntil == nil
    else { return }
    lanes[name]?.isQueued = true
    queues[lane.priority.rawValue].append(name)
  }
}
