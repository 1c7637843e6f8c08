import LogStore
import ReplicationCore
import RolesCore

// From a directory to a running engine: identity, recovery, and the recovered facts told to the
// cores.

extension NodeEngine {
  /// A fold at the start hands over so many records at a time.
  static let recoveryBatch = 1024

  /// Opens the logs of `directory` and starts the cores. Everything recovered is durable and folded
  /// when this returns; `first` is to be carried out before any input's outputs.
  public static func open(
    _ directory: NodeDirectory, on fs: any FileSystem, settings: NodeSettings, dice: inout Dice,
    at now: Instant
  ) throws(LogError) -> (engine: NodeEngine, first: [NodeOutput]) {
    var settings = settings
    settings.factsLog.reserveKinds.formUnion(NodeSettings.reserveKinds)
    var gathered = RecoveredFacts(limit: recoveryBatch)
    let (facts, report) = try Log.open(
      directory.facts, on: fs, node: directory.node, log: .facts, options: settings.factsLog,
      entropy: &dice
    ) { position, kind, payload in gathered.add(position, kind, payload) }
    let (archives, archiveReport) = try ArchiveStore.open(
      directory.archives, on: fs, node: directory.node, options: settings.archivesLog,
      entropy: &dice)
    var engine = NodeEngine(
      facts: facts, archives: archives, settings: settings, former: directory.former, now: now)
    engine.recoveryWarnings = (report.incidents + archiveReport.incidents).map(\.description)
    for warning in engine.recoveryWarnings { engine.outputs.append(.warning(warning)) }
    engine.start(with: gathered.batches, dice: &dice)
    engine.settle()
    let first = engine.outputs
    engine.outputs = []
    return (engine, first)
  }

  private init(
    facts: Log, archives: ArchiveStore, settings: NodeSettings, former: [NodeID], now: Instant
  ) {
    self.facts = facts
    self.archives = archives
    self.settings = settings
    self.now = now
    cleaning = CleaningState(of: facts, archives.log, settings, former, now)
  }

  private mutating func start(with batches: [FactBatch], dice: inout Dice) {
    if let coordinatorSettings = settings.coordinator {
      let info = PeerInfo(
        node: facts.node, address: settings.address, incarnation: facts.startNonce.value)
      replicator = Replicator(local: info, settings: settings.replication)
      coordinator = Coordinator(settings: coordinatorSettings)
      var ring = RingView()
      ring.listed = Set(settings.coordinators + [settings.address]).count
      ring.addresses = [settings.address]
      lastRing = ring
      events.append(
        .coordinator(
          .started(
            CoordinatorIdentity(
              node: facts.node, start: facts.startNonce, wallTime: settings.wallTime, ring: ring))))
    }
    if let (serverSettings, _) = settings.server {
      server = Server(node: facts.node, serverSettings)
    }
    if let clientSettings = settings.client { client = Client(clientSettings) }
    settle()
    for batch in batches { arrivedFacts.append(batch) }
    settle()
    startRoles(dice: &dice)
  }

  private mutating func startRoles(dice: inout Dice) {
    let coordinators = settings.coordinators
    if let ledger = coordinator?.ledger {
      lastVector = facts.vector() + archives.log.vector()
      events.append(
        .replicator(
          .started(
            Replicator.Start(
              vector: lastVector, opened: [facts.openSegment, archives.log.openSegment],
              retired: retiredSegments, floors: ownerFloors,
              members: coordinators.filter { $0 != NodeSettings.localAddress },
              removed: ledger.removedNodes))))
    }
    if let (_, offer) = settings.server {
      events.append(.server(.started(offer, coordinators: coordinators, dice: dice.fork())))
    }
    if client != nil {
      events.append(.client(.started(coordinators: coordinators, dice: dice.fork())))
    }
    knownRetirements = retirementRevision
    wakes[.cleaning] = now
  }
}

/// Recovered records, gathered into batches of neighbours.
private struct RecoveredFacts {
  let limit: Int
  private(set) var batches: [FactBatch] = []

  init(limit: Int) { self.limit = limit }

  mutating func add(_ position: Position, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    let record = Record(kind: kind, payload: [UInt8](payload))
    if let last = batches.last, last.records.count < limit,
      last.position(last.records.count) == position
    {
      batches[batches.count - 1].records.append(record)
      return
    }
    batches.append(
      FactBatch(
        segment: position.segment, firstOrdinal: position.ordinal, records: [record],
        sequence: .zero))
  }
}
