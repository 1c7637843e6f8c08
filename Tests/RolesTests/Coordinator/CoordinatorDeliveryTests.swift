import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Results to clients.
@Suite struct CoordinatorDeliveryTests {
  /// So many calls, all finished by one server.
  static func finished(_ count: UInt64, output: String = "ok") -> CoordinatorHarness {
    var h = CoordinatorHarness()
    h.submit(1...count)
    var server = FakeServer(1)
    for task in h.pull(server.next(), wants: count) { h.finish(task, output: output) }
    return h
  }

  @Test func resultsComeInTheOrderOfCounters() {
    var h = Self.finished(4)
    #expect(h.answer(.poll())?.resultCounters == [1, 2, 3, 4])
  }

  @Test func whatTheClientHasIsLeftOut() {
    var h = Self.finished(6)
    #expect(h.answer(.poll(have: [1...2, 5...5]))?.resultCounters == [3, 4, 6])
    #expect(h.answer(.poll(have: [1...6])) == nil)
  }

  @Test func onlyWhatIsWantedIsSent() {
    var h = Self.finished(6)
    #expect(h.answer(.poll(wanted: [2...3, 6...9]))?.resultCounters == [2, 3, 6])
    #expect(h.answer(.poll(wanted: [8...9])) == nil)
  }

  @Test func cancelledCollectedReleasedAreNotDelivered() {
    var h = Self.finished(4)
    h.ask(.with([CallSample.cancelled(1), CallSample.collected(2), CallSample.released(3...3)]))
    #expect(h.answer(.poll())?.resultCounters == [4])
  }

  @Test func aRelaunchedClientGetsCollectedResultsByCounter() {
    var h = Self.finished(3)
    h.ask(.with([CallSample.collected(1), CallSample.collected(3)]))
    #expect(h.answer(.poll())?.resultCounters == [2])
    #expect(h.answer(.poll(wanted: [1...9]))?.resultCounters == [1, 2, 3])
  }

  @Test func answersAreBoundedInBytesButNeverEmpty() {
    var h = Self.finished(5, output: String(repeating: "x", count: 1000))
    var request = ClientRequest.poll()
    request.resultBytes = 2_600
    #expect(h.answer(request)?.resultCounters == [1, 2])
    request.resultBytes = 1
    #expect(h.answer(request)?.resultCounters == [1])
  }

  @Test func aPollWaitsForAResultOrItsEnd() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    let empty = h.ask(.poll(2_000))
    h.pass(.milliseconds(1_900))
    #expect(h.client(empty) == nil)
    h.pass(.milliseconds(200))
    #expect(h.client(empty)?.resultCounters == [])
    let poll = h.ask(.poll())
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    #expect(h.client(poll) == nil)
    h.finish(task)
    #expect(h.client(poll)?.resultCounters == [1])
  }

  @Test func aGoneRequestLeavesNothingBehind() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    let poll = h.ask(.poll())
    h.send(.requestGone(poll))
    #expect(h.coordinator.parked.isEmpty)
    h.pass(.seconds(60))
    #expect(h.client(poll) == nil)
    let stranger = SessionName(
      user: CallSample.session.user, session: SessionID(ID128(high: 8, low: 8)))
    var request = ClientRequest.poll(1_000)
    request.session = stranger
    let lost = h.ask(request)
    h.pass(.seconds(2))
    #expect(h.client(lost)?.acceptedThrough == .zero)
    #expect(h.coordinator.sessions[stranger] == nil)
  }

  @Test func exhaustedCallsAreTold() {
    var h = CoordinatorHarness()
    h.submit(1...1) { $0.failureLimit = 1 }
    var server = FakeServer(1)
    let poll = h.ask(.poll())
    h.fail(h.pull(server.next(), wants: 1)[0])
    #expect(h.client(poll)?.exhausted.count == 1)
    #expect(h.client(poll)?.results.count == 0)
  }

  @Test func aResultWaitsForItsArchive() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    let poll = h.ask(.poll())
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok", files: archive)]
    h.ask(request)
    #expect(h.state(1) == .finished)
    #expect(h.client(poll) == nil)
    h.archive(archive, .held)
    #expect(h.client(poll)?.resultCounters == [1])
  }

  @Test func nothingIsHandedOutBeforeCatchingUp() {
    var h = CoordinatorHarness(caughtUp: false)
    h.submit(1...1)
    let task = CallSample.foreignTask(1)
    h.append(
      [CallSample.finished(CallSample.assigned(task, 1, to: FakeServer(1).id), "ok")], to: h.foreign
    )
    let poll = h.ask(.poll())
    #expect(h.client(poll) == nil)
    h.send(.caughtUp)
    #expect(h.client(poll)?.resultCounters == [1])
  }

  @Test func aLostArchiveMakesTheCallRunAgain() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok", files: archive)]
    h.ask(request)
    h.archive(archive, .lost)
    #expect(h.state(1) == .pending)
    let again = h.pull(server.next(), wants: 1)
    #expect(again.count == 1)
    #expect(again.first?.task != task.task)
  }

  @Test func whoHoldsTheArchiveFinishesTheCallAgain() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.archive(archive, .durable)
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok", files: archive)]
    h.ask(request)
    h.ingest(.lost(Lost(task: task.task, call: task.call, digest: task.digest)))
    #expect(h.state(1) == .finished)
    let poll = h.answer(.poll())
    #expect(poll?.resultCounters == [1])
  }
}

extension CoordinatorDeliveryTests {
  @Test func archivesAreForgottenWithTheCallsThatWantThem() {
    var h = CoordinatorHarness()
    let (input, output) = (CallSample.archive(1), CallSample.archive(2))
    h.submit(1...1) { $0.input = .archive(input, size: 1) }
    h.archive(input, .durable)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    var request = ResultsRequest(server: server.id)
    request.records = [CallSample.finished(task, "ok", files: output)]
    h.ask(request)
    #expect(h.notNeeded == [input])
    #expect(h.needed == [input, output])
    h.archive(output, .durable)
    h.ask(.with([CallSample.released(1...1)]))
    #expect(h.notNeeded == [input, output])
    #expect(h.coordinator.archives.isEmpty)
    #expect(h.coordinator.archiveUsers.isEmpty)
  }

  @Test func everyFinishedTasksArchivesAreKept() {
    var h = CoordinatorHarness()
    let (one, two) = (CallSample.archive(1), CallSample.archive(2))
    h.submit(1...1)
    var server = FakeServer(1)
    let task = h.pull(server.next(), wants: 1)[0]
    h.append([CallSample.finished(task, "ok", files: one)], to: h.foreign)
    let other = CallSample.assigned(CallSample.foreignTask(1), 1, to: FakeServer(9).id)
    var request = ResultsRequest(server: FakeServer(9).id)
    request.records = [CallSample.finished(other, "ok", files: two)]
    let first = h.answer(request)
    #expect(first?.missingArchives == [two])
    #expect(Set(h.needed) == [one, two])
    h.archive(two, .durable)
    #expect(h.answer(request)?.safe == [other.task])
  }

  @Test func aDeletedSegmentIsNoEvidence() {
    var h = CoordinatorHarness(ring: CoordinatorDurabilityTests.twoListed)
    h.append([CallSample.submitted(1)], to: h.foreign)
    h.send(.peerDurable(h.foreign, Ordinal(1)))
    #expect(h.answer(.with([]))?.safeThrough == CallCounter(1))
    // Drained: the record stands in this node's own segment now.
    h.append([CallSample.submitted(1)], to: h.own)
    h.send(.segmentDeleted(h.foreign))
    h.send(.ring(RingView()))
    h.send(.ring(CoordinatorDurabilityTests.twoListed))
    #expect(h.answer(.with([]))?.safeThrough == .zero)
    h.peerCatchesUp()
    #expect(h.answer(.with([]))?.safeThrough == CallCounter(1))
  }
}
