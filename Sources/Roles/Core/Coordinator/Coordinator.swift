import DequeModule
import LogStore
import ReplicationCore

// The coordinator's protocol (DESIGN, Roles): accepts calls, gives them to servers, keeps results
// until clients took them, re-schedules on suspicion. It promises that nothing is said before what
// DESIGN's durability table demands is durable, and that a call known as finished is not given out.
// It never folds what it emits: its own facts come back as events like anybody's. It may not know
// clocks, sockets or disks.
//
// The parts: Acceptance (clients' records), ClientAnswers and ResultDelivery (long polls),
// Scheduling (which call is runnable), Assigning (calls to servers), ServerExchange and
// ResultsExchange (servers), Owners (other coordinators' tasks), ArchivesNeeded, LostResults,
// OperatorAnswers and Why.

public struct Coordinator: Sendable {
  public let settings: CoordinatorSettings
  public internal(set) var ledger: Ledger

  var identity: CoordinatorIdentity?
  var startedAt = Instant.zero
  var now = Instant.zero
  /// Everything up to here is durable.
  var durable = LogSequence.zero
  var isCaughtUp = false
  var isLogFull = false
  var ring = RingView()

  var calls: [CallKey: CallTrack] = [:]
  var sessions: [SessionName: SessionTrack] = [:]
  var tasks: [TaskName: TaskTrack] = [:]
  var servers: [NodeID: ServerEntry] = [:]
  /// Servers by the time they were last heard at, for eviction and for people.
  var silence = SortedSet<Silence>()
  /// The server that reports a task as waiting, running or held.
  var reporters: [TaskName: NodeID] = [:]
  /// What this core had to say by itself and the full log refused: said when there is room again.
  var unsaid: [Record] = []
  /// Open tasks by the server that they were assigned to, whoever did.
  var assignedTo: [NodeID: SortedSet<TaskName>] = [:]
  var owners = OwnerTable()
  /// What was told of the archives that calls want.
  var archives: [ArchiveID: ArchiveState] = [:]
  /// Calls that want an archive.
  var archiveUsers: [ArchiveID: SortedSet<CallKey>] = [:]
  /// The greatest number of records that another coordinator holds durably of a segment.
  var peersDurable: [SegmentName: Ordinal] = [:]

  var runQueue = RunQueue()
  var waiting = WaitingServers()
  var nextArrival: UInt64 = 1
  var nextTask: UInt64 = 1
  var answersWithWork: UInt64 = 0

  var agenda = Agenda()
  var wokenAt: Instant?
  var parked: [RequestToken: Parked] = [:]
  /// Requests by the sequence that must be durable before they go on.
  var durabilityQueue = SortedSet<DurabilityWait>()
  /// Client requests by the record that must be durable elsewhere before they are looked at again.
  var safetyWaits: [SegmentName: SortedSet<SafetyWait>] = [:]
  /// Appended records that have not come back as facts, with the requests that wait for them.
  var outbox: Deque<Outgoing> = []

  /// What the present event touched; looked at once, at its end.
  var dirtyServices = SortedSet<ServiceKey>()
  var dirtyServers = SortedSet<NodeID>()
  var dirtySessions = SortedSet<SessionName>()

  var directives: [Directive] = []

  public init(settings: CoordinatorSettings = CoordinatorSettings()) {
    self.settings = settings
    ledger = Ledger(plantedBugs: settings.ledgerBugs)
  }

  public mutating func handle(_ event: Event, at now: Instant) -> [Directive] {
    self.now = max(self.now, now)
    switch event {
    case .started(let identity): start(as: identity)
    case .facts(let batch): take(batch)
    case .persisted(let sequence): persisted(through: sequence)
    case .clientRequest(let token, let request): receive(request, as: token)
    case .serverRequest(let token, let request): receive(request, as: token)
    case .resultsRequest(let token, let request): receive(request, as: token)
    case .operatorRequest(let token, let request): receive(request, as: token)
    case .requestGone(let token): forget(token)
    case .archive(let id, let state): archive(id, became: state)
    case .segmentDeleted(let segment): segmentDeleted(segment)
    case .peerDurable(let segment, let records): peer(holds: records, of: segment)
    case .ring(let view): ringBecame(view)
    case .neighbourAnswered: neighbourAnswered()
    case .caughtUp: caughtUp()
    case .logFull(let isFull): logBecame(full: isFull)
    case .appendRefused(let refusal): appendRefused(refusal)
    case .tick: break
    }
    runAlarms()
    settle()
    wake()
    var result: [Directive] = []
    swap(&result, &directives)
    return result
  }

  // MARK: The start

  private mutating func start(as identity: CoordinatorIdentity) {
    self.identity = identity
    startedAt = now
    ring = identity.ring
    owners.note(ring, self: identity.node, at: now)
    agenda.set(.catchUp, at: now + settings.suspicionTimeout)
    agenda.set(.report, at: now + settings.suspicionTimeout)
    agenda.set(.alive, at: now + settings.adoptAfter / 8)
  }

  /// So that its segments grow, though nothing else happens.
  private mutating func sayAlive() {
    agenda.set(.alive, at: now + settings.adoptAfter / 8)
    guard let identity, !isLogFull else { return }
    let count = (ledger.aliveCount(of: identity.node) ?? 0) + 1
    append(.alive(Alive(node: identity.node, count: count)))
  }

  /// Catching up goes on, for as long as what is missing could be given up for lost.
  private mutating func neighbourAnswered() {
    guard !isCaughtUp, now < startedAt + settings.lostAfter else { return }
    agenda.set(.catchUp, at: now + settings.suspicionTimeout)
  }

  mutating func caughtUp() {
    guard !isCaughtUp else { return }
    isCaughtUp = true
    agenda.cancel(.catchUp)
    for name in sessions.keys.sorted() where sessions[name]?.polls.isEmpty == false {
      dirtySessions.insert(name)
    }
    for server in servers.keys.sorted() where servers[server]?.poll != nil {
      dirtyServers.insert(server)
    }
  }

  // MARK: The log

  private mutating func logBecame(full isFull: Bool) {
    guard isFull != isLogFull else { return }
    isLogFull = isFull
    note(isFull ? "the log is full: no new calls are taken" : "the log has room again")
    if isFull {
      appendRefused(Refusal(.logFull, "the coordinator's log is full"))
    } else {
      let records = unsaid
      unsaid = []
      outbox += records.map { Outgoing(record: $0) }
      emit(records)
      for server in servers.keys.sorted() where servers[server]?.poll != nil {
        dirtyServers.insert(server)
      }
    }
  }

  /// What is still in the outbox never comes back as a fact.
  private mutating func appendRefused(_ refusal: Refusal) {
    let refused = outbox
    outbox = []
    for outgoing in refused {
      if let task = outgoing.task, let key = outgoing.call, calls[key]?.assigning == task {
        calls[key]?.assigning = nil
        reconsider(key)
      }
      if let token = outgoing.token {
        refuse(token, refusal)
      } else if outgoing.task == nil, unsaid.count < settings.unsaidLimit {
        unsaid.append(outgoing.record)
      }
    }
  }

  // MARK: Time

  private mutating func runAlarms() {
    while let alarm = agenda.popDue(at: now) {
      switch alarm {
      case .catchUp: caughtUp()
      case .report: earlierStartsWereReported()
      case .alive: sayAlive()
      case .poll(let token): pollEnded(token)
      case .server(let server): checkSilence(of: server)
      case .call(let key): reconsider(key)
      case .missed(let key): giveUpMissed(key)
      case .absent(let id): giveUpAbsent(id)
      case .owner(let owner): reconsiderTasks(of: owner)
      }
    }
  }

  /// Gives out what became runnable and answers whom the event touched.
  private mutating func settle() {
    assignDirtyServices()
    answerDirtyServers()
    answerDirtySessions()
  }

  private mutating func wake() {
    guard let next = agenda.next else { return }
    if let wokenAt, wokenAt == next, wokenAt > now { return }
    wokenAt = next
    directives.append(.wakeAt(next))
  }

  mutating func note(_ text: String) { directives.append(.note(text)) }

  /// Whether calls may be given out and results handed out.
  var isServing: Bool { identity != nil && isCaughtUp }
}
