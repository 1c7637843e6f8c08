import LogStore
import ReplicationCore

@testable import RolesCore

/// The engine, the log and the machine around one server.
struct ServerBench {
  struct Sent {
    var id: ExchangeID
    var address: String
    var poll: ServerRequest?
    var delivery: ResultsRequest?
  }

  var settings: ServerSettings
  var server: Server
  var slots: Int
  var prefetch: Int
  var now = Instant.ms(1000)
  var log: [Record] = []
  var sequence = LogSequence.zero
  var durable = LogSequence.zero
  var persistsAtOnce = true
  var refusesAppends = false
  var inFlight: [Sent] = []
  var said: [Server.Directive] = []
  var started: [TaskName] = []
  var running: [TaskName] = []
  var loads = 0
  var violations: [String] = []
  let segment = SegmentName(
    node: Example.serverNode, log: .facts, serial: Serial(1), nonce: Nonce(1))
  private var sequences: [LogSequence] = []

  init(
    slots: Int = 2, prefetch: Int = 2, bugs: ServerSettings.PlantedBugs = [],
    adjust: (inout ServerSettings) -> Void = { _ in }
  ) {
    self.slots = slots
    self.prefetch = prefetch
    settings = ServerSettings()
    settings.plantedBugs = bugs
    adjust(&settings)
    server = Server(node: Example.serverNode, settings)
  }

  mutating func start(_ addresses: [String] = ["a"], seed: UInt64 = 1) {
    if !log.isEmpty {
      handle(
        .facts(
          FactBatch(segment: segment, firstOrdinal: .zero, records: log, sequence: .zero)))
    }
    let offer = Server.Offer(slots: slots, prefetch: prefetch, services: ["exec"])
    handle(.started(offer, coordinators: addresses, dice: Dice(seed: seed)))
  }

  mutating func restart(
    _ addresses: [String] = ["a"], losesUnsynced: Bool = false, as node: NodeID? = nil,
    seed: UInt64 = 2
  ) {
    if losesUnsynced { log = Array(log.prefix(sequences.prefix { $0 <= durable }.count)) }
    sequences = Array(repeating: .zero, count: log.count)
    sequence = .zero
    durable = .zero
    inFlight = []
    said = []
    running = []
    server = Server(
      node: node ?? Example.serverNode, former: node == nil ? [] : [Example.serverNode], settings)
    start(addresses, seed: seed)
  }

  mutating func handle(_ event: Server.Event) {
    for directive in server.handle(event, at: now) { perform(directive) }
  }

  private mutating func perform(_ directive: Server.Directive) {
    switch directive {
    case .append(let records):
      if refusesAppends { return handle(.appendRefused(reason: "disk full")) }
      let first = Ordinal(UInt64(log.count))
      sequence = sequence.next
      log += records
      sequences += Array(repeating: sequence, count: records.count)
      handle(
        .facts(
          FactBatch(
            segment: segment, firstOrdinal: first, records: records, sequence: sequence)))
      if persistsAtOnce { persist() }
    case .load(let positions):
      loads += 1
      handle(.loaded(positions.map { log[Int($0.ordinal.value)] }))
    case .poll(let id, let address, let request, _):
      check(request)
      inFlight.append(Sent(id: id, address: address, poll: request))
      if inFlight.filter({ $0.poll != nil }).count > 2 { violations.append("three polls") }
    case .deliver(let id, let address, let request, _):
      for record in request.records where !isDurable(record) {
        violations.append("a result was sent before it was durable")
      }
      inFlight.append(Sent(id: id, address: address, delivery: request))
      if inFlight.filter({ $0.delivery != nil }).count > 1 { violations.append("two deliveries") }
    case .abandon(let id): inFlight.removeAll { $0.id == id }
    case .start(let task, _):
      if running.count >= slots { violations.append("more tasks than slots") }
      if started.contains(task) { violations.append("\(task) was started twice") }
      started.append(task)
      running.append(task)
    default: said.append(directive)
    }
  }

  private mutating func check(_ request: ServerRequest) {
    for task in request.holding where !isDurable(task) {
      violations.append("\(task) was told as held before it was durable")
    }
    if Set(request.running).intersection(request.holding).count > 0 {
      violations.append("a task runs and is held")
    }
  }

  private func isDurable(_ task: TaskName) -> Bool {
    log.contains { record in ServerBench.ends(record) == task && isDurable(record) }
  }

  private func isDurable(_ record: Record) -> Bool {
    guard let index = log.firstIndex(of: record) else { return false }
    return sequences[index] <= durable
  }

  mutating func persist() {
    durable = sequence
    handle(.persisted(through: sequence))
  }

  mutating func advance(_ duration: Duration) {
    now = now + duration
    handle(.tick)
  }

  mutating func finish(_ task: TaskName, _ text: String = "out") {
    running.removeAll { $0 == task }
    handle(.taskEnded(task, .finished(Example.result(text))))
  }

  // MARK: The other side

  var poll: Sent? { inFlight.last { $0.poll != nil } }
  var delivery: Sent? { inFlight.first { $0.delivery != nil } }

  mutating func answer(_ sent: Sent, _ response: ServerResponse) {
    inFlight.removeAll { $0.id == sent.id }
    handle(.answer(sent.id, response))
  }

  mutating func answer(_ sent: Sent, _ response: ResultsResponse) {
    inFlight.removeAll { $0.id == sent.id }
    handle(.delivered(sent.id, response))
  }

  mutating func fail(_ sent: Sent) {
    inFlight.removeAll { $0.id == sent.id }
    handle(.failed(sent.id))
  }

  /// Answers the latest poll with these tasks.
  mutating func assign(_ numbers: [UInt64], adjust: (inout CallSpec) -> Void = { _ in }) {
    guard let poll else { return violations.append("no poll is under way") }
    var response = ServerResponse()
    response.assignments = numbers.map { ServerBench.assignment($0, adjust: adjust) }
    answer(poll, response)
  }

  /// Answers the latest poll with what `change` sets.
  mutating func tell(_ change: (inout ServerResponse) -> Void) {
    guard let poll else { return violations.append("no poll is under way") }
    var response = ServerResponse()
    change(&response)
    answer(poll, response)
  }

  /// Answers the delivery: all held, and safe if so.
  mutating func acknowledge(safe: Bool) {
    guard let delivery, let request = delivery.delivery else { return }
    var response = ResultsResponse()
    response.held = request.records.compactMap(ServerBench.ends)
    if safe { response.safe = response.held }
    answer(delivery, response)
  }

  static func ends(_ record: Record) -> TaskName? {
    switch try? Fact.decode(record) {
    case .finished(let value): value.task
    case .failed(let value): value.task
    default: nil
    }
  }

  var deliveredTasks: [UInt64] {
    (delivery?.delivery?.records ?? []).compactMap(ServerBench.ends).map(\.counter)
  }

  var failures: [Failed] {
    log.compactMap { if case .failed(let value)? = try? Fact.decode($0) { value } else { nil } }
  }

  func isDead(_ record: Record) -> Bool {
    record.payload.withUnsafeBytes { server.isDead(record.kind, $0) }
  }

  static func assignment(
    _ number: UInt64, server: NodeID = Example.serverNode,
    adjust: (inout CallSpec) -> Void = { _ in }
  ) -> Assignment {
    var spec = Example.spec("call \(number)")
    adjust(&spec)
    let call = CallName(session: Example.session, counter: CallCounter(number))
    let digest = Digest.of(spec: spec)
    return Assignment(
      assigned: Record(
        .assigned(
          Assigned(
            task: Example.task(number), call: call, digest: digest, server: server, wallTime: 1))),
      submitted: Record(
        .submitted(Submitted(call: call, digest: digest, spec: spec, wallTime: 1))))
  }
}
