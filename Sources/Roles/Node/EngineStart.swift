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
    let (facts, report) = try Log.open(
      directory.facts, on: fs, node: directory.node, log: .facts, options: settings.factsLog,
      entropy: &dice
    ) { _, _, _ in }
    let (archives, archiveReport) = try ArchiveStore.open(
      directory.archives, on: fs, node: directory.node, options: settings.archivesLog,
      entropy: &dice)
    var engine = NodeEngine(
      facts: facts, archives: archives, settings: settings, former: directory.former, now: now)
    for finding in report.incidents + archiveReport.incidents { engine.warn("\(finding)") }
    engine.noteUnhealed()
    try engine.start(dice: &dice)
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

  private mutating func start(dice: inout Dice) throws(LogError) {
    if var coordinatorSettings = settings.coordinator {
      coordinatorSettings.lostAfter = settings.lostAfter
      coordinatorSettings.adoptAfter = settings.adoptAfter
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
      server = Server(
        node: facts.node, former: cleaning.formerNodes, serverSettings)
    }
    if let clientSettings = settings.client { client = Client(clientSettings) }
    settle()
    try foldRecovered()
    startRoles(dice: &dice)
  }

  /// A batch at a time, so that a log larger than the memory can be started from: what the cores
  /// keep of it is what is live.
  private mutating func foldRecovered() throws(LogError) {
    var first: Position?
    var records: [Record] = []
    try facts.replay { position, kind, payload in
      // Records come in runs: what is dead between them may be missing.
      let isNext =
        first.map { Position(segment: $0.segment, ordinal: $0.ordinal + records.count) == position }
        ?? false
      if !isNext || records.count >= Self.recoveryBatch { fold(&records, from: first) }
      if records.isEmpty { first = position }
      records.append(Record(kind: kind, payload: [UInt8](payload)))
    }
    fold(&records, from: first)
  }

  private mutating func fold(_ records: inout [Record], from first: Position?) {
    guard let first, !records.isEmpty else { return }
    arrivedFacts.append(
      FactBatch(
        segment: first.segment, firstOrdinal: first.ordinal, records: records, sequence: .zero))
    records.removeAll(keepingCapacity: true)
    settle()
  }

  private mutating func startRoles(dice: inout Dice) {
    let coordinators = settings.coordinators
    if let ledger = coordinator?.ledger {
      lastVector = facts.vector() + archives.log.vector()
      presence = Presence(
        facts.notedUptimes, holding: lastVector.map(\.name.node).filter { $0 != facts.node },
        adoptAfter: settings.adoptAfter, at: now)
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
