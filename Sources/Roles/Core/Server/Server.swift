// A server: pulls work, runs it, keeps each result in its own log until enough coordinators have
// it. It goes on while no coordinator answers, and compares what it holds with any that does. This
// file owns the state and the order of work in one turn; the extensions beside it own one concern
// each. It knows nothing of sockets, files, processes and clocks.
//
// Under way are: one poll (heartbeat, pull and long poll in one), or two when the server wants more
// than the waiting one said (the later supersedes it); and one delivery of results, which takes all
// that gathered since the last.

import DequeModule
import LogStore
import ReplicationCore

public struct Server: Sendable {
  let settings: ServerSettings
  public let node: NodeID
  /// Identities that its directory had before: the results in its log under these are its to bring.
  private let former: Set<NodeID>
  var offer = Offer(slots: 0, prefetch: 0, services: [])
  var dice = Dice(seed: 0)
  var incarnation: UInt64 = 0
  var isStarted = false

  var tasks: [TaskName: ServerTask] = [:]
  /// Those that have all they need, in the order in which they got it.
  var queue: Deque<TaskName> = []
  /// Slots that are taken.
  var runningCount = 0
  var fetches = ArchiveFetches()

  /// Ends of tasks that the log doesn't have yet, oldest first.
  var unlogged: [Unlogged] = []
  /// How many of them are being appended.
  var appendingCount = 0
  var logRetryAt: Instant?
  /// Why the log took no results, as it was told.
  var toldLogRefusal: String?
  var held = HeldResults()
  var shelf: RecordShelf<TaskName>
  var gate = DurabilityGate<TaskName>()
  /// Appended, not durable: told as running.
  var logging: Set<TaskName> = []
  /// Before the start: tasks that were given to this node and have no end in the log.
  var unended: [TaskName: Assigned] = [:]

  var coordinators = CoordinatorList()
  var polls: [Poll] = []
  var leaving = Leaving.no
  var delivery: Delivery?
  var puts = ArchivePuts()
  var loading: [TaskName] = []
  var sequence: UInt64 = 0
  var pace = Pace()
  var refusals = Refusals()
  var nextExchange = ExchangeID(1)
  var toldWake: Instant?
  var toldConflict = false

  public init(
    node: NodeID, former: Set<NodeID> = [], _ settings: ServerSettings = ServerSettings()
  ) {
    self.node = node
    self.former = former
    self.settings = settings
    shelf = RecordShelf(budget: settings.memoryBudget)
  }

  func isMine(_ server: NodeID) -> Bool { server == node || former.contains(server) }

  public mutating func handle(_ event: Event, at now: Instant) -> [Directive] {
    var out: [Directive] = []
    switch event {
    case .started(let offer, let addresses, let dice): start(offer, addresses, dice)
    case .coordinators(let addresses): coordinators.merge(addresses)
    case .facts(let batch): fold(batch, &out)
    case .persisted(let sequence): gate.persisted(through: sequence)
    case .appendRefused(let reason): appendRefused(reason, at: now, &out)
    case .loaded(let records): loaded(records, &out)
    case .answer(let exchange, let response): answered(exchange, response, at: now, &out)
    case .delivered(let exchange, let response): delivered(exchange, response, at: now, &out)
    case .failed(let exchange): exchangeFailed(exchange, at: now, &out)
    case .taskStarted: break
    case .taskEnded(let task, let outcome): ended(task, outcome, &out)
    case .archiveFetched(let archive): fetched(archive)
    case .archiveUnavailable(let archive, let isAbsent):
      unavailable(archive, isAbsent: isAbsent, at: now, &out)
    case .archiveStored(let archive): stored(archive, &out)
    case .archiveNotStored(let archive, let reason): notStored(archive, reason, at: now, &out)
    case .leave: leave(at: now, &out)
    case .tick: break
    }
    if isStarted { work(at: now, &out) }
    return out
  }

  /// All that may be done now, whatever the event was.
  private mutating func work(at now: Instant, _ out: inout [Directive]) {
    logEnds(at: now, &out)
    takeDurable()
    expireExchanges(at: now, &out)
    if leaving == .no {
      startTasks(&out)
      startFetches(at: now, &out)
      startDelivery(at: now, &out)
      startPoll(at: now, &out)
    }
    tellWake(at: now, &out)
  }

  private mutating func start(_ offer: Offer, _ addresses: [String], _ dice: Dice) {
    guard !isStarted else { return }
    isStarted = true
    self.offer = offer
    self.offer.services.sort()
    self.dice = dice
    incarnation = self.dice.next() | 1
    coordinators.merge(addresses)
    failUnended()
  }

  mutating func drawExchange() -> ExchangeID {
    defer { nextExchange = ExchangeID(nextExchange.value + 1) }
    return nextExchange
  }
}
