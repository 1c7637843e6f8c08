import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// A program that runs again under the same session (F19), with and without its log.
struct ClientRelaunchTests {
  /// Three calls, the first two finished, all at the coordinator.
  private func firstRun(
    _ coordinator: inout ModelCoordinator, mode: SessionMode = .keep
  ) -> ClientBench {
    var bench = ClientBench(mode: mode)
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    coordinator.finish(CallCounter(1), session: Example.session)
    coordinator.finish(CallCounter(2), session: Example.session)
    bench.answerPoll(coordinator)
    return bench
  }

  @Test func sameProgramGetsItsCallsBack() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    #expect(bench.results.map(\.call.counter.value) == [1, 2])
    bench.relaunch()
    for number in 1...3 { bench.submit("call \(number)") }
    #expect(bench.returned.map(\.known) == [.resumed, .resumed, .resumed])
    bench.settle(&coordinator)
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.call.counter.value) == [1, 2])
    #expect(bench.log.filter { $0.kind == .submitted }.count == 3)
    #expect(bench.violations.isEmpty)
  }

  /// A coordinator knows a collection, and for another run it lacks the submission.
  @Test(arguments: LoggingStrategy.allCases)
  func submissionsAreSentAgainWhenTheyAreAskedFor(strategy: LoggingStrategy) throws {
    var coordinator = ModelCoordinator()
    _ = firstRun(&coordinator)
    var bench = ClientBench(strategy: strategy)
    bench.persistsAtOnce = false
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    let poll = try #require(bench.poll)
    var response = coordinator.answer(poll.request, copies: [coordinator], refusal: nil)
    response.missingSubmissions = [CallCounter(2)...CallCounter.greatest]
    bench.answer(poll, response)
    if strategy == .blocking {
      #expect(bench.sync.map { bench.sentSubmissions($0.request) } ?? [] == [])
      bench.persist()
    }
    let sync = try #require(bench.sync)
    #expect(bench.sentSubmissions(sync.request) == [2, 3])
    bench.settle(&coordinator)
    #expect(bench.sync.map { bench.sentSubmissions($0.request) } ?? [] == [])
    #expect(coordinator.complaints == [])
    #expect(bench.violations == [])
  }

  @Test func callsOfTheLogAreShippedBeforeTheProgramComesToThem() {
    var bench = ClientBench()
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    bench.relaunch()
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    #expect(coordinator.knownThrough.value == 3)
    // Nothing is asked for that the program has not submitted.
    #expect(bench.poll == nil)
  }

  @Test func changedProgramIsRefusedByTheLog() throws {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    bench.relaunch()
    bench.submit("call 1")
    bench.submit("another call 2")
    bench.submit("call 3")
    bench.settle(&coordinator)
    #expect(bench.returned.count == 1)
    #expect(bench.refusals.count == 2)
    guard case .diverged(let divergence) = try #require(bench.refusals.first) else {
      Issue.record("not diverged")
      return
    }
    #expect(divergence.call.counter.value == 2)
    #expect(divergence.witness == .ownLog)
    #expect(divergence.known == [Example.digest("call 2")])
    #expect(bench.said.contains(.diverged(divergence)))
    #expect(coordinator.submitted[CallCounter(2)]?.count == 1)
  }

  @Test func withoutItsLogTheCoordinatorKnows() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    bench.relaunch(losesLog: true)
    for number in 1...3 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    bench.advance(.milliseconds(10))
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.call.counter.value) == [1, 2])
    #expect(coordinator.submitted.values.allSatisfy { $0.count == 1 })
    #expect(bench.refusals.isEmpty)
  }

  @Test func withoutItsLogAChangedProgramIsRefusedByTheCoordinator() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    bench.relaunch(losesLog: true)
    bench.settle(&coordinator)
    bench.submit("call 1")
    bench.submit("another")
    #expect(bench.returned.count == 1)
    #expect(bench.refusals.count == 1)
    #expect(coordinator.submitted[CallCounter(2)]?.count == 1)
  }

  @Test func changedProgramThatWasFasterThanTheAnswerIsToldToo() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    bench.relaunch(losesLog: true)
    bench.submit("call 1")
    bench.submit("another")
    #expect(bench.refusals.isEmpty)
    bench.settle(&coordinator)
    let divergences = bench.said.compactMap {
      if case .diverged(let found) = $0 { found.call.counter.value } else { nil }
    }
    #expect(divergences == [2])
    // The other program's call was not called accepted before that was told.
    let before = bench.said.prefix { if case .diverged = $0 { false } else { true } }
    #expect(before.count < bench.said.count)
    let accepted = before.compactMap {
      if case .progress(let progress) = $0 { progress.acceptedThrough.value } else { nil }
    }
    #expect(accepted.allSatisfy { $0 < 2 }, "\(accepted)")
    #expect(coordinator.submitted[CallCounter(2)]?.count == 1)
    bench.submit("call 3")
    #expect(bench.refusals.count == 1)
  }

  /// The log of the client and the hash of the coordinator differ in one call in the middle.
  @Test func differingHashIsTracedToTheCall() {
    var bench = ClientBench()
    bench.start()
    for number in 1...9 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    for number in 1...9 as ClosedRange<UInt64> {
      let text = number == 5 ? "foreign" : "call \(number)"
      coordinator.submitted[CallCounter(number)] = [
        Example.digest(text): Example.submitted(number, text)
      ]
    }
    bench.settle(&coordinator)
    let divergences = bench.said.compactMap {
      if case .diverged(let found) = $0 { found } else { nil }
    }
    #expect(divergences.map(\.call.counter.value) == [5])
    #expect(divergences.first?.witness == .coordinator("a"))
    // Results of the calls before it still come.
    coordinator.finish(CallCounter(3), session: Example.session)
    bench.advance(.milliseconds(10))
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.call.counter.value) == [3])
  }

  /// Twins with different programs may have made two entries; a client whose digest is one of them
  /// has not diverged.
  @Test func secondEntryOfACounterIsNoDivergence() {
    var bench = ClientBench()
    bench.start()
    for number in 1...2 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    for number in 1...2 as ClosedRange<UInt64> {
      for text in ["call \(number)", "foreign \(number)"] {
        coordinator.submitted[CallCounter(number), default: [:]][Example.digest(text)] =
          Example.submitted(number, text)
      }
    }
    bench.settle(&coordinator)
    #expect(bench.client.divergence == nil)
    coordinator.finish(CallCounter(1), session: Example.session)
    bench.advance(.milliseconds(10))
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.digest) == [Example.digest("call 1")])
  }

  @Test func collectedResultComesAgainToARelaunchedProgram() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    let seen = bench.results[0].result.hash
    bench.handle(.collect(CallCounter(1), result: seen))
    bench.advance(.milliseconds(30))
    bench.settle(&coordinator)
    #expect(coordinator.collected[CallCounter(1)] == seen)
    bench.relaunch()
    bench.submit("call 1")
    #expect(bench.returned.map(\.known) == [.collected(seen)])
    bench.settle(&coordinator)
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.result.hash) == [seen])
  }

  @Test func programThatHasTheResultNeedNotGetItAgain() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    let seen = bench.results[0].result.hash
    bench.handle(.collect(CallCounter(1), result: seen))
    bench.relaunch()
    bench.submit("call 1")
    bench.handle(.collect(CallCounter(1), result: seen))
    bench.settle(&coordinator)
    #expect(bench.poll == nil)
    #expect(bench.log.filter { $0.kind == .collected }.count == 1)
  }

  @Test func releasedCallIsSaidToBe() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator, mode: .releaseOnCollection)
    for result in bench.results {
      bench.handle(.collect(result.call.counter, result: result.result.hash))
    }
    bench.advance(.milliseconds(30))
    bench.settle(&coordinator)
    #expect(coordinator.released.ranges == [CallCounter(1)...CallCounter(2)])
    #expect(bench.log.filter { $0.kind == .released }.count == 1)
    bench.relaunch()
    for number in 1...3 { bench.submit("call \(number)") }
    #expect(bench.returned.map(\.known) == [.released, .released, .resumed])
  }

  @Test func withoutItsLogTheCoordinatorsReleasesCount() {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator, mode: .releaseOnCollection)
    bench.handle(.collect(CallCounter(1), result: bench.results[0].result.hash))
    bench.advance(.milliseconds(30))
    bench.settle(&coordinator)
    bench.relaunch(losesLog: true)
    // One before the coordinator answered, the others after.
    bench.submit("call 1")
    bench.settle(&coordinator)
    #expect(bench.said.contains(.released([CallCounter(1)...CallCounter(1)])))
    bench.submit("call 2")
    bench.submit("call 3")
    bench.settle(&coordinator)
    bench.advance(.milliseconds(10))
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.call.counter.value) == [2])
  }

  @Test func lostTailOfAnOptimisticLogIsNumberedAnew() {
    var bench = ClientBench(strategy: .optimistic)
    bench.persistsAtOnce = false
    bench.start()
    bench.submit("call 1")
    bench.persist()
    bench.submit("call 2")
    bench.relaunch(losesUnsynced: true)
    bench.persistsAtOnce = false
    for number in 1...2 { bench.submit("call \(number)") }
    #expect(bench.returned.map(\.known) == [.resumed, .new])
    #expect(bench.returned.map(\.call.counter.value) == [1, 2])
  }

  @Test func callsKnownToOthersAreAskedForAsTheProgramComesToThem() throws {
    var coordinator = ModelCoordinator()
    var bench = firstRun(&coordinator)
    bench.relaunch()
    bench.settle(&coordinator)
    bench.submit("call 3")
    // Wrong: call 1 of this run is "call 3".
    #expect(bench.refusals.count == 1)
    bench.relaunch()
    bench.settle(&coordinator)
    bench.submit("call 1")
    let poll = try #require(bench.poll)
    #expect(poll.request.wanted == [CallCounter(1)...CallCounter(1)])
    bench.submit("call 2")
    let query = try #require(bench.sync)
    #expect(query.request.wanted == [CallCounter(2)...CallCounter(2)])
    bench.settle(&coordinator)
    #expect(bench.results.map(\.call.counter.value) == [2])
    bench.answerPoll(coordinator)
    #expect(bench.results.map(\.call.counter.value) == [2, 1])
  }
}
