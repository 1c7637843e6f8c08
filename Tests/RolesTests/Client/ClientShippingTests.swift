import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// What is sent to which coordinator: batches, contiguity, failover, rewind.
struct ClientShippingTests {
  @Test func namedSessionAsksBeforeItSends() {
    var bench = ClientBench()
    bench.start()
    #expect(bench.sync?.request.records == [])
    bench.submit("one")
    #expect(bench.inFlight.count == 1)
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    #expect(coordinator.submitted.count == 1)
    #expect(bench.poll != nil)
  }

  @Test func chainedCallsNeedOneExchangeEach() {
    var bench = ClientBench(isNew: true)
    bench.start()
    var coordinator = ModelCoordinator()
    for number in 1...5 as ClosedRange<UInt64> {
      bench.submit("call \(number)")
      // The submission and the question for its result leave in the same turn.
      #expect(bench.sync.map { bench.sentSubmissions($0.request) } == [number])
      #expect(bench.poll != nil)
      bench.settle(&coordinator)
      coordinator.finish(CallCounter(number), session: Example.session)
      bench.answerPoll(coordinator)
      #expect(bench.results.count == Int(number))
    }
    #expect(bench.poll == nil)
  }

  @Test func openPollCoversLaterSubmissions() throws {
    var bench = ClientBench(isNew: true)
    bench.start()
    bench.submit("one")
    let wanted = try #require(bench.poll?.request.wanted)
    #expect(CounterRanges(wanted).contains(CallCounter(9)))
  }

  @Test func whatGathersTravelsTogetherWithinBounds() throws {
    var bench = ClientBench(isNew: true) { settings in
      settings.batchRecords = 10
      settings.batchBytes = 1000
    }
    bench.start()
    for number in 1...30 { bench.submit("call \(number)") }
    let first = try #require(bench.sync)
    #expect(bench.sentSubmissions(first.request) == [1])
    var coordinator = ModelCoordinator()
    var largest = 0
    while let sent = bench.sync, coordinator.knownThrough.value < 30 {
      largest = max(largest, sent.request.records.count)
      #expect(sent.request.records.count <= 10)
      #expect(sent.request.records.reduce(0) { $0 + $1.payload.count } <= 1000)
      let refusal = coordinator.take(sent.request)
      bench.answer(
        sent, coordinator.answer(sent.request, copies: [coordinator], refusal: refusal))
    }
    #expect(largest > 1)
    #expect(coordinator.complaints.isEmpty)
  }

  @Test func beyondTheBudgetRecordsAreReadFromTheLog() {
    var bench = ClientBench(isNew: true) { $0.memoryBudget = 300 }
    bench.start()
    for number in 1...50 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    #expect(coordinator.knownThrough.value == 50)
    #expect(bench.loads > 0)
  }

  @Test func failureTurnsToTheNextCoordinatorAndShipsTheRest() throws {
    var bench = ClientBench(isNew: true)
    bench.start(["a", "b"])
    bench.submit("one")
    var first = ModelCoordinator()
    bench.settle(&first)
    bench.submit("two")
    let lost = try #require(bench.sync)
    bench.fail(lost)
    #expect(bench.said.contains(.suspect("a")))
    // b knows nothing: everything is shipped again, in order.
    let question = try #require(bench.sync)
    #expect(question.address == "b")
    #expect(bench.sentSubmissions(question.request) == [])
    var second = ModelCoordinator()
    bench.settle(&second)
    #expect(second.knownThrough.value == 2)
    #expect(bench.poll?.address == "b")
    #expect(second.complaints.isEmpty)
  }

  @Test func silenceIsSuspectedAfterTheTimeout() {
    var bench = ClientBench(isNew: true)
    bench.start(["a", "b"])
    bench.submit("one")
    #expect(bench.sync?.timeout == .seconds(10))
    bench.advance(.seconds(9))
    #expect(bench.sync?.address == "a")
    bench.advance(.seconds(1))
    #expect(bench.said.contains(.suspect("a")))
    #expect(bench.sync?.address == "b")
  }

  @Test func allFailingIsTriedForEverWithPauses() throws {
    var bench = ClientBench(isNew: true)
    bench.start(["a", "b"])
    bench.submit("one")
    var tries: [String] = []
    var wakes = 0
    for _ in 0..<40 {
      if let sent = bench.sync {
        tries.append(sent.address)
        bench.fail(sent)
      } else {
        wakes += 1
        bench.advance(.seconds(7))
      }
    }
    #expect(tries.prefix(4) == ["a", "b", "a", "b"])
    #expect(wakes >= 10)
    var coordinator = ModelCoordinator()
    bench.advance(.seconds(7))
    bench.settle(&coordinator)
    #expect(coordinator.knownThrough.value == 1)
  }

  @Test func coordinatorThatLostItsDiskGetsAllAgain() {
    var bench = ClientBench(isNew: true)
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    var fresh = ModelCoordinator()
    // This question was older than the acceptance: its answer may be old too.
    bench.answerPoll(fresh)
    #expect(bench.progress.acceptedThrough.value == 3)
    bench.advance(.milliseconds(10))
    bench.answerPoll(fresh)
    bench.settle(&fresh)
    #expect(fresh.knownThrough.value == 3)
  }

  /// B24's other half: what was dropped is told as Released, so that the coordinator counts it.
  @Test func releasedCountersAreToldToACoordinatorThatLacksThem() {
    var bench = ClientBench(isNew: true)
    bench.start(["a", "b"])
    for number in 1...3 { bench.submit("call \(number)") }
    var first = ModelCoordinator()
    bench.settle(&first)
    bench.handle(.release([CallCounter(1)...CallCounter(2)]))
    bench.advance(.milliseconds(30))
    bench.settle(&first, copies: [first])
    #expect(first.released.contains(CallCounter(2)))
    bench.submit("call 4")
    if let sent = bench.sync { bench.fail(sent) }
    var second = ModelCoordinator()
    bench.settle(&second)
    #expect(second.knownThrough.value == 4)
    #expect(second.submitted.keys.sorted().map(\.value) == [3, 4])
    #expect(second.complaints.isEmpty)
  }

  @Test func gapRefusalRewinds() throws {
    var bench = ClientBench(isNew: true)
    bench.start()
    for number in 1...3 { bench.submit("call \(number)") }
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    bench.submit("call 4")
    coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    #expect(coordinator.knownThrough.value == 4)
    #expect(coordinator.complaints.isEmpty)
  }

  @Test func gapAtTheSamePlaceTwiceIsNoBusyLoop() throws {
    var bench = ClientBench(isNew: true)
    bench.start()
    bench.submit("one")
    var answers = 0
    while let sent = bench.sync, answers < 50 {
      answers += 1
      var response = ClientResponse()
      response.refusal = Refusal(.gap, "no")
      bench.answer(sent, response)
    }
    #expect(answers < 10)
  }

  @Test func archivesThatLackArePutAndAskedAfter() {
    var bench = ClientBench(isNew: true)
    bench.start()
    bench.submit("one")
    let archive = Example.digest("archive")
    var coordinator = ModelCoordinator()
    coordinator.missingArchives = [archive]
    bench.settle(&coordinator)
    #expect(bench.said.contains(.putArchive(archive, to: "a")))
    coordinator.missingArchives = []
    bench.handle(.archiveStored(archive))
    #expect(bench.sync != nil)
    bench.settle(&coordinator)
    #expect(bench.said.filter { $0 == .putArchive(archive, to: "a") }.count == 1)
  }

  @Test func askedEachHeartbeatUntilSafe() {
    var bench = ClientBench(isNew: true)
    bench.start()
    bench.submit("one")
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator, copies: [ModelCoordinator()])
    #expect(bench.progress.acceptedThrough.value == 1)
    #expect(bench.progress.safeThrough.value == 0)
    bench.advance(.seconds(1))
    #expect(bench.sync != nil)
    bench.settle(&coordinator)
    #expect(bench.progress.safeThrough.value == 1)
    coordinator.finish(CallCounter(1), session: Example.session)
    bench.answerPoll(coordinator)
    bench.advance(.seconds(5))
    #expect(bench.inFlight.isEmpty)
  }
}
