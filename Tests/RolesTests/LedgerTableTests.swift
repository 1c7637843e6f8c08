import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// DESIGN's table, row by row, in words that a reader can follow; the property tests cover the rest.

private struct Table {
  let world = LedgerWorld(seed: 3)
  var ledger = Ledger()
  let call: CallName
  var digest: Digest { world.digests[0] }

  init() {
    call = CallName(session: world.sessions[0], counter: CallCounter(1))
  }

  mutating func know(_ facts: Fact...) { ledger.fold(facts.map { Record($0) }, in: world) }

  func submitted(failureLimit: UInt64 = 0) -> Fact {
    var spec = CallSpec()
    spec.failureLimit = failureLimit
    return .submitted(Submitted(call: call, digest: digest, spec: spec, wallTime: 0))
  }
  func assigned(_ task: Int) -> Fact {
    .assigned(
      Assigned(
        task: world.tasks[task], call: call, digest: digest, server: world.nodes[0], wallTime: 0))
  }
  func failed(_ task: Int, _ reason: FailureReason = .killed) -> Fact {
    .failed(
      Failed(
        task: world.tasks[task], call: call, digest: digest, server: world.nodes[0],
        reason: reason, detail: ""))
  }
  func finished(_ task: Int, _ result: Int) -> Fact {
    .finished(
      Finished(
        task: world.tasks[task], call: call, digest: digest, server: world.nodes[0],
        result: CallResult(hash: world.results[result])))
  }
  func lost(_ task: Int) -> Fact {
    .lost(Lost(task: world.tasks[task], call: call, digest: digest))
  }
  var cancelled: Fact { .cancelled(Cancelled(call: call, digest: digest)) }
  func collected(_ result: Int) -> Fact {
    .collected(Collected(call: call, digest: digest, result: world.results[result]))
  }
  var released: Fact {
    .released(Released(session: call.session, ranges: [call.counter...call.counter]))
  }

  var state: CallState? { ledger.state(of: call, digest: digest) }
  var version: CallVersion? { ledger.version(of: call, digest: digest) }
  /// Index of the least result hash.
  var least: Int { world.results[0] < world.results[1] ? 0 : 1 }
  func isDead(_ fact: Fact) -> Bool { ledger.isDeadForEver(Record(fact)) }
}

@Suite struct LedgerTableTests {
  @Test func aCallGoesItsWay() {
    var table = Table()
    #expect(table.state == nil)
    table.know(table.submitted())
    #expect(table.state == .pending)
    table.know(table.assigned(0))
    #expect(table.state == .assigned)
    table.know(table.finished(0, 0))
    #expect(table.state == .finished)
    #expect(table.version?.result?.result.hash == table.world.results[0])
    table.know(table.collected(0))
    #expect(table.state == .collected)
    table.know(table.released)
    #expect(table.state == .released)
    #expect(table.ledger.entry(of: table.call) == nil)
  }

  @Test func whatOtherFactsSayBeforeTheSubmissionIsKept() {
    var table = Table()
    table.know(table.assigned(0), table.failed(0))
    #expect(table.state == .pending)
    table.know(table.submitted(failureLimit: 1))
    #expect(table.state == .exhausted)
  }

  @Test func failuresExhaustACallUntilATaskFinishes() {
    var table = Table()
    table.know(table.submitted(failureLimit: 2), table.assigned(0), table.failed(0))
    #expect(table.state == .pending)
    #expect(table.version?.failures == 1)
    table.know(table.failed(1))
    #expect(table.state == .exhausted)
    #expect(table.version?.lastFailedRecord == Record(table.failed(1)))
    table.know(table.assigned(2))
    #expect(table.state == .exhausted)
    table.know(table.finished(2, 0))
    #expect(table.state == .finished)
  }

  /// A job over its time limit would be again, unless its client wants it tried.
  @Test(arguments: [UInt64(0), 1, 2, 5]) func oneTimeLimitEndsACall(_ limit: UInt64) {
    var table = Table()
    table.know(table.submitted(failureLimit: limit))
    func overTime(_ counter: UInt64) -> Fact {
      .failed(
        Failed(
          task: TaskName(node: table.world.nodes[0], start: Nonce(9), counter: counter),
          call: table.call, digest: table.digest, server: table.world.nodes[0],
          reason: .timeLimit, detail: ""))
    }
    for counter in 1..<max(1, limit) {
      table.know(overTime(counter))
      #expect(table.state == .pending)
    }
    table.know(overTime(max(1, limit)))
    #expect(table.state == .exhausted)
    #expect(table.version?.endedAtOwnBound == (limit == 0))
    table.know(table.finished(2, 0))
    #expect(table.state == .finished)
    #expect(table.version?.endedAtOwnBound == false)
  }

  /// Whatever else happened to it before, and though the submission arrives last.
  @Test func aTimeLimitEndsACallInAnyOrder() {
    var table = Table()
    table.know(
      table.assigned(0),
      .failed(
        Failed(
          task: table.world.tasks[0], call: table.call, digest: table.digest,
          server: table.world.nodes[0], reason: .timeLimit, detail: "")))
    #expect(table.state == .pending)
    table.know(table.submitted())
    #expect(table.state == .exhausted)
  }

  @Test func eightRestartedMachinesWeighAsOneFailure() {
    var table = Table()
    table.know(table.submitted(failureLimit: 1))
    func restarted(_ counter: Int) -> Fact {
      let task = TaskName(
        node: table.world.nodes[0], start: Nonce(9), counter: UInt64(counter))
      return .failed(
        Failed(
          task: task, call: table.call, digest: table.digest, server: table.world.nodes[0],
          reason: .serverRestarted, detail: ""))
    }
    for counter in 1...7 {
      table.know(restarted(counter))
      #expect(table.state == .pending)
    }
    table.know(restarted(8))
    #expect(table.state == .exhausted)
  }

  @Test func theDefaultBoundIsFiveFailures() {
    var table = Table()
    table.know(table.submitted())
    for counter in 1...5 as ClosedRange<UInt64> {
      #expect(table.state == .pending)
      table.know(
        .failed(
          Failed(
            task: TaskName(node: table.world.nodes[0], start: Nonce(9), counter: counter),
            call: table.call, digest: table.digest, server: table.world.nodes[0],
            reason: .killed, detail: "")))
    }
    #expect(table.state == .exhausted)
  }

  @Test func theLeastResultHashIsTheResult() {
    var table = Table()
    let (least, other) = (table.least, 1 - table.least)
    table.know(table.submitted(), table.finished(0, other))
    #expect(table.version?.resultTask?.result == table.world.results[other])
    table.know(table.finished(1, least))
    #expect(table.version?.resultTask?.result == table.world.results[least])
    table.know(table.lost(1))
    #expect(table.version?.resultTask?.result == table.world.results[other])
    table.know(table.lost(0))
    #expect(table.state == .pending)
    #expect(table.version?.resultTask == nil)
    table.know(table.finished(0, least))
    #expect(table.state == .pending, "a lost task stays lost")
    table.know(table.finished(2, least))
    #expect(table.state == .finished)
  }

  @Test func aCollectionFixesItsResultUntilItsTasksAreLost() {
    var table = Table()
    let (least, other) = (table.least, 1 - table.least)
    table.know(table.submitted(), table.finished(0, other), table.collected(other))
    table.know(table.finished(1, least))
    #expect(table.version?.resultTask?.result == table.world.results[other])
    table.know(table.lost(0))
    #expect(table.state == .finished, "the call is not done for a client that asks again")
    #expect(table.version?.resultTask?.result == table.world.results[least])
    table.know(table.lost(1))
    #expect(table.state == .pending)
    table.know(table.finished(2, other))
    #expect(table.state == .collected)
  }

  @Test func ofTwoCollectionsTheLeastThatStillStandsFixes() {
    var table = Table()
    let (least, other) = (table.least, 1 - table.least)
    table.know(table.finished(0, other), table.collected(other))
    table.know(table.finished(1, least), table.collected(least))
    #expect(table.version?.fixedResult == table.world.results[least])
    table.know(table.lost(1))
    #expect(table.version?.fixedResult == table.world.results[other])
  }

  /// The coordinator's disk died, and the client sends only that it has collected.
  @Test func aCollectionAloneCounts() {
    var table = Table()
    table.know(table.collected(0))
    #expect(table.state == .collected)
    #expect(table.version?.resultRecord == nil)
    #expect(table.ledger.session(table.call.session)?.knownThrough == table.call.counter)
  }

  @Test func aCancellationStandsAboveResultsAndBelowCollections() {
    var table = Table()
    table.know(table.submitted(), table.assigned(0), table.failed(1), table.cancelled)
    #expect(table.state == .cancelled)
    #expect(table.version?.tasks.isEmpty == true)
    table.know(table.finished(0, 0))
    #expect(table.state == .cancelled)
    table.know(table.collected(0))
    #expect(table.state == .collected)
  }

  @Test func twoDigestsOfACounterAreTwoCalls() {
    var table = Table()
    table.know(table.submitted(), table.finished(0, 0))
    let other = table.world.digests[1]
    table.know(
      .submitted(Submitted(call: table.call, digest: other, spec: CallSpec(), wallTime: 0)))
    #expect(table.state == .finished)
    #expect(table.ledger.state(of: table.call, digest: other) == .pending)
    #expect(table.ledger.entry(of: table.call)?.versions.count == 2)
    #expect(table.ledger.session(table.call.session)?.liveCalls == 1)
    #expect(table.ledger.session(table.call.session)?.count(of: .finished) == 1)
    #expect(table.ledger.session(table.call.session)?.count(of: .pending) == 1)
  }

  @Test func anyOpenedThatKeepsResultsKeepsThem() {
    var table = Table()
    func opened(_ text: String, _ mode: SessionMode) -> Fact {
      .opened(
        Opened(session: table.call.session, userText: text, sessionText: "s", mode: mode))
    }
    table.know(opened("b", .releaseOnCollection))
    #expect(table.ledger.session(table.call.session)?.mode == .releaseOnCollection)
    table.know(opened("c", .keep))
    #expect(table.ledger.session(table.call.session)?.mode == .keep)
    #expect(table.ledger.session(table.call.session)?.userText == "b")
    table.know(opened("a", .releaseOnCollection))
    #expect(table.ledger.session(table.call.session)?.mode == .keep)
    #expect(table.ledger.session(table.call.session)?.userText == "a")
  }

  @Test func nodesAreRemovedForEverAndTheLastAliveCounts() {
    var table = Table()
    let node = table.world.nodes[0]
    let alive = Fact.alive(Alive(node: node, count: 7))
    let older = Fact.alive(Alive(node: node, count: 6))
    table.know(.removed(Removed(node: node)), alive, older)
    #expect(table.ledger.removedNodes == [node])
    #expect(table.ledger.aliveCount(of: node) == 7)
    #expect(table.isDead(older) && !table.isDead(alive))
    #expect(!table.isDead(.removed(Removed(node: node))))
  }

  /// DESIGN's last column, for each fact under each other fact.
  @Test func theLastColumn() {
    let table = Table()
    let under: [(name: String, facts: [Fact])] = [
      ("nothing", []), ("assigned", [table.assigned(0)]), ("failed", [table.failed(0)]),
      ("finished", [table.finished(0, 0)]), ("lost", [table.lost(0)]),
      ("cancelled", [table.cancelled]), ("collected", [table.collected(0)]),
      ("released", [table.released]),
    ]
    let dead: [(fact: Fact, under: Set<String>)] = [
      (table.submitted(), ["released"]),
      (table.assigned(0), ["failed", "finished", "lost", "cancelled", "released"]),
      (table.finished(0, 0), ["lost", "released"]),
      (table.failed(0), ["finished", "lost", "cancelled", "released"]),
      (table.lost(0), ["released"]), (table.cancelled, ["released"]),
      (table.collected(0), ["released"]),
    ]
    for (name, facts) in under {
      for (fact, deadUnder) in dead {
        var table = Table()
        table.ledger.fold((facts + [fact]).map { Record($0) }, in: table.world)
        #expect(table.isDead(fact) == deadUnder.contains(name), "\(fact) under \(name)")
      }
      // The task of another name says nothing about this one.
      #expect(!table.isDead(table.assigned(1)))
    }
  }
}
