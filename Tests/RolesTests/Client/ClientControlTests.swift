import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Collections, cancellations, releases: logged, sent in batches, kept until safe.
struct ClientControlTests {
  private func run(
    _ count: Int, mode: SessionMode = .keep, _ coordinator: inout ModelCoordinator
  ) -> ClientBench {
    var bench = ClientBench(mode: mode, isNew: true)
    bench.start()
    for number in 1...count { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    for number in 1...count {
      coordinator.finish(CallCounter(UInt64(number)), session: Example.session)
    }
    bench.answerPoll(coordinator)
    return bench
  }

  private func collectAll(_ bench: inout ClientBench) {
    for result in bench.results {
      bench.handle(.collect(result.call.counter, result: result.result.hash))
    }
  }

  @Test func collectionsTravelTogether() {
    var coordinator = ModelCoordinator()
    var bench = run(20, &coordinator)
    collectAll(&bench)
    #expect(bench.sync == nil)
    #expect(bench.progress.unheldControls == 20)
    bench.advance(.milliseconds(20))
    #expect(bench.sync?.request.records.filter { $0.kind == .collected }.count == 20)
    bench.settle(&coordinator)
    #expect(coordinator.collected.count == 20)
    #expect(bench.progress.unsafeControls == 0)
  }

  @Test func flushTellsCollectionsAtOnce() {
    var coordinator = ModelCoordinator()
    var bench = run(2, &coordinator)
    collectAll(&bench)
    #expect(bench.sync == nil)
    bench.handle(.flush)
    #expect(bench.sync?.request.records.map(\.kind) == [.collected, .collected])
  }

  @Test func submissionTakesWaitingCollectionsAlong() throws {
    var coordinator = ModelCoordinator()
    var bench = run(2, &coordinator)
    collectAll(&bench)
    bench.submit("call 3")
    let sync = try #require(bench.sync)
    #expect(sync.request.records.map(\.kind) == [.submitted, .collected, .collected])
  }

  @Test func releaseOnCollectionWritesNoCollections() {
    var coordinator = ModelCoordinator()
    var bench = run(20, mode: .releaseOnCollection, &coordinator)
    collectAll(&bench)
    bench.advance(.milliseconds(20))
    bench.settle(&coordinator)
    #expect(coordinator.released.ranges == [CallCounter(1)...CallCounter(20)])
    #expect(bench.log.filter { $0.kind == .released }.count == 1)
    #expect(bench.log.filter { $0.kind == .collected }.isEmpty)
  }

  @Test func unsafeControlsAreAskedAfterWithOneRecordAndSentToTheNextCoordinator() throws {
    var coordinator = ModelCoordinator()
    var bench = run(20, &coordinator)
    collectAll(&bench)
    bench.advance(.milliseconds(20))
    // Held, not safe.
    bench.settle(&coordinator, copies: [ModelCoordinator()])
    #expect(bench.progress.unheldControls == 0)
    #expect(bench.progress.unsafeControls == 20)
    bench.advance(.seconds(1))
    let probe = try #require(bench.sync)
    #expect(probe.request.records.count == 1)
    bench.fail(probe)
    bench.advance(.seconds(1))
    bench.settle(&coordinator)
    #expect(bench.progress.unsafeControls == 0)
  }

  @Test func endedSessionIsForgottenOnceSafe() {
    var coordinator = ModelCoordinator()
    var bench = run(3, &coordinator)
    collectAll(&bench)
    bench.handle(.endSession)
    let records = bench.log
    func dead() -> [Bool] {
      records.map { record in
        record.payload.withUnsafeBytes { bench.client.isDead(record.kind, $0) }
      }
    }
    bench.settle(&coordinator, copies: [ModelCoordinator()])
    #expect(!bench.progress.isEnded)
    #expect(dead().allSatisfy { !$0 })
    bench.advance(.seconds(1))
    bench.settle(&coordinator)
    #expect(bench.progress.isEnded)
    #expect(dead().allSatisfy { $0 })
    bench.advance(.seconds(60))
    #expect(bench.inFlight.isEmpty)
    bench.submit("more")
    #expect(bench.refusals == [.ended])
    bench.relaunch()
    bench.submit("call 1")
    #expect(bench.returned.map(\.known) == [.released])
  }

  /// Its log is lost, then the coordinator's disk: what was released is bridged all the same.
  @Test func learntReleasesAreToldToAnEmptyCoordinator() {
    var coordinator = ModelCoordinator()
    var bench = run(3, mode: .releaseOnCollection, &coordinator)
    collectAll(&bench)
    bench.advance(.milliseconds(20))
    bench.settle(&coordinator)
    #expect(coordinator.released.ranges == [CallCounter(1)...CallCounter(3)])
    bench.relaunch(losesLog: true)
    for number in 1...5 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    bench.advance(.milliseconds(20))
    bench.settle(&coordinator)
    var empty = ModelCoordinator()
    for _ in 1...3 {
      bench.advance(.seconds(1))
      bench.answerPoll(empty)
      bench.settle(&empty)
    }
    #expect(empty.released.ranges == [CallCounter(1)...CallCounter(3)])
    #expect(bench.progress.acceptedThrough == CallCounter(5))
  }

  @Test func partlyReleasedSessionKeepsTheRest() {
    var coordinator = ModelCoordinator()
    var bench = run(3, &coordinator)
    bench.handle(.release([CallCounter(1)...CallCounter(2)]))
    bench.advance(.milliseconds(20))
    bench.settle(&coordinator)
    let dead = bench.log.filter { record in
      record.payload.withUnsafeBytes { bench.client.isDead(record.kind, $0) }
    }
    #expect(dead.map(\.kind) == [.submitted, .submitted])
  }

  @Test func cancellationIsReleasedOnceSafe() {
    var coordinator = ModelCoordinator()
    var bench = ClientBench(isNew: true)
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    bench.handle(.cancel(CallCounter(2)))
    #expect(
      bench.said.contains(
        .cancelled(CallName(session: Example.session, counter: CallCounter(2)))))
    bench.settle(&coordinator, copies: [ModelCoordinator()])
    #expect(coordinator.cancelled == [CallCounter(2)])
    #expect(coordinator.released.isEmpty)
    bench.advance(.seconds(1))
    bench.settle(&coordinator)
    bench.advance(.milliseconds(20))
    bench.settle(&coordinator)
    #expect(coordinator.released.ranges == [CallCounter(2)...CallCounter(2)])
    coordinator.finish(CallCounter(2), session: Example.session)
    bench.answerPoll(coordinator)
    #expect(bench.results.isEmpty)
  }

  @Test func cancelAllCancelsWhatIsNotCollected() {
    var coordinator = ModelCoordinator()
    var bench = run(3, &coordinator)
    bench.handle(.collect(CallCounter(1), result: bench.results[0].result.hash))
    bench.submit("call 4")
    bench.handle(.cancelAll)
    bench.settle(&coordinator)
    #expect(coordinator.cancelled.sorted().map(\.value) == [2, 3, 4])
  }

  /// `rpcv cancel` and `rpcv results` on another machine: no log, no program.
  @Test func attachedClientAdoptsTheSession() {
    var coordinator = ModelCoordinator()
    var bench = run(10, &coordinator)
    bench.relaunch(losesLog: true)
    bench.handle(.attach(wantsResults: true))
    bench.settle(&coordinator)
    #expect(bench.said.contains(.attached(through: CallCounter(10))))
    // The first question left with the first page of digests.
    bench.answerPoll(coordinator)
    bench.answerPoll(coordinator)
    #expect(bench.results.count == 10)
    bench.submit("more")
    #expect(bench.refusals == [.attached])
    #expect(bench.log.isEmpty)
  }

  @Test func attachedClientCancels() {
    var coordinator = ModelCoordinator()
    var bench = ClientBench(isNew: true)
    bench.start()
    for number in 1...10 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    bench.relaunch(losesLog: true)
    bench.handle(.attach(wantsResults: false))
    bench.handle(.cancel(CallCounter(9)))
    bench.settle(&coordinator)
    #expect(coordinator.cancelled == [CallCounter(9)])
    bench.handle(.cancelAll)
    bench.settle(&coordinator)
    #expect(coordinator.cancelled.count == 10)
    #expect(bench.poll == nil)
  }

  /// What an earlier run logged and could not send is part of the session.
  @Test func attachedClientShipsItsLogFirst() {
    var coordinator = ModelCoordinator()
    var bench = ClientBench(isNew: true)
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    bench.settle(&coordinator)
    for number in 4...10 { bench.submit("call \(number)") }
    bench.persist()
    bench.relaunch()
    bench.handle(.attach(wantsResults: false))
    bench.settle(&coordinator)
    let attached = bench.said.compactMap { directive -> UInt64? in
      if case .attached(let through) = directive { return through.value }
      return nil
    }
    #expect(attached == [10])
  }

  /// Calls are added to a session, with its log or without.
  @Test(arguments: [false, true]) func goingOnAddsCalls(losesLog: Bool) {
    var coordinator = ModelCoordinator()
    var bench = run(10, &coordinator)
    bench.relaunch(losesLog: losesLog)
    bench.handle(.goOn)
    bench.submit("more")
    bench.submit("and more")
    #expect(bench.returned.isEmpty)
    bench.settle(&coordinator)
    #expect(bench.returned.map(\.call.counter.value) == [11, 12])
    #expect(bench.returned.allSatisfy { $0.known == .new })
    #expect(bench.client.divergence == nil)
    #expect(bench.progress.acceptedThrough.value == 12)
  }

  @Test func nothingIsAddedToAnEndedSession() {
    var coordinator = ModelCoordinator()
    var bench = run(3, &coordinator)
    bench.handle(.endSession)
    bench.settle(&coordinator)
    bench.relaunch(losesLog: true)
    bench.handle(.goOn)
    bench.submit("more")
    bench.settle(&coordinator)
    #expect(bench.refusals == [.ended])
  }

  @Test func scatteredReleasesDontWriteTheirSquare() {
    var ledger = ReleaseLedger()
    var released = CounterRanges()
    var written = 0
    var most = 0
    for number in 0..<5000 as Range<UInt64> {
      var new = CounterRanges()
      new.insert(CallCounter(1 + number * 2))
      let next = ledger.nextRecord(adding: new, to: released)
      written += next.rangeCount
      for range in next.ranges { released.insert(range) }
      _ = ledger.fold(next)
      most = max(most, ledger.live.count)
    }
    #expect(released.rangeCount == 5000)
    #expect(most <= 65)
    #expect(written < 5000 * 64)
    #expect(
      ledger.live.reduce(CounterRanges()) { sum, entry in
        var sum = sum
        for range in entry.ranges.ranges { sum.insert(range) }
        return sum
      } == released)
  }
}
