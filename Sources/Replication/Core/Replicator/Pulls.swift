import LogStore

/// What is to be fetched and from where: a worklist rebuilt by every Sync, and the few segments
/// that are being fetched. It owns order and bounds and knows nothing of messages.
struct Pulls: Sendable {
  struct Pull: Sendable {
    var route: String
    var peer: NodeID
    /// What the peer said that it holds.
    var target: Offset
    var failures = 0
    /// The exchange whose piece is being fetched or ingested.
    var exchange: Replicator.ExchangeID?
  }

  private(set) var pulls: [SegmentName: Pull] = [:]
  /// Fetches and the ingests of their pieces.
  private(set) var underWay = 0
  private var facts = Fifo<SegmentName>()
  private var archives = Fifo<SegmentName>()
  let limit: Int
  var window: FlowWindow

  init(_ settings: ReplicationSettings) {
    limit = settings.fetchLimit
    window = FlowWindow(
      limit: settings.windowLimit, floor: settings.windowFloor, period: settings.heartbeatPeriod)
  }

  var isEmpty: Bool { pulls.isEmpty }

  /// How many bytes one fetch may ask for, so that all of them fit into the window.
  var share: Int { max(1, window.size / limit) }

  mutating func want(_ name: SegmentName, _ target: Offset, from peer: NodeID, at route: String) {
    guard pulls[name] == nil else { return }
    pulls[name] = Pull(route: route, peer: peer, target: target)
    enqueue(name)
  }

  mutating func next() -> SegmentName? {
    guard underWay < limit else { return nil }
    while let name = facts.popFirst() ?? archives.popFirst() {
      guard let pull = pulls[name], pull.exchange == nil else { continue }
      return name
    }
    return nil
  }

  mutating func begin(_ name: SegmentName, _ exchange: Replicator.ExchangeID) {
    pulls[name]?.exchange = exchange
    underWay += 1
  }

  /// The pull that waits for this exchange; nil if it was given up meanwhile.
  func pull(_ name: SegmentName, of exchange: Replicator.ExchangeID) -> Pull? {
    guard let pull = pulls[name], pull.exchange == exchange else { return nil }
    return pull
  }

  /// A fetch ended, with its ingest if there was one, whatever became of its pull.
  mutating func ended() { underWay -= 1 }

  /// There is more to do.
  mutating func again(_ name: SegmentName, failed: Bool) {
    pulls[name]?.exchange = nil
    if failed { pulls[name]?.failures += 1 } else { pulls[name]?.failures = 0 }
    enqueue(name)
  }

  /// Done or given up. What is under way comes back to nothing.
  mutating func finish(_ name: SegmentName) { pulls[name] = nil }

  /// The peer does not answer: what was not begun there waits for another Sync.
  mutating func dropWaiting(at route: String) {
    pulls = pulls.filter { $0.value.route != route || $0.value.exchange != nil }
  }

  private mutating func enqueue(_ name: SegmentName) {
    if name.log == .facts { facts.append(name) } else { archives.append(name) }
  }
}
