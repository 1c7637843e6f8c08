import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Which results a client takes (I6), and how it asks.
struct ClientResultTests {
  private func submitted(
    _ count: Int, bugs: ClientSettings.PlantedBugs = []
  ) -> (ClientBench, ModelCoordinator) {
    var bench = ClientBench(isNew: true, bugs: bugs)
    bench.start()
    for number in 1...count { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    return (bench, coordinator)
  }

  private func response(_ records: [Record]) -> ClientResponse {
    var response = ClientResponse()
    response.acceptedThrough = CallCounter(2)
    response.results = records
    return response
  }

  @Test func resultWithAnotherDigestIsNotTaken() throws {
    var (bench, _) = submitted(2)
    let foreign = Example.finished(Example.session, CallCounter(1), Example.digest("foreign"))
    let poll = try #require(bench.poll)
    bench.answer(poll, response([foreign]))
    #expect(bench.results.isEmpty)
    // And that it comes back at once makes no busy loop.
    #expect(bench.poll == nil)
    bench.advance(.milliseconds(5))
    #expect(bench.poll != nil)
  }

  @Test func plantedBug11IsCaught() throws {
    var (bench, _) = submitted(2, bugs: .ignoresDigest)
    let foreign = Example.finished(Example.session, CallCounter(1), Example.digest("foreign"))
    let poll = try #require(bench.poll)
    bench.answer(poll, response([foreign]))
    #expect(bench.results.contains { $0.digest != Example.digest("call 1") })
  }

  @Test func resultIsToldOnce() throws {
    var (bench, _) = submitted(2)
    let record = Example.finished(Example.session, CallCounter(1), Example.digest("call 1"))
    var poll = try #require(bench.poll)
    bench.answer(poll, response([record, record]))
    poll = try #require(bench.poll)
    #expect(!CounterRanges(poll.request.wanted).contains(CallCounter(1)))
    bench.answer(poll, response([record]))
    #expect(bench.results.count == 1)
  }

  @Test func unreadableAndForeignRecordsAreNoted() throws {
    var (bench, _) = submitted(2)
    let other = SessionName(user: Example.session.user, session: SessionID(ID128(high: 0, low: 1)))
    let poll = try #require(bench.poll)
    bench.answer(
      poll,
      response([
        Record(kind: .finished, payload: [255, 255, 255]),
        Record(kind: RecordKind(999), payload: []),
        Example.finished(other, CallCounter(1), Example.digest("call 1")),
      ]))
    #expect(bench.results.isEmpty)
    let notes = bench.said.filter { if case .note = $0 { true } else { false } }
    #expect(notes.count == 3)
  }

  @Test func exhaustedIsToldOnceAndALateResultWins() throws {
    var (bench, coordinator) = submitted(1)
    let failed = Failed(
      task: Example.task(1), call: CallName(session: Example.session, counter: CallCounter(1)),
      digest: Example.digest("call 1"), server: Example.serverNode, reason: .killed, detail: "x")
    coordinator.exhausted[CallCounter(1)] = Record(.failed(failed))
    bench.answerPoll(coordinator)
    #expect(bench.said.contains(.exhausted(failed.call, failed)))
    #expect(bench.poll == nil)
    bench.advance(.seconds(10))
    bench.answerPoll(coordinator)
    let told = bench.said.filter { if case .exhausted = $0 { true } else { false } }
    #expect(told.count == 1)
    coordinator.exhausted = [:]
    coordinator.finish(CallCounter(1), session: Example.session)
    bench.advance(.seconds(10))
    bench.answerPoll(coordinator)
    #expect(bench.results.count == 1)
    bench.advance(.seconds(60))
    #expect(bench.poll == nil)
  }

  /// The program saw h; a coordinator that doesn't know that offers another result.
  @Test func collectedResultIsTheResult() throws {
    var bench = ClientBench()
    bench.start()
    bench.submit("call 1")
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    let seen = Example.result("seen").hash
    bench.handle(.collect(CallCounter(1), result: seen))
    bench.relaunch()
    bench.submit("call 1")
    let other = Example.finished(
      Example.session, CallCounter(1), Example.digest("call 1"), "other")
    var fresh = ModelCoordinator()
    fresh.submitted = coordinator.submitted
    // The collection has not been sent in this run.
    let question = try #require(bench.sync)
    bench.answer(
      question, fresh.answer(question.request, copies: [fresh], refusal: nil))
    let poll = try #require(bench.poll)
    bench.answer(poll, response([other]))
    #expect(bench.results.isEmpty)
    // Told of the collection, it still has no other: all copies of the first are lost.
    bench.advance(.milliseconds(30))
    bench.settle(&fresh)
    #expect(fresh.collected[CallCounter(1)] == seen)
    let again = try #require(bench.poll)
    bench.answer(again, response([other]))
    #expect(bench.results.map(\.result.hash) == [Example.result("other").hash])
  }

  @Test func pausedClientAsksForNothing() throws {
    var (bench, coordinator) = submitted(3)
    bench.handle(.pauseResults(true))
    coordinator.finish(CallCounter(1), session: Example.session)
    bench.answerPoll(coordinator)
    #expect(bench.results.count == 1)
    bench.advance(.milliseconds(100))
    #expect(bench.poll == nil)
    bench.handle(.pauseResults(false))
    #expect(bench.poll != nil)
  }

  @Test func scatteredGapsTakeTurns() throws {
    var bench = ClientBench(isNew: true) { $0.wantedRanges = 4 }
    bench.start()
    for number in 1...40 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    // Every second is finished: twenty gaps.
    for number in stride(from: UInt64(2), through: 40, by: 2) {
      coordinator.finish(CallCounter(number), session: Example.session)
    }
    bench.answerPoll(coordinator)
    #expect(bench.results.count == 20)
    for number in stride(from: UInt64(1), through: 39, by: 2) {
      coordinator.finish(CallCounter(number), session: Example.session)
    }
    var polls = 0
    while bench.results.count < 40, polls < 20 {
      polls += 1
      let poll = try #require(bench.poll)
      #expect(poll.request.wanted.count <= 5)
      bench.answerPoll(coordinator)
    }
    #expect(bench.results.count == 40)
    #expect(Set(bench.results.map(\.call.counter)).count == 40)
  }

  @Test func twinIsToldOnce() throws {
    var (bench, _) = submitted(2)
    for _ in 0..<3 {
      bench.advance(.seconds(1))
      let poll = try #require(bench.poll)
      var response = ClientResponse()
      response.acceptedThrough = CallCounter(2)
      response.conflictingIncarnation = true
      bench.answer(poll, response)
    }
    #expect(bench.said.filter { $0 == .conflict }.count == 1)
  }
}
