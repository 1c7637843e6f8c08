import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// A coordinator whose log is full stores no results: the client asks another one, if there is one,
/// and leaves none for good.
struct ClientFullTests {
  private func submitted(_ addresses: [String]) -> (ClientBench, ModelCoordinator) {
    var bench = ClientBench(isNew: true)
    bench.start(addresses)
    for number in 1...2 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    return (bench, coordinator)
  }

  /// Answers the poll as `coordinator`, a second later.
  private func answer(
    _ bench: inout ClientBench, as coordinator: ModelCoordinator, isFull: Bool
  ) throws {
    let poll = try #require(bench.poll)
    bench.now = bench.now + .seconds(1)
    var response = coordinator.answer(poll.request, copies: [coordinator], refusal: nil)
    response.logFull = isFull
    bench.answer(poll, response)
  }

  @Test func fullCoordinatorIsLeftForTheNext() throws {
    var (bench, a) = submitted(["a", "b"])
    var b = a
    b.finish(CallCounter(1), session: Example.session)
    #expect(bench.poll?.address == "a")
    try answer(&bench, as: a, isFull: true)
    bench.settle(&b)
    #expect(bench.poll?.address == "b")
    try answer(&bench, as: b, isFull: false)
    #expect(bench.results.map(\.call.counter) == [CallCounter(1)])
    // It answers, so nobody suspects it.
    #expect(!bench.said.contains(.suspect("a")))
    // With space again it is as good as the other.
    bench.fail(try #require(bench.poll))
    bench.settle(&a)
    #expect(bench.poll?.address == "a")
    #expect(bench.violations.isEmpty)
  }

  @Test func whatAFullOneBringsIsTakenFirst() throws {
    var (bench, a) = submitted(["a", "b"])
    a.finish(CallCounter(1), session: Example.session)
    try answer(&bench, as: a, isFull: true)
    #expect(bench.results.count == 1)
    #expect(bench.poll?.address == "a")
    try answer(&bench, as: a, isFull: true)
    #expect(bench.sync?.address == "b")
  }

  @Test func fullCoordinatorIsKeptIfItIsTheOnlyOne() throws {
    var (bench, a) = submitted(["a"])
    for _ in 0..<3 {
      try answer(&bench, as: a, isFull: true)
      #expect(bench.poll?.address == "a")
    }
    a.finish(CallCounter(2), session: Example.session)
    try answer(&bench, as: a, isFull: true)
    #expect(bench.results.count == 1)
  }

  /// The other one doesn't answer: the full one is better, and the other is tried again.
  @Test func fullCoordinatorIsBetterThanASilentOne() throws {
    var (bench, a) = submitted(["a", "b"])
    try answer(&bench, as: a, isFull: true)
    var visits = 0
    for _ in 0..<60 {
      if let sync = bench.sync, sync.address == "b" {
        visits += 1
        bench.fail(sync)
      }
      bench.settle(&a)
      #expect(bench.poll?.address == "a")
      try answer(&bench, as: a, isFull: true)
    }
    #expect((5...7).contains(visits))
  }

  /// It answers questions and refuses submissions: they are offered ever more seldom, up to once in
  /// about 2 s, and at once again after some were taken.
  @Test func whatAFullOneRefusesIsOfferedEverMoreSeldom() {
    var (bench, a) = submitted(["a"])
    let full = Refusal(.logFull, "full")
    func offers(_ steps: Int) -> [Int] {
      var since = 0
      var pauses: [Int] = []
      for _ in 0..<steps {
        while let sync = bench.sync {
          guard bench.sentSubmissions(sync.request).isEmpty else {
            pauses.append(since)
            since = 0
            bench.answer(sync, a.answer(sync.request, copies: [a], refusal: full))
            continue
          }
          _ = a.take(sync.request)
          bench.answer(sync, a.answer(sync.request, copies: [a], refusal: nil))
        }
        bench.advance(.milliseconds(10))
        since += 10
      }
      return pauses
    }
    bench.submit("call 3")
    let pauses = offers(1500)
    #expect((9...13).contains(pauses.count), "\(pauses)")
    #expect(pauses.last.map { (2000...2520).contains($0) } == true, "\(pauses)")
    for _ in 0..<300 where bench.sync == nil { bench.advance(.milliseconds(10)) }
    bench.settle(&a)
    #expect(a.knownThrough == CallCounter(3))
    bench.submit("call 4")
    let after = offers(40)
    #expect(after.count >= 3, "\(after)")
    #expect(bench.violations.isEmpty && a.complaints.isEmpty)
  }

  /// Of several full ones none is stuck to, and none is left at once.
  @Test func fullCoordinatorsTakeTurns() throws {
    var (bench, a) = submitted(["a", "b", "c"])
    var asked: [String] = []
    for _ in 0..<60 {
      asked.append(try #require(bench.poll?.address))
      try answer(&bench, as: a, isFull: true)
      bench.settle(&a)
    }
    #expect(Set(asked) == ["a", "b", "c"])
    let turns = zip(asked, asked.dropFirst()).filter { $0 != $1 }.count
    #expect((4...20).contains(turns), "\(asked)")
  }

  /// Nothing is polled for, but something is still to be said.
  @Test func answerToASyncTurnsAsWell() throws {
    var bench = ClientBench(isNew: true)
    bench.start(["a", "b"])
    bench.handle(.pauseResults(true))
    bench.submit("call 1")
    var coordinator = ModelCoordinator()
    let sync = try #require(bench.sync)
    let refusal = coordinator.take(sync.request)
    var response = coordinator.answer(sync.request, copies: [coordinator], refusal: refusal)
    response.logFull = true
    bench.answer(sync, response)
    // What it took is told all the same.
    let accepted = bench.said.contains {
      if case .progress(let progress) = $0 {
        progress.acceptedThrough == CallCounter(1)
      } else {
        false
      }
    }
    #expect(accepted)
    #expect(bench.sync?.address == "b")
  }

  /// The client's own log is full: what the program said of its calls is logged when it can be, and
  /// does not count as held before.
  @Test func whatTheOwnLogRefusesIsLoggedLater() throws {
    var (bench, a) = submitted(["a"])
    a.finish(CallCounter(1), session: Example.session)
    try answer(&bench, as: a, isFull: false)
    let result = try #require(bench.results.first?.result.hash)
    bench.settle(&a)
    let before = bench.log.count
    bench.refusesAppends = true
    bench.handle(.collect(CallCounter(1), result: result))
    bench.handle(.cancel(CallCounter(2)))
    bench.advance(.seconds(5))
    bench.handle(.release([CallCounter(1)...CallCounter(1)]))
    for _ in 0..<20 { bench.advance(.milliseconds(500)) }
    #expect(bench.log.count == before)
    #expect(bench.progress.unheldControls == 3)
    // Told once, not at each attempt.
    #expect(bench.said.count { if case .note = $0 { true } else { false } } == 1)
    bench.refusesAppends = false
    for _ in 0..<6 {
      bench.advance(.milliseconds(500))
      bench.settle(&a)
    }
    #expect(
      bench.log.dropFirst(before).prefix(3).map(\.kind) == [.collected, .cancelled, .released])
    #expect(bench.progress.unheldControls == 0)
    #expect(bench.violations.isEmpty && a.complaints.isEmpty)
  }
}
