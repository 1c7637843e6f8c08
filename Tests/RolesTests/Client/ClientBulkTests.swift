import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// A hundred thousand calls in one session: no event may cost what the session is large. Bounds are
/// generous; a scan for each event would exceed them a hundred times.
struct ClientBulkTests {
  @Test func hundredThousandCallsPassInBoundedTime() {
    let count: UInt64 = 100_000
    let clock = ContinuousClock()
    let start = clock.now
    var settings = ClientSettings(session: Example.session)
    settings.isNewSession = true
    settings.mode = .releaseOnCollection
    settings.strategy = .optimistic
    var client = Client(settings)
    var sequence = LogSequence.zero
    var ordinal = Ordinal.zero
    let segment = SegmentName(
      node: Example.node, log: .facts, serial: Serial(1), nonce: Nonce(1))
    var now = Instant.ms(1)
    var pending: [(ExchangeID, ClientRequest)] = []
    var results = 0
    var queue: [Client.Event] = [.started(coordinators: ["a"], dice: Dice(seed: 1))]

    func run(_ event: Client.Event) {
      queue.append(event)
      while let next = queue.popLast() {
        for directive in client.handle(next, at: now) {
          switch directive {
          case .append(let records):
            sequence = sequence.next
            let batch = FactBatch(
              segment: segment, firstOrdinal: ordinal, records: records, sequence: sequence)
            ordinal = ordinal + records.count
            queue.append(.facts(batch))
          case .send(let id, _, let request, _): pending.append((id, request))
          case .result(let call, let finished, _):
            results += 1
            queue.append(.collect(call.counter, result: finished.result.hash))
          default: break
          }
        }
      }
    }

    run(.tick)
    for number in 1...count { run(.submit(Client.Ticket(number), Example.spec("c"), wallTime: 0)) }
    var accepted = CallCounter.zero
    var delivered = CallCounter.zero
    let digest = Example.digest("c")
    var rounds = 0
    while delivered.value < count, rounds < 100_000 {
      rounds += 1
      now = now + .milliseconds(30)
      run(.tick)
      let batch = pending
      pending = []
      for (id, request) in batch {
        var response = ClientResponse()
        for record in request.records where record.kind == .submitted { accepted = accepted.next }
        response.acceptedThrough = accepted
        response.safeThrough = accepted
        response.controlsSafe = true
        if request.wantsResults {
          for _ in 0..<500 where delivered < accepted {
            delivered = delivered.next
            response.results.append(Example.finished(Example.session, delivered, digest, "r"))
          }
        }
        run(.response(id, response))
      }
    }
    #expect(results == Int(count))
    #expect(clock.now - start < .seconds(30))
  }
}
