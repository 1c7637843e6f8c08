import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Results that nobody has any more (F4): collected ones whose only disk is lost, and ones whose
/// archives are nowhere.
@Suite struct CoordinatorLostResultTests {
  /// The only coordinator's disk was lost: the client told of its collection, and nobody has the
  /// result.
  private func bereft(submits: Bool = true) -> CoordinatorHarness {
    var settings = CoordinatorSettings()
    settings.lostAfter = .seconds(30)
    var h = CoordinatorHarness(settings)
    h.ask(.with([CallSample.collected(1)]))
    if submits { h.submit(1...1) }
    return h
  }

  private func finished(_ number: UInt64, _ output: String) -> Record {
    let task = CallSample.foreignTask(1, number: number)
    return CallSample.finished(
      CallSample.assigned(task, 1, to: FakeServer(1).id), output)
  }

  @Test func aCollectedResultThatNobodyBringsIsComputedAgain() throws {
    var h = bereft()
    var server = FakeServer(1)
    h.ask(.poll(1_000, wanted: [1...1]))
    h.pass(.seconds(29))
    #expect(h.state(1) == .collected)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
    h.pass(.seconds(1))
    #expect(h.state(1) == .pending)
    let task = try #require(h.pull(server.next(), wants: 1).first)
    h.finish(task)
    #expect(h.state(1) == .collected)
    #expect(h.answer(.poll(wanted: [1...1]))?.resultCounters == [1])
  }

  @Test func nothingRunsAgainThatNobodyAsksFor() {
    var h = bereft()
    var server = FakeServer(1)
    h.ask(.poll(1_000))
    h.ask(.poll(1_000, wanted: [2...9]))
    h.pass(.seconds(3_600))
    #expect(h.state(1) == .collected)
    #expect(h.pull(server.next(), wants: 1).isEmpty)
  }

  @Test func theClientIsAskedForTheSubmission() throws {
    var h = bereft(submits: false)
    let poll = h.ask(.poll(1_000, wanted: [1...1]))
    h.pass(.seconds(1))
    #expect(h.client(poll)?.acceptedThrough == CallCounter(1))
    #expect(h.client(poll)?.missingSubmissions == [CallCounter(1)...CallCounter(1)])
    // What can't run again stays collected, however long.
    h.pass(.seconds(60))
    #expect(h.state(1) == .collected)
    h.submit(1...1)
    #expect(h.state(1) == .pending)
    var server = FakeServer(1)
    h.finish(try #require(h.pull(server.next(), wants: 1).first))
    let response = h.answer(.poll(wanted: [1...1]))
    #expect(response?.resultCounters == [1])
    #expect(response?.missingSubmissions == [])
  }

  @Test func aResultThatTurnsUpInTimeIsTheResult() {
    var h = bereft()
    let poll = h.ask(.poll(10_000, wanted: [1...1]))
    h.pass(.seconds(5))
    h.append([finished(1, "ok")], to: h.foreign)
    #expect(h.client(poll)?.resultCounters == [1])
    h.pass(.seconds(3_600))
    #expect(h.state(1) == .collected)
    #expect(!h.log.contains { $0.record.kind == .lost })
  }

  /// I6: whatever was computed meanwhile, the collected result counts when it is there again.
  @Test func aResultThatTurnsUpLateIsTheResultAllTheSame() throws {
    var h = bereft()
    var server = FakeServer(1)
    h.ask(.poll(1_000, wanted: [1...1]))
    h.pass(.seconds(30))
    h.finish(try #require(h.pull(server.next(), wants: 1).first), output: "another")
    #expect(h.state(1) == .finished)
    h.append([finished(1, "ok")], to: h.foreign)
    #expect(h.state(1) == .collected)
    let version = h.coordinator.ledger.version(
      of: CallSample.call(1), digest: CallSample.digest(1))
    #expect(version?.resultRecord == finished(1, "ok"))
  }

  /// The only result here is another than the collected one.
  @Test func anotherResultWillDoInTheEnd() {
    var h = bereft()
    h.append([finished(1, "another")], to: h.foreign)
    #expect(h.state(1) == .collected)
    h.ask(.poll(1_000, wanted: [1...1]))
    h.pass(.seconds(31))
    #expect(h.state(1) == .finished)
    #expect(h.answer(.poll(wanted: [1...1]))?.resultCounters == [1])
    h.ask(.with([CallSample.collected(1, "another")]))
    #expect(h.state(1) == .collected)
  }

  @Test func theWaitBeginsAnewAfterARestart() {
    var h = bereft()
    h.ask(.poll(1_000, wanted: [1...1]))
    h.pass(.seconds(29))
    h.crash(h.coordinator.settings, ring: RingView())
    h.pass(.seconds(29))
    h.ask(.poll(1_000, wanted: [1...1]))
    h.pass(.seconds(29))
    #expect(h.state(1) == .collected)
    h.pass(.seconds(1))
    #expect(h.state(1) == .pending)
  }

  @Test func whyTellsWhatIsWantedForAnotherRun() {
    var h = bereft(submits: false)
    #expect(h.why(CallSample.call(1)).contains("No copy of it is known here."))
    h.ask(.poll(1_000, wanted: [1...1]))
    #expect(h.why(CallSample.call(1)).contains("neither is the submission"))
    h.submit(1...1)
    #expect(h.why(CallSample.call(1)).contains("within 30.0 s it runs again"))
  }

  // MARK: Archives

  private func finishWithFiles(_ h: inout CoordinatorHarness, _ archive: ArchiveID) {
    var server = FakeServer(1)
    let tasks = h.pull(server.next(), wants: 1)
    var request = ResultsRequest(server: server.id)
    request.records = tasks.map { CallSample.finished($0, "ok", files: archive) }
    h.ask(request)
  }

  /// The word that it is lost died with the process; the archive is as lost as before.
  @Test func aLostArchiveIsGivenUpAgainAfterARestart() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.submit(1...1)
    finishWithFiles(&h, archive)
    h.syncsAlways = false
    h.archive(archive, .lost)
    #expect(h.state(1) == .pending)
    h.syncsAlways = true
    h.crash(CoordinatorSettings(), ring: RingView())
    #expect(h.state(1) == .finished)
    #expect(h.needed == [archive, archive])
    h.archive(archive, .lost)
    #expect(h.state(1) == .pending)
    h.crash(CoordinatorSettings(), ring: RingView())
    #expect(h.state(1) == .pending)
  }

  /// The same archive was lost as another call's input; who brings the result may have it.
  @Test func aLostArchiveIsSoughtAnewForAnotherCall() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.submit(1...1)
    h.submit(2...2) { $0.input = .archive(archive, size: 1) }
    h.archive(archive, .lost)
    #expect(h.needed == [archive])
    finishWithFiles(&h, archive)
    #expect(h.state(1) == .finished)
    #expect(h.needed == [archive, archive])
    h.archive(archive, .missing)
    #expect(h.state(1) == .finished)
    h.archive(archive, .lost)
    #expect(h.state(1) == .pending)
  }

  // MARK: Nobody in sight has it

  /// The server died between its word and its archive: another run doesn't wait for `lostAfter`.
  @Test func whatOnlyASuspectedServerHasRunsAgain() throws {
    var h = CoordinatorHarness()
    h.submit(1...1)
    finishWithFiles(&h, CallSample.archive(1))
    h.archive(CallSample.archive(1), .absent)
    #expect(h.state(1) == .finished)
    h.pass(h.coordinator.settings.suspicionTimeout * 2)
    #expect(h.state(1) == .pending)
    #expect(h.notes.contains { $0.contains("is lost with archive") })
    var other = FakeServer(2)
    #expect(h.pull(other.next(), wants: 1).count == 1)
  }

  @Test func whatALivingServerHasIsWaitedFor() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    finishWithFiles(&h, CallSample.archive(1))
    h.archive(CallSample.archive(1), .absent)
    var server = FakeServer(1)
    for _ in 0..<20 {
      h.pass(h.coordinator.settings.suspicionTimeout / 2)
      _ = h.pull(server.next(), wants: 0)
    }
    #expect(h.state(1) == .finished)
    // Something of it came, and then the server went: nobody is known to lack it.
    h.archive(CallSample.archive(1), .missing)
    h.pass(h.coordinator.settings.suspicionTimeout * 5)
    #expect(h.state(1) == .finished)
  }

  /// Its coordinator hears the server, we don't: as long as that one is trusted it will bring it.
  @Test func anotherCoordinatorsResultIsWaitedForAsLongAsThatIsTrusted() {
    var settings = CoordinatorSettings()
    settings.reportGrace = .seconds(20)
    func ring(suspected: Bool) -> RingView {
      RingView(
        position: 0, size: 2, listed: 2,
        peers: [
          RingView.Peer(node: CoordinatorHarness.peer, start: Nonce(0x77), suspected: suspected)
        ])
    }
    var h = CoordinatorHarness(settings, ring: ring(suspected: false))
    h.submit(1...1)
    let assigned = CallSample.assigned(CallSample.foreignTask(1), 1, to: FakeServer(1).id)
    h.append(
      [CallSample.finished(assigned, "ok", files: CallSample.archive(1))], to: h.foreign)
    h.archive(CallSample.archive(1), .absent)
    h.pass(.seconds(100))
    #expect(h.state(1) == .finished)
    h.send(.ring(ring(suspected: true)))
    h.pass(.seconds(10))
    #expect(h.state(1) == .finished)
    h.pass(.seconds(20))
    #expect(h.state(1) == .pending)
  }
}
