import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Heartbeats: what servers report and are told.
@Suite struct CoordinatorServerTests {
  @Test func anAssignmentMissingTwiceNeverArrived() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    _ = h.pull(server.next())
    #expect(h.state(1) == .assigned)
    _ = h.pull(server.next())
    let entry = h.coordinator.ledger.version(of: task.call, digest: task.digest)
    #expect(entry?.task(task.task)?.phase == .failed)
    #expect(h.state(1) == .pending)
    h.pass(.seconds(2))
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func anAnswerThatWasNotTakenCountsLater() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).count == 1)
    // The answer to the first request is still under way.
    for _ in 1...3 {
      server.sequence += 1
      _ = h.pull(server)
    }
    #expect(h.state(1) == .assigned)
    _ = h.pull(server.next())
    _ = h.pull(server.next())
    #expect(h.state(1) == .pending)
  }

  /// Else a server would hold more than it can run in time, and another one less.
  @Test func whatIsUnderWayToAServerIsNotGivenAgain() {
    var h = CoordinatorHarness()
    h.submit(1...10)
    var server = FakeServer(1)
    let first = h.pull(server.next(), wants: 1)
    #expect(first.count == 1)
    // It says what it wants before the first answer has come.
    server.sequence += 1
    let second = h.pull(server, wants: 2)
    #expect(second.count == 1)
    // Both have come, and were listed or have ended since.
    server.running = (first + second).map(\.task)
    let third = h.pull(server.next(), wants: 2)
    #expect(third.count == 2)
    h.finish(third[0])
    // An answer that got lost is known to be lost by what the next request has seen.
    #expect(h.pull(server.next(), wants: 2).count == 2)
    #expect(h.coordinator.servers[server.id]?.wants == 2)
  }

  /// What it runs and holds is taken, whichever answer brought it.
  @Test func whatAServerListsIsNotUnderWay() {
    var h = CoordinatorHarness()
    h.submit(1...4)
    var server = FakeServer(1)
    let tasks = h.pull(server.next(), wants: 2)
    #expect(tasks.count == 2)
    server.running = [tasks[0].task]
    server.holding = [tasks[1].task]
    server.sequence += 1
    #expect(h.pull(server, wants: 2).count == 2)
  }

  @Test func aListedAssignmentArrived() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    _ = h.pull(server.next())
    server.running = [task.task]
    for _ in 1...5 { _ = h.pull(server.next()) }
    #expect(h.state(1) == .assigned)
    server.running = []
    server.holding = [task.task]
    for _ in 1...5 { _ = h.pull(server.next()) }
    #expect(h.state(1) == .assigned)
  }

  @Test func aRestartedServersTasksFail() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    server.running = [task.task]
    _ = h.pull(server.next())
    var again = FakeServer(1)
    again.incarnation = 2
    _ = h.pull(again.next())
    #expect(h.state(1) == .assigned)
    _ = h.pull(again.next())
    #expect(h.state(1) == .pending)
  }

  /// An orderly stop: what ran there is given out at once, and a heartbeat takes it back.
  @Test func aServerThatGoesIsNotWaitedFor() throws {
    var h = CoordinatorHarness()
    h.submit(1...2)
    var server = FakeServer(1)
    let tasks = h.pull(server.next(), wants: 2)
    #expect(tasks.count == 2)
    server.running = tasks.map(\.task)
    _ = h.pull(server.next())
    var other = FakeServer(2)
    #expect(h.pull(other.next(), wants: 2).isEmpty)
    var farewell = server.next().request(wants: 0, poll: 0)
    farewell.leaving = true
    #expect(h.answer(farewell)?.assignments == [])
    #expect(h.coordinator.servers[server.id]?.suspected == true)
    #expect(h.pull(other.next(), wants: 1).count == 1)
    // It stayed after all: what it runs is relied on again.
    _ = h.pull(server.next())
    #expect(h.coordinator.servers[server.id]?.suspected == false)
    #expect(h.pull(other.next(), wants: 2).isEmpty)
    // And suspected by silence again, in the usual time.
    h.pass(h.coordinator.settings.suspicionTimeout + .milliseconds(1))
    #expect(h.coordinator.servers[server.id]?.suspected == true)
  }

  @Test func twinServersAreTold() {
    var h = CoordinatorHarness()
    var a = FakeServer(1)
    var b = FakeServer(1)
    b.incarnation = 2
    var told: Set<UInt64> = []
    for _ in 1...5 {
      if h.answer(a.next().request(wants: 0, poll: 0))?.conflictingIncarnation == true {
        told.insert(1)
      }
      if h.answer(b.next().request(wants: 0, poll: 0))?.conflictingIncarnation == true {
        told.insert(2)
      }
      h.pass(.seconds(1))
    }
    #expect(told == [1, 2])
  }

  @Test func unknownResultsAreAskedForOnceInAWhile() {
    var h = CoordinatorHarness()
    var server = FakeServer(1)
    server.holding = [CallSample.foreignTask(1)]
    let first = h.ask(server.next().request(wants: 0, poll: 2_000))
    #expect(h.server(first)?.send == server.holding)
    // Told just now: the poll waits instead of going round.
    let second = h.ask(server.next().request(wants: 0, poll: 2_000))
    #expect(h.server(second) == nil)
    h.pass(.seconds(2))
    #expect(h.server(second)?.send == server.holding)
  }

  @Test func lateResultsOfReleasedCallsAreDropped() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    h.ask(.with([CallSample.released(1...1)]))
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok")]
    let before = h.log.count
    let answer = h.answer(request)
    #expect(answer?.held == [task.task])
    #expect(answer?.safe == [task.task])
    #expect(h.log.count == before)
  }

  @Test func resultsAreNotAppendedTwice() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    h.finish(task)
    let before = h.log.count
    h.finish(task)
    #expect(h.log.count == before)
  }

  @Test func badResultsAreRefused() {
    var h = CoordinatorHarness()
    func ask(_ record: Record, _ h: inout CoordinatorHarness) -> Refusal.Code? {
      var request = ResultsRequest(server: FakeServer(1).id)
      request.records = [record]
      return h.answer(request)?.refusal?.code
    }
    #expect(ask(Record(kind: .finished, payload: [1, 2, 3]), &h) == .badRecord)
    #expect(ask(CallSample.submitted(1), &h) == .badRecord)
    var result = CallSample.result("x")
    result.hash = .zero
    let lie = Finished(
      task: CallSample.foreignTask(1), call: CallSample.call(1), digest: CallSample.digest(1),
      server: FakeServer(1).id, result: result)
    #expect(ask(Record(.finished(lie)), &h) == .badRecord)
    #expect(h.log.isEmpty)
  }

  @Test func cancellationReachesTheServerAtOnce() {
    var h = CoordinatorHarness()
    h.submit(1...2)
    var server = FakeServer(1)
    let tasks = h.pull(server.next(), wants: 2)
    server.running = tasks.map(\.task)
    let poll = h.ask(server.next().request(wants: 0, poll: 3_000))
    #expect(h.server(poll) == nil)
    h.ask(.with([CallSample.cancelled(2)]))
    #expect(h.server(poll)?.cancel == [tasks[1].task])
    // It takes its time to kill it; the next poll doesn't go round.
    let next = h.ask(server.next().request(wants: 0, poll: 1_000))
    #expect(h.server(next) == nil)
    h.pass(.seconds(1))
    #expect(h.server(next)?.cancel == [tasks[1].task])
  }

  @Test func aReleaseEndsItsTasks() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let tasks = h.pull(server.next(), wants: 1)
    server.running = tasks.map(\.task)
    let poll = h.ask(server.next().request(wants: 0, poll: 3_000))
    h.ask(.with([CallSample.released(1...1)]))
    #expect(h.server(poll)?.cancel == tasks.map(\.task))
  }

  @Test func aCancelledCallIsNotScheduled() {
    var h = CoordinatorHarness()
    h.ask(.with([CallSample.submitted(1), CallSample.submitted(2), CallSample.cancelled(1)]))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 9).map(\.call.counter.value) == [2])
  }

  @Test func theTableOfServersIsBounded() {
    var settings = CoordinatorSettings()
    settings.serverLimit = 2
    var h = CoordinatorHarness(settings)
    var servers = [FakeServer(1), FakeServer(2), FakeServer(3)]
    _ = h.pull(servers[0].next())
    _ = h.pull(servers[1].next())
    let refused = h.ask(servers[2].next().request(wants: 0, poll: 0))
    #expect(h.server(refused)?.refusal?.code == .tooLarge)
    h.pass(.seconds(11))
    let taken = h.ask(servers[2].next().request(wants: 0, poll: 0))
    #expect(h.server(taken)?.refusal == nil)
    #expect(h.coordinator.servers.count == 2)
  }

  @Test func waitingRequestsAreBounded() {
    var settings = CoordinatorSettings()
    settings.parkedLimit = 3
    var h = CoordinatorHarness(settings)
    h.submit(1...1)
    let polls = (1...5).map { _ in h.ask(.poll()) }
    #expect(polls.filter { h.client($0) == nil }.count == 3)
    #expect(h.coordinator.parked.count == 3)
  }
}
