import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// What a coordinator takes from clients and when it says so.
@Suite struct CoordinatorAcceptanceTests {
  @Test func submissionsAreAcceptedInOrder() {
    var h = CoordinatorHarness()
    let first = h.submit(1...3)
    #expect(h.client(first)?.acceptedThrough == CallCounter(3))
    #expect(h.client(first)?.refusal == nil)
    let second = h.submit(4...4)
    #expect(h.client(second)?.acceptedThrough == CallCounter(4))
    #expect(h.log.count == 4)
  }

  @Test func aGapIsRefusedAndNothingOfItIsHeld() {
    var h = CoordinatorHarness()
    h.submit(1...2)
    let token = h.submit(4...5)
    #expect(h.client(token)?.refusal?.code == .gap)
    #expect(h.client(token)?.acceptedThrough == CallCounter(2))
    #expect(h.state(4) == nil)
    #expect(h.log.count == 2)
  }

  @Test func aGapInsideOneRequestIsRefused() {
    var h = CoordinatorHarness()
    let token = h.ask(.with([CallSample.submitted(1), CallSample.submitted(3)]))
    #expect(h.client(token)?.refusal?.code == .gap)
    #expect(h.log.isEmpty)
  }

  @Test func beforeCatchingUpAGapIsNoVerdict() {
    var h = CoordinatorHarness(caughtUp: false)
    let token = h.submit(4...5)
    #expect(h.client(token)?.refusal?.code == .catchingUp)
  }

  @Test func plantedBugB12AcceptsAGap() {
    var settings = CoordinatorSettings()
    settings.plantedBugs = .acceptsGaps
    var h = CoordinatorHarness(settings)
    let token = h.submit(4...5)
    #expect(h.client(token)?.refusal == nil)
    #expect(h.state(4) == .pending)
  }

  @Test func collectedAndReleasedFillTheGap() {
    var h = CoordinatorHarness()
    let token = h.ask(
      .with([CallSample.released(1...2), CallSample.submitted(4), CallSample.collected(3)]))
    #expect(h.client(token)?.refusal == nil)
    #expect(h.client(token)?.acceptedThrough == CallCounter(4))
  }

  /// What an earlier request said of counters behind the gap fills it as soon as it is reached.
  @Test func whatIsKnownBehindAGapFillsItToo() {
    var h = CoordinatorHarness()
    h.ask(.with([CallSample.released(2...2), CallSample.collected(4)]))
    let token = h.ask(
      .with([CallSample.submitted(1), CallSample.submitted(3), CallSample.submitted(5)]))
    #expect(h.client(token)?.refusal == nil)
    #expect(h.client(token)?.acceptedThrough == CallCounter(5))
    let gap = h.ask(.with([CallSample.submitted(7)]))
    #expect(h.client(gap)?.refusal?.code == .gap)
  }

  @Test func heldSubmissionsAreNotAppendedAgain() {
    var h = CoordinatorHarness()
    h.submit(1...3)
    let token = h.submit(1...4)
    #expect(h.client(token)?.acceptedThrough == CallCounter(4))
    #expect(h.log.count == 4)
  }

  @Test func anEqualDigestOfARelaunchedProgramIsHeld() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    let token = h.ask(.with([CallSample.submitted(1, wallTime: 9_999)]))
    #expect(h.client(token)?.acceptedThrough == CallCounter(1))
    #expect(h.log.count == 1)
  }

  @Test func anotherDigestIsAnotherEntry() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    let token = h.submit(1...1) { $0.arguments.append([1]) }
    #expect(h.client(token)?.acceptedThrough == CallCounter(1))
    #expect(h.log.count == 2)
    #expect(h.coordinator.ledger.entry(of: CallSample.call(1))?.versions.count == 2)
  }

  @Test func releasedSubmissionsAreSimplyCounted() {
    var h = CoordinatorHarness()
    h.ask(.with([CallSample.released(1...10)]))
    let token = h.submit(3...11)
    #expect(h.client(token)?.acceptedThrough == CallCounter(11))
    #expect(h.log.count == 2)
    #expect(h.client(token)?.released == [CallCounter(1)...CallCounter(10)])
  }

  @Test func badRecordsAreRefusedWithAReason() {
    var h = CoordinatorHarness()
    let garbage = Record(kind: .submitted, payload: [0xff, 0xff])
    #expect(h.answer(.with([garbage]))?.refusal?.code == .badRecord)
    let foreign = Record(.alive(Alive(node: CoordinatorHarness.peer, count: 1)))
    #expect(h.answer(.with([foreign]))?.refusal?.code == .badRecord)
    let unknown = Record(kind: RecordKind(999), payload: [1])
    #expect(h.answer(.with([unknown]))?.refusal?.code == .badRecord)
    let other = SessionName(
      user: CallSample.session.user, session: SessionID(ID128(high: 9, low: 9)))
    var request = ClientRequest(session: other)
    request.records = [CallSample.submitted(1)]
    #expect(h.answer(request)?.refusal?.code == .badRecord)
    let lie = Record(
      .submitted(
        Submitted(call: CallSample.call(1), digest: .zero, spec: CallSample.spec(1), wallTime: 0)))
    #expect(h.answer(.with([lie]))?.refusal?.code == .badRecord)
    let huge = Record(kind: .submitted, payload: [UInt8](repeating: 0, count: 5 << 20))
    #expect(h.answer(.with([huge]))?.refusal?.code == .tooLarge)
    #expect(h.log.isEmpty)
  }

  @Test func numbersBeyondAnyCallAreHarmless() {
    var h = CoordinatorHarness()
    h.submit(1...1)
    var request = ClientRequest.poll(0)
    request.have = [CallCounter(0)...CallCounter(.max)]
    request.wanted = [CallCounter(5)...CallCounter(.max)]
    request.digestsFrom = CallCounter(.max)
    #expect(h.answer(request)?.acceptedThrough == CallCounter(1))
    request.poll = .max
    #expect(h.answer(request) == nil)
  }

  @Test func aFullLogTakesReleasesOnly() {
    var h = CoordinatorHarness()
    h.submit(1...3)
    h.send(.logFull(true))
    #expect(h.accept(4...4)?.refusal?.code == .logFull)
    #expect(h.answer(.with([CallSample.released(1...1)]))?.refusal == nil)
    #expect(h.state(1) == .released)
    // What is held needs no room, but who waits for more is told.
    let held = h.accept(2...3)
    #expect(held?.refusal == nil && held?.logFull == true)
    h.send(.logFull(false))
    let new = h.accept(4...4)
    #expect(new?.acceptedThrough == CallCounter(4) && new?.logFull == false)
  }

  @Test func aRefusedAppendIsAnswered() {
    var h = CoordinatorHarness()
    h.refusesAppends = true
    let token = h.submit(1...1)
    #expect(h.client(token)?.refusal?.code == .logFull)
    #expect(h.client(token)?.acceptedThrough == .zero)
    h.refusesAppends = false
    #expect(h.accept(1...1)?.acceptedThrough == CallCounter(1))
  }

  @Test func archivesOfSubmissionsHoldAcceptanceBack() {
    var h = CoordinatorHarness()
    let archive = CallSample.archive(1)
    h.submit(1...1)
    let token = h.submit(2...2) { $0.input = .archive(archive, size: 1) }
    #expect(h.client(token)?.acceptedThrough == CallCounter(1))
    #expect(h.client(token)?.missingArchives == [archive])
    #expect(h.needed == [archive])
    h.archive(archive, .held)
    #expect(h.accept(3...3)?.acceptedThrough == CallCounter(1))
    h.archive(archive, .durable)
    let later = h.answer(.with([]))
    #expect(later?.acceptedThrough == CallCounter(3))
    #expect(later?.missingArchives == [])
    // Lost again: acceptance steps back and the archive is asked for again.
    h.archive(archive, .missing)
    #expect(h.answer(.with([]))?.acceptedThrough == CallCounter(1))
    #expect(h.needed == [archive, archive])
    h.ask(.with([CallSample.released(2...2)]))
    #expect(h.notNeeded == [archive])
    #expect(h.answer(.with([]))?.acceptedThrough == CallCounter(3))
  }

  @Test func twinsUnderOneSessionAreTold() {
    var h = CoordinatorHarness()
    func ask(_ incarnation: UInt64, _ h: inout CoordinatorHarness) -> Bool? {
      var request = ClientRequest.with([CallSample.submitted(1)])
      request.incarnation = incarnation
      return h.answer(request)?.conflictingIncarnation
    }
    #expect(ask(1, &h) == false)
    #expect(ask(2, &h) == false)
    // A late message of the dead start is nothing.
    #expect(ask(1, &h) == false)
    h.pass(.seconds(3))
    #expect(ask(2, &h) == false)
    #expect(ask(1, &h) == false)
    #expect(ask(2, &h) == false)
    #expect(ask(1, &h) == true)
    #expect(ask(2, &h) == true)
    h.pass(.seconds(60))
    #expect(ask(2, &h) == false)
  }

  @Test func theDigestsHashIsOfTheLiveCalls() {
    var h = CoordinatorHarness()
    h.submit(1...5)
    var request = ClientRequest.with([])
    request.wantsHash = true
    var expected = RunningHash()
    for counter in 1...5 { expected.update(CallSample.digest(UInt64(counter))) }
    #expect(h.answer(request)?.digestsHash == expected.value)
    h.submit(6...6)
    expected.update(CallSample.digest(6))
    #expect(h.answer(request)?.digestsHash == expected.value)
    h.ask(.with([CallSample.released(1...2), CallSample.released(4...4)]))
    expected = RunningHash()
    for counter in [3, 5, 6] { expected.update(CallSample.digest(UInt64(counter))) }
    let answer = h.answer(request)
    #expect(answer?.hashFrom == CallCounter(3))
    #expect(answer?.digestsHash == expected.value)
  }

  @Test func digestsAreListedInPages() {
    var h = CoordinatorHarness()
    h.submit(1...10)
    h.ask(.with([CallSample.released(2...2)]))
    var request = ClientRequest.with([])
    request.digestsFrom = CallCounter(1)
    let answer = h.answer(request)
    #expect(answer?.digests.map(\.counter.value) == [1, 3, 4, 5, 6, 7, 8, 9, 10])
    #expect(answer?.digestsThrough == CallCounter(10))
    #expect(answer?.digests.last?.digest == CallSample.digest(10))
  }
}
