import LogStore

/// Replication between coordinators as a value: vectors, ring, shipping, pulling, suspicion. Events
/// in, directives out; no clock, no I/O. It knows how far each segment reaches here and there,
/// never what stands in it. All that it knows of peers is learned anew after a restart of either
/// side; what must survive stands in the log. Every table, queue and window is bounded by the
/// settings.
///
/// The concerns are in extensions: Syncing (vectors), Shipping, Receiving, Pulling, Probing (ring
/// and suspicion), Departure, Identity.
public struct Replicator: Sendable {
  public let settings: ReplicationSettings
  public let local: PeerInfo

  // What is known here.
  var vector = SegmentVector()
  var retirements = KnownRetirements()
  var membership: Membership
  var detector: FaultDetector
  var ring: Ring

  // The successor, what it is known to hold, and what it is sent.
  var successor: RingMember?
  var view: PeerView?
  var outbox: Outbox
  /// Shipped by earlier outboxes and not yet answered.
  var orphanBytes = 0

  var exchanges = Exchanges()
  var inbox = Inbox()
  var pulls: Pulls
  var catchUp = CatchUp()
  /// The furthest durable end of each segment that any other node told.
  var durableElsewhere: [SegmentName: (records: Ordinal, end: Offset)] = [:]

  // Time.
  var now = Instant.zero
  var nextSync = Instant.distantFuture
  var nextRound = Instant.distantFuture
  var nextShip = Instant.zero
  var lastSync: Instant?
  var lastPredecessor = Instant.zero
  /// Failed exchanges with the successor in a row.
  var failures = 0

  // What was said already.
  var suspicions: [Suspicion] = []
  /// For people, of the routes asked; an answer clears it.
  var lastFailures: [String: String] = [:]
  var conflict: IdentityConflict?
  /// Why the own logs took nothing of what was fetched, until they take something.
  var toldUnstored: [LogKind: String] = [:]
  var opened: [SegmentName] = []
  var sealed: Set<SegmentName> = []
  var appended: Set<SegmentName> = []
  var rotation = ""

  /// The incarnation that said farewell, of the members whose last answer was its.
  var farewells: [NodeID: UInt64] = [:]
  var isLeaving = false

  /// Grows whenever ring, membership or suspicions may have changed: who shows them need look only
  /// then.
  public internal(set) var ringChanges: UInt64 = 0

  var hasStarted = false
  /// Counts events; orders a peer's words.
  var turn: UInt64 = 0
  private var directives: [Directive] = []

  public init(local: PeerInfo, settings: ReplicationSettings = ReplicationSettings()) {
    self.local = local
    self.settings = settings
    membership = Membership(local: local, limit: min(settings.memberLimit, WireLimits.members))
    detector = FaultDetector(
      timeout: settings.suspicionTimeout, firstTimeout: settings.firstTimeout)
    ring = Ring(local: local, membership: membership) { _ in false }
    outbox = Outbox(settings, generation: 0)
    pulls = Pulls(settings)
  }

  public mutating func handle(_ event: Event, at now: Instant) -> [Directive] {
    self.now = max(self.now, now)
    turn += 1
    apply(event)
    if hasStarted {
      runTimers()
      pumpShips()
      pumpPulls()
    }
    let result = directives
    directives = []
    return result
  }

  /// When the next `.tick` is due.
  public var wakeUp: Instant {
    var next = min(nextSync, nextRound)
    if let held = inbox.held.first { next = min(next, held.deadline) }
    return next
  }

  private mutating func apply(_ event: Event) {
    switch event {
    case .started(let start): begin(start)
    case .tick: break
    case .logChanged(let ends):
      for end in ends { logChanged(end) }
    case .segmentGone(let name): forget(name)
    case .retired(let retired):
      for segment in retired { learnedRetired(segment) }
    case .floors(let floors):
      for floor in floors { learnedFloor(floor) }
    case .heardOf(let addresses):
      membership.merge(addresses, at: self.now)
      refreshRing()
    case .removed(let node): remove(node)
    case .leave: leave()
    case .doubted(let address):
      if detector.suspect(address) { refreshRing() }
    case .request(let token, let request): answer(request, token)
    case .response(let id, let response): responded(id, response)
    case .failed(let id, let reason): failed(id, reason)
    case .read(let id, let outcome): didRead(id, outcome)
    case .ingested(let id, let outcome): ingested(id, outcome)
    }
  }

  private mutating func begin(_ start: Start) {
    guard !hasStarted else { return }
    hasStarted = true
    for end in start.vector { vector.set(end) }
    opened = start.opened
    for segment in start.retired { learnedRetired(segment) }
    for floor in start.floors { learnedFloor(floor) }
    for node in start.removed { _ = membership.remove(node) }
    membership.list(start.members, at: now)
    lastPredecessor = now
    nextSync = now
    nextRound = now
    refreshRing()
  }

  /// Own writes, ingests and commits: one path for all news of the log.
  mutating func logChanged(_ end: SegmentEnd) {
    let before = vector.end(of: end.name)
    vector.set(end)
    guard hasStarted else { return }
    releaseHeld(of: end.name)
    if before?.end == end.end { return }
    if settings.shipEvery == nil { offer(end) }
    if catchUp.holds(end.name, upTo: end.end) { emit(.caughtUp) }
  }

  /// This node's copy was deleted.
  private mutating func forget(_ name: SegmentName) {
    vector.remove(name)
    outbox.remove(name)
    durableElsewhere[name] = nil
    releaseHeld(of: name)
  }

  private mutating func runTimers() {
    if now >= nextRound {
      nextRound = now + settings.heartbeatPeriod
      makeRound()
    }
    if now >= nextSync { syncWithSuccessor() }
    releaseHeld(of: nil)
  }

  // MARK: - Exchanges

  mutating func emit(_ directive: Directive) { directives.append(directive) }

  mutating func note(_ text: String) { emit(.note(text)) }

  mutating func send(
    _ request: PeerRequest, to route: String, timeout: Duration, _ context: Exchange.Context
  ) -> ExchangeID {
    let id = exchanges.begin(to: route, at: now, timeout: timeout, context)
    detector.asked(route, at: now)
    emit(.send(id, to: route, request, timeout: timeout))
    return id
  }

  private mutating func responded(_ id: ExchangeID, _ response: PeerResponse) {
    guard let exchange = exchanges.end(id) else { return }
    heard(exchange.route)
    switch (exchange.context, response) {
    case (.sync(let context), .sync(let response)): synced(exchange, context, response)
    case (.ship(let context), .ship(let response)): shipped(exchange, context, response)
    case (.fetch(let name, let offset), .fetch(let response)):
      fetched(exchange, name, offset, response)
    case (_, .unsupported(let reason)):
      note("\(exchange.route) does not serve our request: \(reason)")
      broken(exchange)
    default:
      note("\(exchange.route) answered with another kind of message than was asked for")
      broken(exchange)
    }
  }

  mutating func failed(_ id: ExchangeID, _ reason: String) {
    guard let exchange = exchanges.end(id) else { return }
    lastFailures[exchange.route] = reason
    broken(exchange)
  }

  /// Nothing useful came of it.
  private mutating func broken(_ exchange: Exchange) {
    switch exchange.context {
    case .sync: break
    case .ship(let context): lost(context)
    case .fetch(let name, _): lostFetch(name, exchange)
    }
    if exchange.route == successor?.route {
      failures += 1
      syncSoon()
    }
  }

  /// A Sync before its time, but never in a tight loop.
  mutating func syncSoon() {
    let delay = min(settings.heartbeatPeriod, settings.retryDelay * (1 << min(failures, 10)))
    let earliest = lastSync.map { max(now, $0 + delay) } ?? now
    nextSync = min(nextSync, earliest)
  }

  func isReplicated(_ log: LogKind) -> Bool { log == .facts || settings.replicatesArchives }

  private mutating func answer(_ request: PeerRequest, _ token: RequestToken) {
    guard hasStarted else {
      emit(.reply(token, .unsupported("this coordinator has not started yet")))
      return
    }
    switch request {
    case .sync(let request): answer(request, token)
    case .ship(let request): receive(request, token)
    case .fetch(let request): serve(request, token)
    case .unsupported:
      emit(.reply(token, .unsupported("this version does not know that request")))
    }
  }
}
