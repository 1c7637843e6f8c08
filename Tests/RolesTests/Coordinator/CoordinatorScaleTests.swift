import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Cost that grows with the event, not with what is known: 100,000 calls and 1,000 servers.
@Suite struct CoordinatorScaleTests {
  @Test func manyCallsAndServers() {
    let clock = ContinuousClock()
    var settings = CoordinatorSettings()
    settings.assignmentsPerAnswer = 100
    var coordinator = Coordinator(settings: settings)
    var log = ScaleLog()
    var now = Instant(nanoseconds: 1)
    func run(_ event: Coordinator.Event) -> [Coordinator.Reply] {
      log.run(event, &coordinator, now)
    }
    let identity = CoordinatorIdentity(
      node: CoordinatorHarness.node, start: Nonce(5), wallTime: 0, ring: RingView())
    _ = run(.started(identity))
    _ = run(.caughtUp)

    var batches: [ClientRequest] = []
    for first in stride(from: 1 as UInt64, to: 100_001, by: 1_000) {
      batches.append(.with((first..<first + 1_000).map { CallSample.submitted($0) }))
    }
    let submitting = clock.measure {
      for (index, batch) in batches.enumerated() {
        _ = run(.clientRequest(RequestToken(UInt64(index) + 1), batch))
      }
    }
    var token: UInt64 = 1_000_000
    var tasks: [Assigned] = []
    var servers = (1...1_000).map { FakeServer(UInt64($0)) }
    let assigning = clock.measure {
      for index in servers.indices {
        now = now + .microseconds(10)
        token += 1
        servers[index].slots = 100
        let request = servers[index].next().request(wants: 100, poll: 1_000)
        for case .server(let response) in run(.serverRequest(RequestToken(token), request)) {
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
    #expect(tasks.count == 100_000)
    let heartbeats = clock.measure {
      for index in servers.indices {
        token += 1
        let request = servers[index].next().request(wants: 0, poll: 1_000)
        _ = run(.serverRequest(RequestToken(token), request))
      }
    }
    let finishing = clock.measure {
      for task in tasks {
        token += 1
        var request = ResultsRequest(server: task.server)
        request.records = [CallSample.finished(task, "ok")]
        _ = run(.resultsRequest(RequestToken(token), request))
      }
    }
    let session = coordinator.ledger.session(CallSample.session)
    #expect(session?.count(of: .finished) == 100_000)
    var delivered = 0
    let delivering = clock.measure {
      var have: UInt64 = 0
      while true {
        token += 1
        let request = ClientRequest.poll(0, have: have == 0 ? [] : [1...have])
        let before = delivered
        for case .client(let response) in run(.clientRequest(RequestToken(token), request)) {
          delivered += response.results.count
        }
        have = UInt64(delivered)
        if delivered == before { break }
      }
    }
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
