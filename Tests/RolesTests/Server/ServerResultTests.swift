import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// The journey of a result: logged, durable, delivered, safe, dropped (I1, I7).
struct ServerResultTests {
  private func bench(_ tasks: [UInt64], bugs: ServerSettings.PlantedBugs = []) -> ServerBench {
    var bench = ServerBench(slots: 4, prefetch: 4, bugs: bugs)
    bench.start(["a", "b"])
    bench.assign(tasks)
    return bench
  }

  @Test func resultIsSentWhenDurableAndListedAsRunningUntilThen() {
    var bench = bench([1])
    bench.persistsAtOnce = false
    bench.finish(Example.task(1))
    #expect(bench.delivery == nil)
    bench.tell { _ in }
    bench.advance(.milliseconds(10))
    #expect(bench.poll?.poll?.running == [Example.task(1)])
    #expect(bench.poll?.poll?.holding == [])
    bench.persist()
    #expect(bench.deliveredTasks == [1])
    bench.tell { _ in }
    bench.advance(.milliseconds(20))
    #expect(bench.poll?.poll?.holding == [Example.task(1)])
    #expect(bench.violations.isEmpty)
  }

  @Test func whatGathersDuringADeliveryTravelsInTheNext() {
    var bench = bench([1, 2, 3, 4])
    bench.finish(Example.task(1))
    #expect(bench.deliveredTasks == [1])
    for number in 2...4 as ClosedRange<UInt64> { bench.finish(Example.task(number)) }
    bench.acknowledge(safe: true)
    #expect(bench.deliveredTasks == [2, 3, 4])
  }

  @Test func heldIsKeptUntilSafe() {
    var bench = bench([1])
    bench.finish(Example.task(1))
    bench.acknowledge(safe: false)
    #expect(!bench.said.contains(.dropped(Example.task(1))))
    #expect(bench.log.allSatisfy { !bench.isDead($0) })
    bench.tell { _ in }
    bench.advance(.milliseconds(10))
    #expect(bench.poll?.poll?.holding == [Example.task(1)])
    // Held by one coordinator, it is not sent unasked.
    #expect(bench.delivery == nil)
    bench.tell { $0.safe = [Example.task(1)] }
    #expect(bench.said.contains(.dropped(Example.task(1))))
    #expect(bench.log.allSatisfy { bench.isDead($0) })
  }

  /// A directory that took a new identity still brings what it ran under the old one.
  @Test func resultsOfAFormerIdentityAreBrought() {
    var bench = bench([1, 2])
    bench.finish(Example.task(1))
    bench.acknowledge(safe: false)
    bench.restart(as: NodeID(ID128(high: 77, low: 7)))
    #expect(bench.poll?.poll?.holding == [Example.task(1)])
    bench.tell { $0.send = [Example.task(1)] }
    #expect(bench.deliveredTasks == [1])
    bench.acknowledge(safe: true)
    #expect(bench.said.contains(.dropped(Example.task(1))))
  }

  @Test func plantedBug13IsCaught() {
    var bench = bench([1], bugs: .dropsReceived)
    bench.finish(Example.task(1))
    bench.acknowledge(safe: false)
    #expect(bench.said.contains(.dropped(Example.task(1))))
  }

  @Test func failuresTravelLikeResults() {
    var bench = bench([1])
    bench.running = []
    bench.handle(.taskEnded(Example.task(1), .failed(.timeLimit, detail: "60 s")))
    #expect(bench.deliveredTasks == [1])
    #expect(bench.failures.map(\.reason) == [.timeLimit])
  }

  @Test func goesOnOffLineAndComparesOnReturn() throws {
    var bench = ServerBench(slots: 1, prefetch: 3)
    bench.start(["a", "b"])
    bench.assign([1, 2, 3, 4])
    for number in 1...4 as ClosedRange<UInt64> {
      for sent in bench.inFlight { bench.fail(sent) }
      bench.advance(.seconds(20))
      bench.finish(Example.task(number))
    }
    #expect(bench.started.map(\.counter) == [1, 2, 3, 4])
    #expect(bench.log.count == 4)
    bench.advance(.seconds(20))
    #expect(bench.deliveredTasks == [1, 2, 3, 4] || bench.delivery != nil)
    while bench.delivery != nil { bench.acknowledge(safe: false) }
    bench.tell { _ in }
    bench.advance(.milliseconds(20))
    let poll = try #require(bench.poll?.poll)
    #expect(poll.holding.count == 4)
    bench.tell { $0.send = [Example.task(2), Example.task(4), Example.task(77)] }
    #expect(bench.deliveredTasks == [2, 4])
    #expect(bench.violations.isEmpty)
  }

  @Test func failedDeliveryIsRepeatedAtTheNextCoordinator() throws {
    var bench = bench([1])
    bench.finish(Example.task(1))
    let delivery = try #require(bench.delivery)
    bench.fail(delivery)
    #expect(bench.delivery?.address == "b")
    #expect(bench.deliveredTasks == [1])
    #expect(bench.poll?.address == "b")
  }

  @Test func recoveredResultsAreOfferedAgain() {
    var bench = bench([1, 2])
    bench.finish(Example.task(1))
    bench.acknowledge(safe: false)
    bench.restart()
    #expect(bench.poll?.poll?.holding == [Example.task(1)])
    #expect(bench.poll?.poll?.running == [])
    #expect(bench.delivery == nil)
    bench.tell { $0.send = [Example.task(1)] }
    #expect(bench.deliveredTasks == [1])
    bench.acknowledge(safe: true)
    #expect(bench.log.allSatisfy { bench.isDead($0) })
    // The log doesn't know of task 2: the coordinator misses it in the heartbeats.
    #expect(bench.failures.isEmpty)
  }

  @Test func taskThatTheLogKnowsAsRunningFailsAfterARestart() {
    var bench = bench([1, 2])
    bench.finish(Example.task(1))
    // A coordinator shares the log.
    bench.log.insert(ServerBench.assignment(1).assigned, at: 0)
    bench.log.insert(ServerBench.assignment(2).assigned, at: 0)
    bench.log.insert(ServerBench.assignment(3, server: Example.node).assigned, at: 0)
    bench.restart()
    #expect(bench.failures.map(\.task.counter) == [2])
    #expect(bench.failures.map(\.reason) == [.serverRestarted])
    #expect(bench.deliveredTasks == [2])
  }

  @Test func archivesOfAResultArePutFirst() {
    var bench = bench([1])
    bench.finish(Example.task(1))
    let archive = Example.digest("files")
    guard let delivery = bench.delivery else { return }
    var response = ResultsResponse()
    response.missingArchives = [archive]
    bench.answer(delivery, response)
    #expect(bench.said.contains(.putArchive(archive, to: "a")))
    #expect(bench.delivery == nil)
    bench.handle(.archiveStored(archive))
    #expect(bench.deliveredTasks == [1])
  }

  @Test func archiveThatDoesNotArriveIsTriedAgainAfterAPause() {
    var bench = bench([1])
    bench.finish(Example.task(1))
    let archive = Example.digest("files")
    guard let delivery = bench.delivery else { return }
    var response = ResultsResponse()
    response.missingArchives = [archive]
    bench.answer(delivery, response)
    bench.handle(.archiveNotStored(archive, reason: "cut"))
    #expect(bench.delivery == nil)
    bench.advance(.seconds(1))
    #expect(bench.deliveredTasks == [1])
  }

  @Test func fullLogKeepsTheResultAndRefusesWork() {
    var bench = bench([1, 2])
    bench.refusesAppends = true
    bench.finish(Example.task(1))
    bench.tell { _ in }
    bench.advance(.milliseconds(10))
    #expect(bench.poll?.poll?.wants == 0)
    #expect(bench.poll?.poll?.running.contains(Example.task(1)) == true)
    bench.refusesAppends = false
    bench.advance(.seconds(1))
    #expect(bench.deliveredTasks == [1])
  }

  @Test func fullLogIsToldOnceAndSoIsTheEnd() {
    var bench = bench([1, 2])
    func notes(_ text: String) -> Int {
      bench.said.count { if case .note(let note) = $0 { note.contains(text) } else { false } }
    }
    bench.refusesAppends = true
    bench.finish(Example.task(1))
    for _ in 0..<5 { bench.advance(.seconds(1)) }
    #expect(notes("the log takes no results") == 1)
    #expect(notes("the log takes results again") == 0)
    bench.refusesAppends = false
    bench.advance(.seconds(1))
    #expect(notes("the log takes results again") == 1)
    bench.refusesAppends = true
    bench.finish(Example.task(2))
    #expect(notes("the log takes no results") == 2)
  }

  /// The coordinator answers heartbeats and refuses results: the pause doubles up to 2 s, and is
  /// short again after it took some.
  @Test func refusedResultsAreOfferedAgainEverMoreSeldom() {
    var bench = ServerBench(slots: 4, prefetch: 4)
    bench.start(["a"])
    bench.assign([1, 2])
    bench.finish(Example.task(1))
    func pausesUntil(_ end: Int) -> [Int] {
      var pauses: [Int] = []
      var since = 0
      for _ in 0..<end {
        // The heartbeat is answered well each time: that must not shorten the pause.
        if let poll = bench.poll { bench.answer(poll, ServerResponse()) }
        if let delivery = bench.delivery {
          pauses.append(since)
          since = 0
          var response = ResultsResponse()
          response.refusal = Refusal(.logFull, "full")
          bench.answer(delivery, response)
        }
        bench.advance(.milliseconds(10))
        since += 10
      }
      return pauses
    }
    let pauses = pausesUntil(1000)
    #expect(pauses.count >= 8 && pauses.count <= 10, "\(pauses)")
    #expect(zip(pauses.dropFirst(2), pauses.dropFirst()).allSatisfy { $0 + 20 >= $1 }, "\(pauses)")
    #expect(pauses.last.map { $0 >= 2000 && $0 <= 2020 } == true, "\(pauses)")
    let told = bench.said.count {
      if case .note(let note) = $0 { note.contains("refuses results") } else { false }
    }
    #expect(told == 1)
    for _ in 0..<300 where bench.delivery == nil { bench.advance(.milliseconds(10)) }
    bench.acknowledge(safe: true)
    bench.finish(Example.task(2))
    #expect(bench.deliveredTasks == [2])
    let after = pausesUntil(30)
    #expect(after.count >= 2, "\(after)")
    #expect(bench.violations.isEmpty)
  }

  @Test func resultsBeyondTheBudgetAreReadFromTheLog() {
    var bench = ServerBench(slots: 50, prefetch: 0) { $0.memoryBudget = 500 }
    bench.start()
    bench.assign(Array(1...50))
    for sent in bench.inFlight { bench.fail(sent) }
    for number in 1...50 as ClosedRange<UInt64> { bench.finish(Example.task(number)) }
    bench.advance(.seconds(1))
    var delivered = 0
    while bench.delivery != nil {
      delivered += bench.deliveredTasks.count
      bench.acknowledge(safe: true)
    }
    #expect(delivered == 50)
    #expect(bench.loads > 0)
  }

  @Test func longListsTakeTurns() {
    var bench = ServerBench(slots: 30, prefetch: 0) { $0.holdingListed = 10 }
    bench.start()
    bench.assign(Array(1...30))
    for number in 1...30 as ClosedRange<UInt64> { bench.finish(Example.task(number)) }
    while bench.delivery != nil { bench.acknowledge(safe: false) }
    var listed: Set<TaskName> = []
    for _ in 0..<8 {
      bench.tell { _ in }
      bench.advance(.seconds(1))
      let holding = bench.poll?.poll?.holding ?? []
      #expect(holding.count <= 10)
      // A page is all that there is between its bounds.
      if let request = bench.poll?.poll {
        let between = (1...30).map { Example.task($0) }.filter { request.covers($0) }
        #expect(between == holding)
      }
      listed.formUnion(holding)
    }
    #expect(listed.count == 30)
  }
}
