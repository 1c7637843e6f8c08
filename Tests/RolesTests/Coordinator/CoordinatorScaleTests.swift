import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Cost that grows with the event, not with what is known: 100,000 calls and 1,000 servers.
@Suite struct CoordinatorScaleTests {
  @Test func manyCallsAndServers() {
    let clock = ContinuousClock()
    var grid = ScaleGrid()
    let submitting = clock.measure { grid.submitAll() }
    let assigning = clock.measure { grid.pullAll() }
    #expect(grid.tasks.count == 100_000)
    let heartbeats = clock.measure { grid.beatAll() }
    let finishing = clock.measure { grid.finishAll() }
    let session = grid.coordinator.ledger.session(CallSample.session)
    #expect(session?.count(of: .finished) == 100_000)
    var delivered = 0
    let delivering = clock.measure { delivered = grid.deliverAll() }
    #expect(delivered == 100_000)
    print(
      """
      CoordinatorScaleTests: 100,000 calls, 1,000 servers: submitted in \(submitting), \
      assigned in \(assigning), 1,000 heartbeats of 100 tasks in \(heartbeats), \
      finished in \(finishing), delivered in \(delivering)
      """)
    // Generous: a scan of all calls per event would take minutes.
    #expect(submitting + assigning + heartbeats + finishing + delivering < .seconds(60))
  }
}

/// One coordinator, its clients' batches and a thousand servers.
private struct ScaleGrid {
  var coordinator: Coordinator
  var tasks: [Assigned] = []
  private var log = ScaleLog()
  private var now = Instant(nanoseconds: 1)
  private var token: UInt64 = 0
  private var servers = (1...1_000).map { FakeServer(UInt64($0)) }

  init() {
    var settings = CoordinatorSettings()
    settings.assignmentsPerAnswer = 100
    coordinator = Coordinator(settings: settings)
    _ = run(
      .started(
        CoordinatorIdentity(
          node: CoordinatorHarness.node, start: Nonce(5), wallTime: 0, ring: RingView())))
    _ = run(.caughtUp)
  }

  private mutating func run(_ event: Coordinator.Event) -> [Coordinator.Reply] {
    log.run(event, &coordinator, now)
  }

  private mutating func draw() -> RequestToken {
    token += 1
    return RequestToken(token)
  }

  mutating func submitAll() {
    for first in stride(from: 1 as UInt64, to: 100_001, by: 1_000) {
      let batch = (first..<first + 1_000).map { CallSample.submitted($0) }
      _ = run(.clientRequest(draw(), .with(batch)))
    }
  }

  mutating func pullAll() {
    for index in servers.indices {
      now = now + .microseconds(10)
      servers[index].slots = 100
      let request = servers[index].next().request(wants: 100, poll: 1_000)
      for case .server(let response) in run(.serverRequest(draw(), request)) {
        for assignment in response.assignments {
          guard case .assigned(let assigned)? = try? Fact.decode(assignment.assigned) else {
            continue
          }
          tasks.append(assigned)
          servers[index].running.append(assigned.task)
        }
      }
    }
  }

  mutating func beatAll() {
    for index in servers.indices {
      let request = servers[index].next().request(wants: 0, poll: 1_000)
      _ = run(.serverRequest(draw(), request))
    }
  }

  mutating func finishAll() {
    for task in tasks {
      var request = ResultsRequest(server: task.server)
      request.records = [CallSample.finished(task, "ok")]
      _ = run(.resultsRequest(draw(), request))
    }
  }

  mutating func deliverAll() -> Int {
    var delivered = 0
    while true {
      let have = UInt64(delivered)
      let request = ClientRequest.poll(0, have: have == 0 ? [] : [1...have])
      let before = delivered
      for case .client(let response) in run(.clientRequest(draw(), request)) {
        delivered += response.results.count
      }
      if delivered == before { return delivered }
    }
  }
}

/// The shortest engine: all is durable at once.
private struct ScaleLog {
  var sequence = LogSequence.zero
  var ordinal = Ordinal.zero

  mutating func run(
    _ event: Coordinator.Event, _ coordinator: inout Coordinator, _ now: Instant
  ) -> [Coordinator.Reply] {
    var replies: [Coordinator.Reply] = []
    for directive in coordinator.handle(event, at: now) {
      switch directive {
      case .reply(_, let reply): replies.append(reply)
      case .append(let records):
        sequence = sequence.next
        let batch = FactBatch(
          segment: SegmentName(
            node: CoordinatorHarness.node, log: .facts, serial: Serial(5), nonce: Nonce(5)),
          firstOrdinal: ordinal, records: records, sequence: sequence)
        ordinal = ordinal + records.count
        replies += run(.facts(batch), &coordinator, now)
        replies += run(.persisted(through: sequence), &coordinator, now)
      default: continue
      }
    }
    return replies
  }
}
