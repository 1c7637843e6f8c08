import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// The rows of DESIGN's durability table that are the coordinator's (I7): nothing is said too
/// early.
@Suite struct CoordinatorDurabilityTests {
  static let twoListed = RingView(
    position: 0, size: 2, listed: 2,
    peers: [RingView.Peer(node: CoordinatorHarness.peer)])

  @Test func acceptedOnlyWhenDurable() {
    var h = CoordinatorHarness()
    h.syncsAlways = false
    let token = h.submit(1...3)
    #expect(h.client(token) == nil)
    h.sync()
    #expect(h.client(token)?.acceptedThrough == CallCounter(3))
  }

  @Test func heldButNotYetDurableStillWaits() {
    var h = CoordinatorHarness()
    h.syncsAlways = false
    h.ingest(
      .submitted(
        Submitted(
          call: CallSample.call(1), digest: CallSample.digest(1), spec: CallSample.spec(1),
          wallTime: 7)))
    let token = h.submit(1...1)
    #expect(h.log.count == 1)
    #expect(h.client(token) == nil)
    h.sync()
    #expect(h.client(token)?.acceptedThrough == CallCounter(1))
  }

  @Test func acceptedThroughCountsDurableFactsOnly() {
    var h = CoordinatorHarness()
    h.syncsAlways = false
    let first = h.submit(1...2)
    h.sync()
    let second = h.submit(3...4)
    // An unrelated answer in between tells only what is durable.
    let question = h.ask(.with([]))
    #expect(h.client(first)?.acceptedThrough == CallCounter(2))
    #expect(h.client(question)?.acceptedThrough == CallCounter(2))
    #expect(h.client(second) == nil)
    h.sync()
    #expect(h.client(second)?.acceptedThrough == CallCounter(4))
  }

  @Test func controlsWaitForDurability() {
    for record in [CallSample.collected(1), CallSample.cancelled(1), CallSample.released(1...1)] {
      var h = CoordinatorHarness()
      h.submit(1...1)
      h.syncsAlways = false
      let token = h.ask(.with([record]))
      #expect(h.client(token) == nil)
      h.sync()
      #expect(h.client(token) != nil)
    }
  }

  @Test func aControlUnderAReleaseWaitsForTheRelease() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    h.syncsAlways = false
    h.ask(.with([CallSample.released(1...1)]))
    let token = h.ask(.with([CallSample.collected(1)]))
    #expect(h.client(token) == nil)
    h.sync()
    #expect(h.client(token) != nil)
  }

  @Test func plantedBugB1AnswersTooEarly() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .answersBeforeDurable
    var h = CoordinatorHarness(settings)
    h.syncsAlways = false
    #expect(h.accept(1...3)?.acceptedThrough == CallCounter(3))
  }

  @Test func withOneCoordinatorDurableIsSafe() {
    var h = CoordinatorHarness()
    let answer = h.answer(.with([CallSample.submitted(1), CallSample.collected(1)]))
    #expect(answer?.safeThrough == CallCounter(1))
    #expect(answer?.controlsSafe == true)
  }

  @Test func withTwoTheOthersDurableEndDecides() {
    var h = CoordinatorHarness(ring: Self.twoListed)
    let records = [CallSample.submitted(1), CallSample.submitted(2), CallSample.collected(2)]
    let first = h.answer(.with(records))
    #expect(first?.acceptedThrough == CallCounter(2))
    #expect(first?.safeThrough == .zero)
    #expect(first?.controlsSafe == false)
    h.send(.peerDurable(h.own, Ordinal(1)))
    let second = h.answer(.with(records))
    #expect(second?.safeThrough == CallCounter(1))
    #expect(second?.controlsSafe == false)
    h.send(.peerDurable(h.own, Ordinal(3)))
    let third = h.answer(.with(records))
    #expect(third?.safeThrough == CallCounter(2))
    #expect(third?.controlsSafe == true)
    #expect(h.log.count == 3)
  }

  @Test func safeIsCountedAnewWhenCoordinatorsAreListed() {
    var h = CoordinatorHarness()
    #expect(h.accept(1...2)?.safeThrough == CallCounter(2))
    h.send(.ring(Self.twoListed))
    #expect(h.answer(.with([]))?.safeThrough == .zero)
    h.peerCatchesUp()
    #expect(h.answer(.with([]))?.safeThrough == CallCounter(2))
  }

  @Test func aPollWithoutResultsWaitsForSafety() {
    var h = CoordinatorHarness(ring: Self.twoListed)
    var request = ClientRequest.with([CallSample.submitted(1), CallSample.collected(1)])
    request.poll = 5_000
    let token = h.ask(request)
    #expect(h.client(token) == nil)
    h.send(.peerDurable(h.own, Ordinal(1)))
    #expect(h.client(token) == nil)
    h.send(.peerDurable(h.own, Ordinal(2)))
    #expect(h.client(token)?.safeThrough == CallCounter(1))
    #expect(h.client(token)?.controlsSafe == true)
    let other = h.ask(.with([CallSample.submitted(2)]))
    #expect(h.client(other) != nil)
    var late = ClientRequest.with([CallSample.submitted(2)])
    late.poll = 5_000
    let expired = h.ask(late)
    h.pass(.seconds(5))
    #expect(h.client(expired)?.safeThrough == CallCounter(1))
  }

  @Test func resultsAreHeldOnlyWhenDurableWithTheirArchives() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    h.syncsAlways = false
    let archive = CallSample.archive(3)
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok", files: archive)]
    let first = h.ask(request)
    #expect(h.results(first) == nil)
    h.sync()
    #expect(h.results(first)?.held == [])
    #expect(h.results(first)?.missingArchives == [archive])
    #expect(h.needed == [archive])
    h.archive(archive, .held)
    #expect(h.answer(request)?.held == [])
    h.archive(archive, .durable)
    let last = h.answer(request)
    #expect(last?.held == [task.task])
    #expect(last?.safe == [task.task])
    #expect(h.log.count == 3)
  }

  /// The sync that the answer waited for need not cover a release that came meanwhile.
  @Test func aResultIsHeldThoughItsCallIsReleasedMeanwhile() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    h.syncsAlways = false
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok")]
    let token = h.ask(request)
    let arrived = h.sequence
    _ = h.ask(.with([CallSample.released(1...1)]))
    #expect(h.sequence > arrived)
    #expect(h.results(token) == nil)
    h.durable = arrived
    h.send(.persisted(through: arrived))
    #expect(h.results(token)?.held == [task.task])
    #expect(h.results(token)?.safe == [])
    h.sync()
    #expect(h.answer(request)?.safe == [task.task])
  }

  @Test func resultsAreSafeOnlyElsewhereToo() {
    var h = CoordinatorHarness(ring: Self.twoListed)
    h.submit(1...1)
    h.pass(.seconds(1))
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok")]
    let first = h.answer(request)
    #expect(first?.held == [task.task])
    #expect(first?.safe == [])
    server.holding = [task.task]
    let kept = h.ask(server.next().request(wants: 0, poll: 0))
    #expect(h.server(kept)?.safe == [])
    #expect(h.server(kept)?.send == [])
    h.peerCatchesUp()
    #expect(h.answer(request)?.safe == [task.task])
    let dropped = h.ask(server.next().request(wants: 0, poll: 0))
    #expect(h.server(dropped)?.safe == [task.task])
  }

  @Test func aResultWithAnArchiveIsSafeWhenTheArchiveIs() {
    var h = CoordinatorHarness(ring: Self.twoListed)
    let archive = CallSample.archive(3)
    h.submit(1...1)
    h.pass(.seconds(1))
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok", files: archive)]
    h.archive(archive, .durable)
    h.ask(request)
    h.peerCatchesUp()
    #expect(h.answer(request)?.held == [task.task])
    #expect(h.answer(request)?.safe == [])
    h.archive(archive, .safe)
    #expect(h.answer(request)?.safe == [task.task])
  }

  @Test func plantedBugB13CallsHeldSafe() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .heldIsSafe
    var h = CoordinatorHarness(settings, ring: Self.twoListed)
    h.submit(1...1)
    h.pass(.seconds(1))
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok")]
    #expect(h.answer(request)?.safe == [task.task])
  }

  @Test func aResultIsDeliveredWithoutWaiting() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    let poll = h.ask(.poll())
    h.syncsAlways = false
    h.finish(task)
    #expect(h.client(poll)?.resultCounters == [1])
  }

  @Test func anAssignmentIsToldWithoutWaiting() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    h.syncsAlways = false
    var server = FakeServer(1)
    #expect(h.pull(server.next(), wants: 1).count == 1)
  }

  @Test func removalIsAnsweredWhenDurable() {
    var h = CoordinatorHarness()
    h.syncsAlways = false
    let token = h.token()
    h.send(.operatorRequest(token, .remove(CoordinatorHarness.peer)))
    #expect(h.replies[token] == nil)
    h.sync()
    guard case .operation(.done)? = h.replies[token] else {
      Issue.record("not done")
      return
    }
    #expect(h.coordinator.ledger.isRemoved(CoordinatorHarness.peer))
  }
}
