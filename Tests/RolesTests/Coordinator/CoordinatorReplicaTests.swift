import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// The replica rule: what other coordinators, earlier starts and suspected servers have in hand.
@Suite struct CoordinatorReplicaTests {
  static func ring(
    suspected: Bool = false, listed: Bool = true, start: Nonce? = Nonce(0x77)
  ) -> RingView {
    RingView(
      position: 0, size: 1, listed: 2,
      peers: listed
        ? [RingView.Peer(node: CoordinatorHarness.peer, start: start, suspected: suspected)] : [])
  }

  let far = FakeServer(77)

  /// One call that the other coordinator has given to a server of its own.
  func assignedElsewhere() -> CoordinatorHarness {
    var h = CoordinatorHarness(ring: Self.ring())
    h.submit(1...1)
    h.ingest(.assigned(CallSample.assigned(CallSample.foreignTask(1), 1, to: far.id)))
    return h
  }

  @Test func finishedIsNeverScheduled() {
    var h = CoordinatorHarness(ring: Self.ring())
    h.append(
      [CallSample.finished(CallSample.assigned(CallSample.foreignTask(1), 1, to: far.id), "ok")],
      to: h.foreign)
    h.submit(1...1)
    h.pass(.seconds(300))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func plantedBugB16SchedulesFinished() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .schedulesFinished
    var h = CoordinatorHarness(settings)
    h.submit(1...1)
    var server = FakeServer(1)
    h.finish(h.pull(server.next(), wants: 1)[0])
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func assignedElsewhereIsLeftAlone() {
    var h = assignedElsewhere()
    var server = FakeServer(1)
    h.pass(.seconds(300))
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func aSuspectedCoordinatorsTasksAreTakenOver() {
    var h = assignedElsewhere()
    h.send(.ring(Self.ring(suspected: true)))
    var server = FakeServer(1)
    // Its servers have a moment to come here and report.
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.pass(.seconds(6))
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func plantedBugB15LeavesThemToTheSuspect() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .trustsSuspects
    var h = CoordinatorHarness(settings, ring: Self.ring())
    h.submit(1...1)
    h.ingest(.assigned(CallSample.assigned(CallSample.foreignTask(1), 1, to: far.id)))
    h.send(.ring(Self.ring(suspected: true)))
    h.pass(.seconds(600))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func aReportedTaskOfASuspectIsLive() {
    var h = assignedElsewhere()
    h.send(.ring(Self.ring(suspected: true)))
    var host = far
    host.running = [CallSample.foreignTask(1)]
    _ = h.pull(host.next())
    var server = FakeServer(1)
    for _ in 1...5 {
      h.pass(.seconds(5))
      _ = h.pull(host.next())
      #expect(h.pull(server.next(), wants: 1).isEmpty)
    }
    // The server vanishes as well.
    for _ in 1...3 {
      h.pass(.seconds(5))
      _ = h.pull(server.next(), wants: 0)
    }
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func aSuspicionOfACoordinatorIsTakenBack() {
    var h = assignedElsewhere()
    h.send(.ring(Self.ring(suspected: true)))
    h.pass(.seconds(6))
    h.send(.ring(Self.ring()))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func aGoneCoordinatorsTasksAreTakenOver() {
    var h = assignedElsewhere()
    h.send(.ring(Self.ring(listed: false)))
    h.pass(.seconds(6))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func anUnknownCoordinatorIsGone() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    h.ingest(.assigned(CallSample.assigned(CallSample.foreignTask(1), 1, to: far.id)))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.pass(.seconds(6))
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func aRestartedCoordinatorLooksAfterItsTasksForAWhile() {
    var h = assignedElsewhere()
    h.send(.ring(Self.ring(start: Nonce(0x88))))
    var server = FakeServer(1)
    h.pass(.seconds(50))
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.pass(.seconds(15))
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func ownEarlierStartsTasksWaitForReports() {
    var h = CoordinatorHarness(startNow: false)
    h.start()
    let old = TaskName(node: CoordinatorHarness.node, start: Nonce(0x4), counter: 1)
    let task = CallSample.assigned(old, 1, to: far.id)
    let earlier = SegmentName(
      node: CoordinatorHarness.node, log: .facts, serial: Serial(4), nonce: Nonce(0x4))
    h.send(
      .facts(
        FactBatch(
          segment: earlier, firstOrdinal: .zero,
          records: [CallSample.submitted(1), Record(.assigned(task))], sequence: .zero)))
    h.send(.caughtUp)
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.pass(.seconds(9))
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    var reported = h
    h.pass(.seconds(2))
    #expect(h.pull(server.next(), wants: 1).count == 1)
    // The same, but its server reports it in time.
    var host = far
    host.running = [old]
    _ = reported.pull(host.next())
    reported.pass(.seconds(9))
    _ = reported.pull(host.next())
    reported.pass(.seconds(9))
    #expect(reported.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func aSuspectedServersTasksAreGivenOutAgain() {
    var h = CoordinatorHarness()
    h.submit(1...2)
    var lost = FakeServer(1)
    #expect(h.pull(lost.next(), wants: 2).count == 2)
    var server = FakeServer(2)
    h.pass(.seconds(9))
    #expect(h.pull(server.next(), wants: 2).isEmpty)
    h.pass(.seconds(2))
    #expect(h.pull(server.next(), wants: 1).count == 1)
    // It is heard again: what nobody else took is its own again.
    lost.running = []
    _ = h.pull(lost.next())
    #expect(h.pull(server.next(), wants: 9).isEmpty)
  }

  @Test func plantedBugB15KeepsASuspectedServersTasks() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .trustsSuspects
    var h = CoordinatorHarness(settings)
    h.submit(1...1)
    var lost = FakeServer(1)
    #expect(h.pull(lost.next(), wants: 1).count == 1)
    h.pass(.seconds(100))
    var server = FakeServer(2)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func plantedBugB14NeverTakesItBack() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .keepsSuspicions
    var h = CoordinatorHarness(settings)
    h.submit(1...1)
    var lost = FakeServer(1)
    let task = h.pull(lost.next(), wants: 1)[0]
    h.pass(.seconds(11))
    lost.running = [task.task]
    _ = h.pull(lost.next())
    var server = FakeServer(2)
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func theFirstResultWinsAndTheOtherTaskIsCancelled() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var slow = FakeServer(1)
    let first = h.pull(slow.next(), wants: 1)[0]
    h.pass(.seconds(11))
    var quick = FakeServer(2)
    let second = h.pull(quick.next(), wants: 1)[0]
    slow.running = [first.task]
    let poll = h.ask(slow.next().request(wants: 0, poll: 3_000))
    #expect(h.server(poll) == nil)
    h.finish(second)
    #expect(h.server(poll)?.cancel == [first.task])
  }
}
