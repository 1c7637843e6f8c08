import LogStore
import Testing

@testable import ReplicationCore

/// n coordinators in one thread and virtual time: replication cores over fake logs, and a network
/// that loses, doubles, delays, damages and reorders messages. Everything follows from one seed.
/// Every message passes through its codec; every ingest is compared with what the writer wrote
/// (I2).
struct Grid {
  struct Faults {
    var loss = 0.0
    var duplication = 0.0
    var damage = 0.0
    var delay: ClosedRange<UInt64> = 200...2_000  // microseconds
    /// Syncs that take seconds, sometimes (F8).
    var slowDisk = 0.0
    static let none = Faults()
    static let wild = Faults(
      loss: 0.1, duplication: 0.05, damage: 0.02, delay: 100...300_000, slowDisk: 0.02)
  }

  struct Node {
    let address: String
    var id: NodeID
    var log: FakeLog
    var core: Replicator?
    /// Counts starts; what belongs to an earlier one is dropped.
    var life = 0
    var tickAt: Instant?
    var isCommitting = false
    var caughtUp = 0
    var conflicts: [IdentityConflict] = []
    var suspected: Set<String> = []
    /// By route: bytes of ships without an answer.
    var shipping: [String: Int] = [:]
    var fetching = 0
    var durableElsewhere: [SegmentName: Offset] = [:]
  }

  enum Happening {
    case tick(node: Int, life: Int)
    case commit(node: Int, life: Int)
    case request(to: Int, from: Int, life: Int, Replicator.ExchangeID, [UInt8])
    case response(to: Int, life: Int, Replicator.ExchangeID, [UInt8])
    case timeout(node: Int, life: Int, Replicator.ExchangeID)
  }

  struct Exchange {
    var node: Int
    var life: Int
    var id: Replicator.ExchangeID
  }

  let settings: ReplicationSettings
  var dice: Dice
  var faults = Faults.none
  var now = Instant(nanoseconds: 1_000_000_000)
  var nodes: [Node] = []
  /// (from, to) that don't get through.
  var cut: Set<[Int]> = []
  /// What was ever written under each name.
  var canonical: [SegmentName: [UInt8]] = [:]
  var problems: [String] = []
  /// A hash over all directives, for equal runs.
  var trace: UInt64 = 0
  var sent = (sync: 0, ship: 0, fetch: 0)
  var refusedShips = 0

  var queue = EventQueue<Happening>()
  var exchanges: [UInt64: Exchange] = [:]
  /// Of the exchanges under way, for the windows.
  var sizes: [String: (bytes: Int, route: String, isFetch: Bool)] = [:]
  private var lastToken: UInt64 = 0

  init(nodes count: Int, seed: UInt64, settings: ReplicationSettings = Grid.smallSettings) {
    self.settings = settings
    dice = Dice(seed: seed)
    for index in 0..<count {
      let id = NodeID.random(using: &dice)
      nodes.append(Node(address: "host\(index):7000", id: id, log: FakeLog(node: id)))
    }
  }

  /// Small windows, so that they bind.
  static var smallSettings: ReplicationSettings {
    var settings = ReplicationSettings()
    settings.chunkLimit = 2_048
    settings.windowLimit = 8_192
    settings.windowFloor = 1_024
    settings.shipLimit = 8
    return settings
  }

  var alive: [Int] { nodes.indices.filter { nodes[$0].core != nil } }

  // MARK: - Lives

  mutating func startAll() {
    for index in nodes.indices where nodes[index].core == nil { start(index) }
  }

  /// Starts the node with its list of all addresses; those of tests that need fewer pass them.
  mutating func start(_ index: Int, members: [String]? = nil) {
    nodes[index].life += 1
    nodes[index].caughtUp = 0
    nodes[index].tickAt = nil
    nodes[index].isCommitting = false
    nodes[index].suspected = []
    nodes[index].shipping = [:]
    nodes[index].fetching = 0
    nodes[index].durableElsewhere = [:]
    for log in LogKind.allCases { openSegment(index, log) }
    let local = PeerInfo(
      node: nodes[index].id, address: nodes[index].address, incarnation: dice.next())
    nodes[index].core = Replicator(local: local, settings: settings)
    let log = nodes[index].log
    let retired = log.retired.keys.sorted().compactMap { name in
      log.retired[name].map { RetiredSegment(name: name, record: $0) }
    }
    let list = members ?? nodes.map(\.address)
    feed(
      index,
      .started(.init(vector: log.vector, retired: retired, members: list)))
  }

  mutating func crash(_ index: Int) {
    nodes[index].core = nil
    nodes[index].log.crash(using: &dice)
  }

  /// The disk is lost: the same address comes back as another node (F4).
  mutating func wipe(_ index: Int) {
    nodes[index].core = nil
    nodes[index].id = NodeID.random(using: &dice)
    nodes[index].log = FakeLog(node: nodes[index].id)
  }

  // MARK: - Time

  mutating func run(for span: Duration) {
    let end = now + span
    while let (at, happening) = queue.popFirst(upTo: end) {
      now = max(now, at)
      happen(happening)
    }
    now = end
  }

  private mutating func happen(_ happening: Happening) {
    switch happening {
    case .tick(let node, let life):
      guard nodes[node].life == life, nodes[node].core != nil else { return }
      nodes[node].tickAt = nil
      feed(node, .tick)
    case .commit(let node, let life):
      if nodes[node].life == life && nodes[node].core != nil { commit(node) }
    case .request(let to, let from, let life, let id, let bytes):
      guard nodes[to].core != nil else { return }
      lastToken += 1
      exchanges[lastToken] = Exchange(node: from, life: life, id: id)
      guard let request = try? PeerRequest(decoding: bytes) else {
        problems.append("a request that can't be decoded")
        return
      }
      feed(to, .request(Replicator.RequestToken(lastToken), request))
    case .response(let to, let life, let id, let bytes):
      guard nodes[to].life == life, nodes[to].core != nil else { return }
      guard let response = try? PeerResponse(decoding: bytes) else {
        problems.append("a response that can't be decoded")
        return
      }
      if case .ship(let answer) = response, case .gap = answer.outcome { refusedShips += 1 }
      settle(to, id)
      feed(to, .response(id, response))
    case .timeout(let node, let life, let id):
      guard nodes[node].life == life, nodes[node].core != nil else { return }
      settle(node, id)
      feed(node, .failed(id, "no answer in time"))
    }
  }

  // MARK: - The engine's part

  mutating func feed(_ index: Int, _ event: Replicator.Event) {
    guard let directives = nodes[index].core?.handle(event, at: now) else { return }
    for directive in directives { perform(index, directive) }
    guard let wakeUp = nodes[index].core?.wakeUp else { return }
    if nodes[index].tickAt.map({ $0 > wakeUp }) ?? true {
      nodes[index].tickAt = wakeUp
      queue.add(.tick(node: index, life: nodes[index].life), at: max(wakeUp, now))
    }
  }

  private mutating func perform(_ index: Int, _ directive: Replicator.Directive) {
    switch directive {
    case .send(let id, let route, let request, let timeout):
      send(index, id, to: route, request, timeout)
    case .reply(let token, let response): reply(index, token, response)
    case .read(let id, let name, let offset, let maxBytes):
      feed(index, .read(id, nodes[index].log.read(name, from: offset, maxBytes: maxBytes)))
    case .ingest(let id, let name, let offset, let bytes):
      ingest(index, id, name, offset, bytes)
    case .suspect(let address, _): nodes[index].suspected.insert(address)
    case .unsuspect(let address, _): nodes[index].suspected.remove(address)
    case .successorDurable(let name, _, let end), .peerDurable(_, let name, _, let end):
      durable(index, name, end)
    case .caughtUp:
      nodes[index].caughtUp += 1
      if nodes[index].caughtUp > 1 { problems.append("node \(index) caught up twice") }
    case .appendRetired(let record, _):
      guard let (name, retired) = nodes[index].log.appendRetired(record) else { return }
      wrote(index, name)
      feed(index, .retired([retired]))
    case .identityConflict(let conflict): nodes[index].conflicts.append(conflict)
    case .sealOpenSegment(let log): roll(index, log)
    case .doubtCopy, .note: break
    }
  }

  private mutating func ingest(
    _ index: Int, _ id: Replicator.IngestID, _ name: SegmentName, _ offset: Offset,
    _ bytes: [UInt8]
  ) {
    let before = nodes[index].log.copies[name]?.bytes.count ?? 0
    let (outcome, retired) = nodes[index].log.ingest(name, at: offset, bytes)
    if let copy = nodes[index].log.copies[name], copy.bytes.count > before {
      if let known = canonical[name] {
        if copy.bytes.count > known.count
          || copy.bytes[before...] != known[before..<copy.bytes.count]
        {
          problems.append("I2: node \(index)'s copy of \(name) is no prefix of its writer's")
        }
      } else {
        problems.append("I2: nobody wrote \(name)")
      }
      commitLater(index)
    }
    if !retired.isEmpty { feed(index, .retired(retired)) }
    feed(index, .ingested(id, outcome))
  }

  /// What a node is told to be durable elsewhere must be so on another disk.
  private mutating func durable(_ index: Int, _ name: SegmentName, _ end: Offset) {
    if end <= nodes[index].durableElsewhere[name] ?? .zero {
      problems.append("a durable end of \(name) that is no news")
    }
    nodes[index].durableElsewhere[name] = end
  }
}
