import LogStore
import ReplicationCore

@testable import RolesCore

/// Plays the engine around one coordinator: appends come back as facts in the same turn, durability
/// is told when the test says so, time passes when the test says so.
struct CoordinatorHarness {
  static let node = NodeID(ID128(high: 0xc0, low: 1))
  static let peer = NodeID(ID128(high: 0xc0, low: 2))

  var coordinator: Coordinator
  var now = Instant(nanoseconds: 1_000_000_000)
  /// The segment of the present start.
  var own = SegmentName(node: Self.node, log: .facts, serial: Serial(5), nonce: Nonce(0x5))
  let foreign = SegmentName(
    node: Self.peer, log: .facts, serial: Serial(1), nonce: Nonce(0x77))
  var sequence = LogSequence.zero
  var ordinals: [SegmentName: Ordinal] = [:]
  struct Entry {
    var record: Record
    var position: Position
    var sequence: LogSequence
  }
  /// All records appended or ingested, in order.
  var log: [Entry] = []
  var durable = LogSequence.zero
  /// Becomes durable at once if set.
  var syncsAlways = true
  var refusesAppends = false
  var replies: [RequestToken: Coordinator.Reply] = [:]
  var notes: [String] = []
  /// Archives held here, told when they are asked for.
  var store: [ArchiveID: ArchiveState] = [:]
  var needed: [ArchiveID] = []
  var notNeeded: [ArchiveID] = []
  var wakeAt: Instant?
  var nextToken: UInt64 = 1
  var clientRequests: [RequestToken: ClientRequest] = [:]
  var resultsRequests: [RequestToken: ResultsRequest] = [:]
  /// Looks at each reply at the moment that it is given.
  var onReply: (CoordinatorHarness, RequestToken, Coordinator.Reply) -> Void = { _, _, _ in }

  init(
    _ settings: CoordinatorSettings = CoordinatorSettings(), ring: RingView = RingView(),
    startNow: Bool = true, caughtUp: Bool = true
  ) {
    coordinator = Coordinator(settings: settings)
    guard startNow else { return }
    start(ring: ring)
    if caughtUp { send(.caughtUp) }
  }

  mutating func start(ring: RingView = RingView()) {
    send(
      .started(
        CoordinatorIdentity(node: Self.node, start: own.nonce, wallTime: 1_000, ring: ring)))
  }

  // MARK: The engine

  mutating func send(_ event: Coordinator.Event) {
    execute(coordinator.handle(event, at: now))
  }

  private mutating func execute(_ directives: [Coordinator.Directive]) {
    var refused = false
    for directive in directives {
      switch directive {
      case .append(let records):
        if refusesAppends { refused = true } else { append(records, to: own) }
      case .reply(let token, let reply):
        precondition(replies[token] == nil, "\(token) was answered twice")
        replies[token] = reply
        onReply(self, token, reply)
      case .needArchive(let id):
        needed.append(id)
        if let state = store[id] { send(.archive(id, state)) }
      case .archiveNotNeeded(let id): notNeeded.append(id)
      case .wakeAt(let instant): wakeAt = instant
      case .heardOf: break
      case .note(let text): notes.append(text)
      }
    }
    if refused { send(.appendRefused(Refusal(.logFull, "full"))) }
    if syncsAlways { sync() }
  }

  /// Records enter the node's log, by an own append or in a copy of another's segment.
  mutating func append(_ records: [Record], to segment: SegmentName) {
    sequence = sequence.next
    let first = ordinals[segment] ?? .zero
    ordinals[segment] = first + records.count
    for (index, record) in records.enumerated() {
      let position = Position(segment: segment, ordinal: first + index)
      log.append(Entry(record: record, position: position, sequence: sequence))
    }
    send(
      .facts(
        FactBatch(
          segment: segment, firstOrdinal: first, records: records, sequence: sequence)))
  }

  /// Facts that another coordinator replicated to here.
  mutating func ingest(_ facts: Fact...) { append(facts.map { Record($0) }, to: foreign) }

  mutating func sync() {
    guard durable < sequence else { return }
    durable = sequence
    send(.persisted(through: durable))
  }

  /// A power cut: what was not durable is gone, and so is whoever waited. A new start opens a new
  /// segment.
  mutating func crash(_ settings: CoordinatorSettings, ring: RingView) {
    let kept = log.filter { $0.sequence <= durable }
    own.serial = own.serial.next
    own.nonce = Nonce(own.serial.value)
    coordinator = Coordinator(settings: settings)
    wakeAt = nil
    start(ring: ring)
    log = []
    ordinals = [:]
    for entry in kept {
      let segment = entry.position.segment
      log.append(Entry(record: entry.record, position: entry.position, sequence: .zero))
      ordinals[segment] = entry.position.ordinal + 1
      send(
        .facts(
          FactBatch(
            segment: segment, firstOrdinal: entry.position.ordinal, records: [entry.record],
            sequence: .zero)))
    }
    sequence = .zero
    durable = .zero
    send(.caughtUp)
  }

  /// The other coordinator has all of this node's segment.
  mutating func peerCatchesUp() {
    send(.peerDurable(own, ordinals[own] ?? .zero))
  }

  mutating func pass(_ span: Duration) {
    let end = now + span
    while let wake = wakeAt, wake <= end {
      now = max(now, wake)
      wakeAt = nil
      send(.tick)
    }
    now = end
    send(.tick)
  }

  mutating func token() -> RequestToken {
    defer { nextToken += 1 }
    return RequestToken(nextToken)
  }

  /// An archive arrived, became durable or was lost.
  mutating func archive(_ id: ArchiveID, _ state: ArchiveState) {
    store[id] = state > .missing ? state : nil
    send(.archive(id, state))
  }

  // MARK: Requests

  @discardableResult
  mutating func ask(_ request: ClientRequest) -> RequestToken {
    let token = token()
    clientRequests[token] = request
    send(.clientRequest(token, request))
    return token
  }

  @discardableResult
  mutating func ask(_ request: ServerRequest) -> RequestToken {
    let token = token()
    send(.serverRequest(token, request))
    return token
  }

  @discardableResult
  mutating func ask(_ request: ResultsRequest) -> RequestToken {
    let token = token()
    resultsRequests[token] = request
    send(.resultsRequest(token, request))
    return token
  }

  mutating func ask(_ request: OperatorRequest) -> OperatorResponse? {
    let token = token()
    send(.operatorRequest(token, request))
    guard case .operation(let response)? = replies[token] else { return nil }
    return response
  }

  func client(_ token: RequestToken) -> ClientResponse? {
    guard case .client(let response)? = replies[token] else { return nil }
    return response
  }

  func server(_ token: RequestToken) -> ServerResponse? {
    guard case .server(let response)? = replies[token] else { return nil }
    return response
  }

  func results(_ token: RequestToken) -> ResultsResponse? {
    guard case .results(let response)? = replies[token] else { return nil }
    return response
  }

  func why(_ call: CallName) -> String {
    var copy = self
    guard case .why(let lines)? = copy.ask(.why(call)) else { return "" }
    return lines.joined(separator: "\n")
  }

  // MARK: Shortcuts

  /// Asks, and gives the answer if it comes at once.
  mutating func answer(_ request: ClientRequest) -> ClientResponse? {
    let token = ask(request)
    return client(token)
  }

  mutating func answer(_ request: ServerRequest) -> ServerResponse? {
    let token = ask(request)
    return server(token)
  }

  mutating func answer(_ request: ResultsRequest) -> ResultsResponse? {
    let token = ask(request)
    return results(token)
  }

  mutating func accept(_ counters: ClosedRange<UInt64>) -> ClientResponse? {
    let token = submit(counters)
    return client(token)
  }

  mutating func assignments(_ request: ServerRequest) -> [Assigned] {
    let token = ask(request)
    return assigned(token)
  }

  @discardableResult
  mutating func submit(
    _ counters: ClosedRange<UInt64>, _ edit: (inout CallSpec) -> Void = { _ in }
  ) -> RequestToken {
    var request = ClientRequest(session: CallSample.session)
    for counter in counters { request.records.append(CallSample.submitted(counter, edit)) }
    return ask(request)
  }

  /// A server's heartbeat that waits for nothing.
  mutating func pull(
    _ server: FakeServer, wants: UInt64 = 0, poll: UInt64 = 0
  ) -> [Assigned] {
    let token = ask(server.request(wants: wants, poll: poll))
    return assigned(token)
  }

  func assigned(_ token: RequestToken) -> [Assigned] {
    (server(token)?.assignments ?? []).compactMap {
      guard case .assigned(let assigned)? = try? Fact.decode($0.assigned) else { return nil }
      return assigned
    }
  }

  /// The call's server reports this result.
  mutating func finish(_ task: Assigned, output: String = "ok") {
    var request = ResultsRequest(server: task.server)
    request.records = [CallSample.finished(task, output)]
    ask(request)
  }

  mutating func fail(_ task: Assigned, _ reason: FailureReason = .killed) {
    var request = ResultsRequest(server: task.server)
    request.records = [
      Record(
        .failed(
          Failed(
            task: task.task, call: task.call, digest: task.digest, server: task.server,
            reason: reason, detail: "test")))
    ]
    ask(request)
  }

  func state(_ counter: UInt64) -> CallState? {
    coordinator.ledger.state(of: CallSample.call(counter), digest: CallSample.digest(counter))
  }
}
