import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Which call goes to which server, and when.
@Suite struct CoordinatorSchedulingTests {
  @Test func firstComeFirstServed() {
    var h = CoordinatorHarness()
    h.submit(1...3)
    h.submit(4...5)
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 2).map(\.call.counter.value) == [1, 2])
    #expect(h.pull(server.next(), wants: 9).map(\.call.counter.value) == [3, 4, 5])
  }

  @Test func taskNamesAreNeverDrawnTwice() {
    var h = CoordinatorHarness()
    h.submit(1...5)
    var server = FakeServer(1)
    let tasks = h.pull(server.next(), wants: 5)
    #expect(Set(tasks.map(\.task)).count == 5)
    #expect(tasks.allSatisfy { $0.task.node == CoordinatorHarness.node })
    #expect(tasks.allSatisfy { $0.task.start == h.own.nonce })
    #expect(tasks.allSatisfy { $0.server == server.id })
  }

  @Test func servicesAndVersionsAreMatched() {
    var h = CoordinatorHarness()
    h.ask(
      .with([
        CallSample.submitted(1) { $0.service = "blur" },
        CallSample.submitted(2) {
          $0.service = "blur"
          $0.version = "2"
        },
        CallSample.submitted(3),
      ]))
    var exec = FakeServer(1)
    #expect(h.pull(exec.next(), wants: 9).map(\.call.counter.value) == [3])
    var old = FakeServer(2)
    old.services = ["blur/1"]
    #expect(h.pull(old.next(), wants: 9).map(\.call.counter.value) == [1])
    var new = FakeServer(3)
    new.services = ["blur/2", "exec"]
    #expect(h.pull(new.next(), wants: 9).map(\.call.counter.value) == [2])
  }

  @Test func aWaitingServerGetsACallAtOnce() {
    var h = CoordinatorHarness()
    var server = FakeServer(1)
    let poll = h.ask(server.next().request(wants: 2, poll: 2_000))
    #expect(h.server(poll) == nil)
    h.submit(1...1)
    #expect(h.assigned(poll).map(\.call.counter.value) == [1])
  }

  @Test func theFreestServerIsServedFirst() {
    var h = CoordinatorHarness()
    var busy = FakeServer(1)
    busy.slots = 2
    var free = FakeServer(2)
    free.slots = 4
    let a = h.ask(busy.next().request(wants: 2, poll: 2_000))
    let b = h.ask(free.next().request(wants: 4, poll: 2_000))
    h.submit(1...3)
    // Slot by slot: 4, then 3, then one of the two that are equal.
    #expect(h.assigned(b).count == 2)
    #expect(h.assigned(a).count == 1)
  }

  @Test func equallyFreeServersTakeTurns() {
    var h = CoordinatorHarness()
    var servers = [FakeServer(1), FakeServer(2), FakeServer(3)]
    var counts = [0, 0, 0]
    for round in 1...9 {
      var polls: [RequestToken] = []
      for index in servers.indices {
        polls.append(h.ask(servers[index].next().request(wants: 1, poll: 1_000)))
      }
      h.submit(UInt64(round)...UInt64(round))
      for index in servers.indices {
        counts[index] += h.assigned(polls[index]).count
        if h.server(polls[index]) == nil { h.send(.requestGone(polls[index])) }
      }
    }
    #expect(counts == [3, 3, 3])
  }

  @Test func aPollEndsBelowTheSuspicionTime() {
    var h = CoordinatorHarness()
    var server = FakeServer(1)
    let poll = h.ask(server.next().request(wants: 2, poll: 60_000))
    h.pass(.seconds(4))
    #expect(h.server(poll)?.assignments == [])
  }

  @Test func aSecondPollSupersedesTheFirst() {
    var h = CoordinatorHarness()
    var server = FakeServer(1)
    let first = h.ask(server.next().request(wants: 1, poll: 2_000))
    server.sequence += 1
    let second = h.ask(server.request(wants: 3, poll: 2_000))
    #expect(h.server(first)?.sequence == 1)
    h.submit(1...5)
    #expect(h.assigned(second).count == 3)
  }

  @Test func aLateCopyOfARequestIsIgnored() {
    var h = CoordinatorHarness()
    h.submit(1...2)
    var server = FakeServer(1)
    let request = server.next().request(wants: 1, poll: 0)
    #expect(h.assignments(request).count == 1)
    #expect(h.assignments(request).count == 0)
  }

  @Test func inputsMustBeHereFirst() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.submit(1...1) { $0.executable = archive }
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.archive(archive, .held)
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func nothingIsScheduledBeforeCatchingUp() {
    var h = CoordinatorHarness(caughtUp: false)
    h.submit(1...1)
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.pass(.seconds(9))
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    // An answer shows that there is something to catch up with: the wait starts again.
    h.send(.neighbourAnswered)
    h.pass(.seconds(9))
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    let poll = h.ask(server.next().request(wants: 1, poll: 3_000))
    h.pass(.seconds(2))
    #expect(h.assigned(poll).count == 1)
  }

  @Test func aGreaterPriorityGoesFirst() {
    var h = CoordinatorHarness()
    h.submit(1...2)
    h.submit(3...4) { $0.priority = 5 }
    h.submit(5...5) { $0.priority = -1 }
    var server = FakeServer(1)
    let order = h.pull(server.next(), wants: 5).map(\.call.counter.value)
    #expect(order == [3, 4, 1, 2, 5])
  }

  /// A release that reaches beyond all counters costs no step a counter.
  @Test func aReleaseOfEverythingIsSteppedOver() {
    var h = CoordinatorHarness()
    h.submit(1...3)
    h.append([CallSample.released(2...(UInt64.max >> 1))], to: h.foreign)
    var request = ClientRequest(session: CallSample.session)
    request.wantsHash = true
    let answer = h.answer(request)
    #expect(answer?.acceptedThrough.value ?? 0 >= 3)
    #expect(answer?.digestsHash != nil)
  }

  @Test func aFullLogGivesOutNothing() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    h.send(.logFull(true))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    #expect(h.answer(server.next().request(wants: 1, poll: 0))?.logFull == true)
    let poll = h.ask(server.next().request(wants: 1, poll: 3_000))
    h.send(.logFull(false))
    #expect(h.assigned(poll).count == 1)
  }

  @Test func anAssignmentThatCannotBeAppendedIsGivenOutAgain() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    h.refusesAppends = true
    let first = h.pull(server.next(), wants: 1)
    h.refusesAppends = false
    let second = h.pull(server.next(), wants: 1)
    #expect(first.count == 1)
    #expect(second.count == 1)
    #expect(first[0].task != second[0].task)
  }

  @Test func ownShareFirstAnothersAfterAMoment() {
    let ring = RingView(
      position: 0, size: 2, listed: 2, peers: [RingView.Peer(node: CoordinatorHarness.peer)])
    var h = CoordinatorHarness(ring: ring)
    h.submit(1...40)
    var server = FakeServer(1)
    let own = h.pull(server.next(), wants: 100).map(\.call)
    #expect(own.allSatisfy { $0.share(of: 2) == 0 })
    #expect((10...30).contains(own.count))
    h.pass(.milliseconds(49))
    #expect(h.pull(server.next(), wants: 100).isEmpty)
    h.pass(.milliseconds(2))
    let others = h.pull(server.next(), wants: 100).map(\.call)
    #expect(others.allSatisfy { $0.share(of: 2) == 1 })
    #expect(own.count + others.count == 40)
  }

  @Test func failuresBackOffAndEnd() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    var waits: [Int] = []
    for _ in 1...5 {
      var waited = 0
      var task = h.pull(server.next(), wants: 1)
      while task.isEmpty {
        h.pass(.milliseconds(500))
        waited += 1
        task = h.pull(server.next(), wants: 1)
      }
      waits.append(waited)
      h.fail(task[0])
    }
    #expect(waits == [0, 2, 4, 8, 16])
    #expect(h.state(1) == .exhausted)
    h.pass(.seconds(300))
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func aRestartedMachinesTaskIsTriedAgainAtOnce() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    for _ in 1...10 {
      let task = h.pull(server.next(), wants: 1)
      #expect(task.count == 1)
      if let task = task.first { h.fail(task, .serverRestarted) }
    }
  }

  @Test func backOffHasABound() {
    var h = CoordinatorHarness()
    h.submit(1...1) { $0.failureLimit = 100 }
    var server = FakeServer(1)
    for _ in 1...12 {
      h.pass(.seconds(61))
      let task = h.pull(server.next(), wants: 1)
      #expect(task.count == 1)
      if let task = task.first { h.fail(task) }
    }
  }

  @Test func manyBytesAreSplitOverAnswersAndAppends() {
    var settings = CoordinatorSettings()
    settings.assignmentBytes = 3_000
    settings.appendBytes = 2_000
    var h = CoordinatorHarness(settings)
    h.submit(1...5) { $0.arguments.append([UInt8](repeating: 1, count: 1_500)) }
    #expect(h.log.map(\.sequence).max() == LogSequence(5))
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 5).count == 2)
  }
}
