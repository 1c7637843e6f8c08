import LogStore
import ReplicationCore

@testable import RolesCore

/// The engine and the log around one client: appends what it asks for, brings the facts back, says
/// what is durable, and keeps what it said. Time stands still unless a test moves it.
struct ClientBench {
  struct Sent {
    var id: ExchangeID
    var address: String
    var request: ClientRequest
    var timeout: Duration
  }

  var settings: ClientSettings
  var client: Client
  var now = Instant.ms(1000)
  var log: [Record] = []
  var sequence = LogSequence.zero
  var durable = LogSequence.zero
  /// Facts are durable at once.
  var persistsAtOnce = true
  var refusesAppends = false
  var segment = SegmentName(
    node: Example.node, log: .facts, serial: Serial(1), nonce: Nonce(1))

  var inFlight: [Sent] = []
  /// Everything the client asked for that the bench doesn't carry out itself.
  var said: [Client.Directive] = []
  var loads = 0
  var violations: [String] = []
  private var nextTicket: UInt64 = 1

  init(
    strategy: LoggingStrategy = .nonBlocking, mode: SessionMode = .keep, isNew: Bool = false,
    bugs: ClientSettings.PlantedBugs = [], adjust: (inout ClientSettings) -> Void = { _ in }
  ) {
    settings = ClientSettings(session: Example.session)
    settings.strategy = strategy
    settings.mode = mode
    settings.isNewSession = isNew
    settings.plantedBugs = bugs
    adjust(&settings)
    client = Client(settings)
  }

  mutating func start(_ addresses: [String] = ["a"], seed: UInt64 = 1) {
    if !log.isEmpty {
      handle(
        .facts(
          FactBatch(
            segment: segment, firstOrdinal: .zero, records: log, sequence: .zero)))
    }
    handle(.started(coordinators: addresses, dice: Dice(seed: seed)))
  }

  /// A new process over what survived of the log.
  mutating func relaunch(
    _ addresses: [String] = ["a"], losesUnsynced: Bool = false, losesLog: Bool = false,
    seed: UInt64 = 2
  ) {
    if losesLog { log = [] }
    if losesUnsynced { log = Array(log.prefix(durableRecords)) }
    recordSequences = Array(repeating: .zero, count: log.count)
    sequence = .zero
    durable = .zero
    inFlight = []
    said = []
    settings.isNewSession = false
    client = Client(settings)
    start(addresses, seed: seed)
  }

  private var recordSequences: [LogSequence] = []
  private var durableRecords: Int { recordSequences.prefix { $0 <= durable }.count }

  mutating func handle(_ event: Client.Event) {
    for directive in client.handle(event, at: now) { perform(directive) }
  }

  private mutating func perform(_ directive: Client.Directive) {
    switch directive {
    case .append(let records):
      if refusesAppends { return handle(.appendRefused(reason: "disk full")) }
      let first = Ordinal(UInt64(log.count))
      sequence = sequence.next
      log += records
      recordSequences += Array(repeating: sequence, count: records.count)
      handle(
        .facts(
          FactBatch(
            segment: segment, firstOrdinal: first, records: records, sequence: sequence)))
      if persistsAtOnce { persist() }
    case .load(let positions):
      loads += 1
      handle(.loaded(positions.map { log[Int($0.ordinal.value)] }))
    case .send(let id, let address, let request, let timeout):
      check(request)
      inFlight.append(Sent(id: id, address: address, request: request, timeout: timeout))
      if inFlight.count > 2 { violations.append("\(inFlight.count) exchanges under way") }
    case .abandon(let id): inFlight.removeAll { $0.id == id }
    case .submitted(let ticket, let submission):
      check(submission)
      said.append(.submitted(ticket, submission))
    default: said.append(directive)
    }
  }

  private mutating func check(_ request: ClientRequest) {
    if request.session != settings.session { violations.append("another session") }
    guard settings.strategy == .blocking else { return }
    for record in request.records where record.kind == .submitted {
      if !isDurable(record) { violations.append("blocking: sent before it was durable") }
    }
  }

  private mutating func check(_ submission: Client.Submission) {
    guard settings.strategy != .optimistic, submission.known != .released else { return }
    let record = log.first {
      guard case .submitted(let value)? = try? Fact.decode($0) else { return false }
      return value.call == submission.call
    }
    guard let record else { return violations.append("returned, not logged") }
    if !isDurable(record) { violations.append("returned before it was durable") }
  }

  private func isDurable(_ record: Record) -> Bool {
    guard let index = log.firstIndex(of: record) else { return false }
    return recordSequences[index] <= durable
  }

  mutating func persist() {
    durable = sequence
    handle(.persisted(through: sequence))
  }

  @discardableResult
  mutating func submit(_ text: String) -> Client.Ticket {
    let ticket = Client.Ticket(nextTicket)
    nextTicket += 1
    handle(.submit(ticket, Example.spec(text), wallTime: 77))
    return ticket
  }

  mutating func advance(_ duration: Duration) {
    now = now + duration
    handle(.tick)
  }

  // MARK: The other side

  mutating func answer(_ sent: Sent, _ response: ClientResponse) {
    inFlight.removeAll { $0.id == sent.id }
    handle(.response(sent.id, response))
  }

  mutating func fail(_ sent: Sent) {
    inFlight.removeAll { $0.id == sent.id }
    handle(.failed(sent.id))
  }

  private func isPoll(_ sent: Sent) -> Bool { sent.request.wantsResults && sent.request.poll > 0 }
  var sync: Sent? { inFlight.first { !isPoll($0) } }
  var poll: Sent? { inFlight.first { isPoll($0) } }

  /// Answers every sync until none is sent any more.
  mutating func settle(_ coordinator: inout ModelCoordinator, copies: [ModelCoordinator] = []) {
    var rounds = 0
    while let sent = sync, rounds < 1000 {
      rounds += 1
      let refusal = coordinator.take(sent.request)
      answer(
        sent, coordinator.answer(sent.request, copies: copies + [coordinator], refusal: refusal))
    }
  }

  mutating func answerPoll(_ coordinator: ModelCoordinator) {
    guard let sent = poll else { return }
    answer(sent, coordinator.answer(sent.request, copies: [coordinator], refusal: nil))
  }

  var returned: [Client.Submission] {
    said.compactMap { if case .submitted(_, let submission) = $0 { submission } else { nil } }
  }

  var results: [Finished] {
    said.compactMap { if case .result(_, let finished, _) = $0 { finished } else { nil } }
  }

  var refusals: [Client.SubmissionError] {
    said.compactMap { if case .refused(_, let error) = $0 { error } else { nil } }
  }

  var progress: Client.Progress {
    var last = Client.Progress()
    for directive in said { if case .progress(let progress) = directive { last = progress } }
    return last
  }

  func sentSubmissions(_ request: ClientRequest) -> [UInt64] {
    request.records.compactMap {
      guard case .submitted(let value)? = try? Fact.decode($0) else { return nil }
      return value.call.counter.value
    }
  }
}
