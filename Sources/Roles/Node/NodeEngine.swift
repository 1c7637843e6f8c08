import DequeModule
import LogStore
import ReplicationCore
import RolesCore

// Binds the cores of one process to its logs. It owns the order in which cores hear of things: what
// a core emits is carried out at once, facts come back to every core before anything else does, and
// requests to this very process never leave it. It promises to be a pure function of its inputs and
// its disk; it may not know clocks, sockets, threads or processes. The simulator and the production
// shell drive exactly this.

public struct NodeEngine: Sendable {
  public let settings: NodeSettings
  public let facts: Log
  public let archives: ArchiveStore

  public internal(set) var coordinator: Coordinator?
  public internal(set) var replicator: Replicator?
  public internal(set) var server: Server?
  public internal(set) var client: Client?
  var transfers = ArchiveTransfers()
  var cleaning: CleaningState
  /// Of a coordinator: which others are absent.
  var presence: Presence?
  /// What the replicator was last told of retirements.
  var knownRetirements: UInt64 = 0

  /// What waits to be delivered to a core, in order; facts go before.
  var events: Deque<CoreEvent> = []
  var arrivedFacts: Deque<FactBatch> = []
  var directives: Deque<CoreDirective> = []
  var outputs: [NodeOutput] = []

  /// Requests of others that wait for an answer, by the token that the cores know them by.
  var incoming: [UInt64: Requester] = [:]
  var tokens: [IncomingToken: UInt64] = [:]
  var nextRequest: UInt64 = 1
  /// Requests of this node that wait for an answer.
  var outgoing: [OutgoingToken: Origin] = [:]
  var exchanges: [Origin: OutgoingToken] = [:]
  var nextOutgoing: UInt64 = 1

  var now: Instant
  var wakes: [Role: Instant] = [:]
  var wokenAt: Instant?
  var persisted = LogSequence.zero
  var lastVector: [SegmentEnd] = []
  var archiveNews = ArchiveNews()
  var ringMayHaveChanged = false
  var lastRing = RingView()
  /// What was found wrong on the disk at this start and since, for people.
  var diskWarnings: [String] = []
  var diskComplaint: String?
  /// Copies that damage cut short and that are not whole again.
  var unhealed: Set<SegmentName> = []
  var isLogFull = false
  /// Why appends were refused, as it was told; nil once the log takes them again.
  var toldRefusal: String?
  var isPoisoned = false

  enum Role: UInt8, Hashable, CaseIterable, Sendable {
    case client, server, coordinator, replicator, transfers, cleaning
  }

  /// Who asked, and is answered.
  enum Requester: Hashable, Sendable {
    case network(IncomingToken)
    case local(Origin)
  }

  /// Which core's exchange a request of this node belongs to.
  enum Origin: Hashable, Sendable {
    case client(ExchangeID)
    case server(ExchangeID)
    case replicator(Replicator.ExchangeID)
    case transfer(TransferQuestion)
  }

  enum CoreEvent: Sendable {
    case client(Client.Event)
    case server(Server.Event)
    case coordinator(Coordinator.Event)
    case replicator(Replicator.Event)
    /// A message for this node, from a requester that waits for the answer.
    case request(UInt64, Message)
    case answer(Origin, Message)
    case failure(Origin, String)
  }

  enum CoreDirective: Sendable {
    case client(Client.Directive)
    case server(Server.Directive)
    case coordinator(Coordinator.Directive)
    case replicator(Replicator.Directive)
    case transfer(TransferStep)
  }

  // MARK: the loop

  /// Takes one input and returns all that is to be done about it.
  public mutating func handle(_ input: NodeInput, at now: Instant) -> [NodeOutput] {
    self.now = max(self.now, now)
    take(input)
    settle()
    let result = outputs
    outputs.removeAll(keepingCapacity: true)
    return result
  }

  /// Carries out directives first, then delivers facts, then events, until nothing is left. So
  /// between a core's `.append` and its facts no other event reaches any core.
  mutating func settle() {
    while true {
      if let directive = directives.popFirst() {
        carryOut(directive)
      } else if let batch = arrivedFacts.popFirst() {
        deliver(batch)
      } else if let event = events.popFirst() {
        deliver(event)
      } else if !finishTurn() {
        break
      }
    }
    rememberWake()
  }

  private mutating func take(_ input: NodeInput) {
    switch input {
    case .tick: tick()
    case .request(let token, let payload): receive(payload, from: token)
    case .requestGone(let token): forget(token)
    case .response(let token, let payload): answered(token, payload)
    case .sendFailed(let token, let reason): failed(token, reason)
    case .leave:
      events.append(.server(.leave))
      events.append(.replicator(.leave))
    case .committed: logAdvanced()
    case .client(let event): events.append(.client(event))
    case .server(let event): events.append(.server(event))
    }
  }

  private mutating func deliver(_ event: CoreEvent) {
    switch event {
    case .client(let event):
      guard client != nil else { return }
      enqueue(client?.handle(event, at: now)) { .client($0) }
    case .server(let event):
      enqueue(server?.handle(event, at: now)) { .server($0) }
    case .coordinator(let event):
      enqueue(coordinator?.handle(event, at: now)) { .coordinator($0) }
    case .replicator(let event):
      enqueue(replicator?.handle(event, at: now)) { .replicator($0) }
      ringMayHaveChanged = true
    case .request(let id, let message): serve(message, as: id)
    case .answer(let origin, let message): deliverAnswer(message, to: origin)
    case .failure(let origin, let reason): deliverFailure(reason, to: origin)
    }
  }

  private mutating func enqueue<Directive>(
    _ list: [Directive]?, _ wrap: (Directive) -> CoreDirective
  ) {
    guard let list else { return }
    for directive in list { directives.append(wrap(directive)) }
  }

  private mutating func carryOut(_ directive: CoreDirective) {
    switch directive {
    case .client(let directive): carryOut(directive)
    case .server(let directive): carryOut(directive)
    case .coordinator(let directive): carryOut(directive)
    case .replicator(let directive): carryOut(directive)
    case .transfer(let step): carryOut(step)
    }
  }

  /// After `.leave`: nothing more is to be waited for before the process ends.
  public var hasLeft: Bool { (server?.hasLeft ?? true) && (replicator?.hasLeft ?? true) }

  // MARK: time

  /// Which roles want to be woken by then, for a simulator that looks for what never rests.
  package func wakers(by instant: Instant) -> [String] {
    Role.allCases.filter { role in wakes[role].map { $0 <= instant } ?? false }.map { "\($0)" }
  }

  private mutating func tick() {
    for role in Role.allCases {
      guard let due = wakes[role], due <= now else { continue }
      wakes[role] = nil
      switch role {
      case .client: events.append(.client(.tick))
      case .server: events.append(.server(.tick))
      case .coordinator: events.append(.coordinator(.tick))
      case .replicator: events.append(.replicator(.tick))
      case .transfers: run(transfers.tick(at: now))
      case .cleaning: clean()
      }
    }
    logAdvanced()
  }

  /// Tells the driver when it is wanted next, if that changed.
  private mutating func rememberWake() {
    wakes[.transfers] = transfers.nextRetry
    wakes[.replicator] = replicator?.wakeUp
    guard let next = wakes.values.min(), next != wokenAt || next <= now else { return }
    wokenAt = next
    outputs.append(.wake(at: next))
  }

  /// What is looked at once, when a turn's events are all delivered. True if that made new ones.
  private mutating func finishTurn() -> Bool {
    if ringMayHaveChanged {
      ringMayHaveChanged = false
      updateRing()
    }
    return !events.isEmpty
  }
}
