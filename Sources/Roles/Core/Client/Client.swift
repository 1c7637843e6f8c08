// The client of one session: logs each call, ships it, and brings its result, through any number
// of restarts and coordinators. This file owns the state and the order of work in one turn; the
// extensions beside it own one concern each. It knows nothing of sockets, files and clocks.
//
// Two exchanges are under way at most: one that brings submissions and controls to the coordinator
// (sync), one that waits there for results (poll). All that gathers while the first is under way
// travels in the next.

import DequeModule
import LogStore
import ReplicationCore

public struct Client: Sendable {
  let settings: ClientSettings
  var dice = Dice(seed: 0)
  var incarnation: UInt64 = 0
  var isStarted = false

  // What the own log says.
  var calls: [CallCounter: ClientCall] = [:]
  /// Other digests under the same counter in the own log (a twin's, in a shared log).
  var alternatives: [CallCounter: [Digest]] = [:]
  var shelf: RecordShelf<ClientRecordKey>
  var released = CounterRanges()
  var releases = ReleaseLedger()
  var isOpened = false
  var gate = DurabilityGate<PendingReturn>()

  // What the program did in this run.
  var submittedThrough = CallCounter.zero
  var waitingSubmits: Deque<WaitingSubmit> = []
  var appending: Appending?
  var divergence: Divergence?
  var attachment: Attachment?
  var isEnding = false
  var isFlushing = false
  /// Submits wait for a place after all that is known.
  var goesOn = false
  /// Submitted and not answered: what polls ask for.
  var missing = CounterRanges()
  /// Missing too, but failed as often as they may.
  var exhausted = CounterRanges()
  /// Another result than the collected one was given: where in the outbox the collection was put
  /// again.
  var disputed: [CallCounter: UInt64] = [:]
  var unlogged = UnloggedControls()
  /// To be released with the next batch, and since when.
  var pendingRelease = CounterRanges()
  var pendingReleaseSince: Instant?
  /// Cancels that wait for the call's digest; only if attached.
  var pendingCancels = CounterRanges()

  // What the present coordinator knows.
  var coordinators = CoordinatorList()
  var contact = Contact()
  var safeThrough = CallCounter.zero
  var outbox = ControlOutbox()
  var history = DigestHistory()
  var archives = ArchivePuts()
  var sync: SyncExchange?
  var poll: PollExchange?
  var pace = PollPace()
  var loading: [ClientRecordKey] = []
  var nextExchange = ExchangeID(1)

  // What was told last.
  var toldProgress = Progress()
  var toldWake: Instant?
  var toldConflict = false
  var toldAttached: CallCounter?
  var lastReleasedAnswer: [ClosedRange<CallCounter>] = []

  public init(_ settings: ClientSettings) {
    self.settings = settings
    shelf = RecordShelf(budget: settings.memoryBudget)
  }

  public mutating func handle(_ event: Event, at now: Instant) -> [Directive] {
    var out: [Directive] = []
    switch event {
    case .started(let addresses, let dice): start(addresses, dice, at: now)
    case .coordinators(let addresses): coordinators.merge(addresses)
    case .facts(let batch): fold(batch, at: now, &out)
    case .persisted(let sequence): gate.persisted(through: sequence)
    case .appendRefused(let reason): appendRefused(reason, at: now, &out)
    case .loaded(let records): loaded(records, &out)
    case .submit(let ticket, let spec, let wallTime):
      isFlushing = false
      waitingSubmits.append(WaitingSubmit(ticket: ticket, spec: spec, wallTime: wallTime))
    case .goOn: goesOn = submittedThrough == .zero && attachment == nil
    case .attach(let wantsResults): attach(wantsResults: wantsResults)
    case .collect(let counter, let result): collect(counter, result, at: now)
    case .cancel(let counter): cancel(counter, at: now, &out)
    case .cancelAll: cancelAll()
    case .release(let ranges): release(ranges, at: now)
    case .endSession: endSession(at: now)
    case .flush: isFlushing = true
    case .pauseResults(let paused): pace.isPaused = paused
    case .response(let exchange, let response): answered(exchange, response, at: now, &out)
    case .failed(let exchange): exchangeFailed(exchange, at: now, &out)
    case .archiveStored(let archive): archiveStored(archive, &out)
    case .archiveFailed(let archive, let reason): archiveFailed(archive, reason, at: now, &out)
    case .tick: break
    }
    work(at: now, &out)
    return out
  }

  /// All that may be done now, whatever the event was.
  private mutating func work(at now: Instant, _ out: inout [Directive]) {
    guard isStarted else { return }
    returnDurable(&out)
    flushReleases(at: now)
    appendControls(at: now, &out)
    takeSubmits(&out)
    expireExchanges(at: now, &out)
    startSync(at: now, &out)
    startPoll(at: now, &out)
    tellProgress(&out)
    tellWake(at: now, &out)
  }

  private mutating func start(_ addresses: [String], _ dice: Dice, at now: Instant) {
    guard !isStarted else { return }
    isStarted = true
    self.dice = dice
    incarnation = self.dice.next() | 1
    coordinators.merge(addresses)
    // A session that nobody can know yet needs no question before the first submission.
    contact.lastSync = now
    contact.isKnown = settings.isNewSession && calls.isEmpty
  }

  func name(_ counter: CallCounter) -> CallName {
    CallName(session: settings.session, counter: counter)
  }

  mutating func drawExchange() -> ExchangeID {
    defer { nextExchange = ExchangeID(nextExchange.value + 1) }
    return nextExchange
  }
}
