import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Servers that hold more results than one heartbeat lists: each lists one page, and says from
/// where to where.
@Suite struct CoordinatorPagesTests {
  private static let page = 1_000

  /// Results of tasks that sort before or after those of the coordinator under test.
  private func results(_ count: UInt64, before: Bool) -> [TaskName] {
    let node = NodeID(ID128(high: before ? 0xb0 : 0xd0, low: 1))
    return (1...count).map { TaskName(node: node, start: Nonce(1), counter: $0) }
  }

  /// The next heartbeat with the page of this number, of all that the server holds.
  private func heartbeat(
    _ server: inout FakeServer, _ held: [TaskName], _ number: Int
  ) -> ServerRequest {
    let pages = (held.count + Self.page - 1) / Self.page
    let index = number % pages
    let first = index * Self.page
    let names = Array(held[first..<min(first + Self.page, held.count)])
    server.holding = names
    var request = server.next().request(wants: 0, poll: 0)
    request.holdingAfter = index == 0 ? nil : held[first - 1]
    request.holdingThrough = index == pages - 1 ? nil : names.last
    return request
  }

  @Test(arguments: [true, false], [1_000, 1_001, 20_000] as [UInt64])
  func aLostAssignmentIsNoticed(before: Bool, count: UInt64) {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    // The answer with it is lost.
    #expect(h.pull(server.next(), wants: 1).count == 1)
    let held = results(count, before: before)
    let pages = (held.count + Self.page - 1) / Self.page
    for number in 0..<(2 * pages) { h.ask(heartbeat(&server, held, number)) }
    #expect(h.state(1) == .pending)
    #expect(h.log.last?.record.kind == .failed)
  }

  @Test(arguments: [true, false])
  func aResultOnAnotherPageIsNotMissed(before: Bool) {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0].task
    let others = results(4_500, before: before)
    let held = before ? others + [task] : [task] + others
    for number in 0..<20 {
      h.ask(heartbeat(&server, held, number))
      h.pass(.seconds(1))
    }
    #expect(h.state(1) == .assigned)
    // Then it drops out of its page.
    for number in 0..<15 {
      h.ask(heartbeat(&server, others, number))
      h.pass(.seconds(1))
    }
    #expect(h.state(1) != .assigned)
  }

  /// The same for a task that another coordinator gave out, which nobody else may hear of.
  @Test func anothersLostAssignmentIsNoticed() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    let task = CallSample.foreignTask(1)
    let server = FakeServer(1)
    h.ingest(.assigned(CallSample.assigned(task, 1, to: server.id)))
    var speaking = server
    let held = results(3_000, before: true)
    for number in 0..<12 {
      h.ask(heartbeat(&speaking, held, number))
      h.pass(.seconds(1))
    }
    #expect(h.log.contains { $0.record.kind == .failed })
  }
}
