import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// What people are told.
@Suite struct CoordinatorOperatorTests {
  @Test func sessionsAreCounted() {
    var h = CoordinatorHarness()
    let opened = Record(
      .opened(
        Opened(session: CallSample.session, userText: "ada", sessionText: "blur", mode: .keep)))
    h.ask(.with([opened] + (1...6).map { CallSample.submitted(UInt64($0)) }))
    var server = FakeServer(1)
    for task in h.pull(server.next(), wants: 4).dropLast() { h.finish(task) }
    h.ask(.with([CallSample.released(1...1), CallSample.cancelled(6), CallSample.collected(2)]))
    guard case .sessions(let rows)? = h.ask(.sessions(nil)) else {
      Issue.record("no answer")
      return
    }
    #expect(rows.count == 1)
    #expect(rows.first?.userText == "ada")
    #expect(rows.first?.pending == 1)
    #expect(rows.first?.assigned == 1)
    #expect(rows.first?.finished == 1)
    #expect(rows.first?.cancelled == 1)
    #expect(rows.first?.collected == 1)
    #expect(rows.first?.released == 1)
  }

  @Test func callsAreListedInPages() {
    var h = CoordinatorHarness()
    h.submit(1...9)
    let question = OperatorRequest.calls(CallSample.session, from: CallCounter(3), limit: 4)
    guard case .calls(let rows)? = h.ask(question) else {
      Issue.record("no answer")
      return
    }
    #expect(rows.map(\.call.counter.value) == [3, 4, 5, 6])
    #expect(rows.first?.command == "true 3")
  }

  @Test func unknownSessionsAreRefused() {
    var h = CoordinatorHarness()
    guard case .refused(let refusal)? = h.ask(.sessions(CallSample.session)) else {
      Issue.record("no refusal")
      return
    }
    #expect(refusal.code == .notFound)
  }

  /// Its ledger may miss facts: no session's state is to be taken from it yet.
  @Test func whoCatchesUpIsAskedLater() {
    var h = CoordinatorHarness(caughtUp: false)
    for question in [
      OperatorRequest.sessions(CallSample.session),
      .calls(CallSample.session, from: CallCounter(1), limit: 4),
    ] {
      guard case .refused(let refusal)? = h.ask(question) else {
        Issue.record("no refusal")
        continue
      }
      #expect(refusal.code == .catchingUp)
    }
    guard case .sessions? = h.ask(.sessions(nil)) else {
      Issue.record("what is known is listed")
      return
    }
  }

  @Test func whyTellsEachState() {
    var h = CoordinatorHarness()
    #expect(h.why(CallSample.call(1)).contains("No session"))
    h.submit(1...3)
    #expect(h.why(CallSample.call(9)).contains("not known here"))
    #expect(h.why(CallSample.call(1)).contains("No server has been heard of"))
    var other = FakeServer(9)
    other.services = ["blur"]
    _ = h.pull(other.next())
    #expect(h.why(CallSample.call(1)).contains("None of the 1 servers"))
    var server = FakeServer(1)
    var task = h.pull(server.next(), wants: 1)[0]
    #expect(h.why(CallSample.call(1)).contains("given to host1"))
    #expect(h.why(CallSample.call(2)).contains("waits for a free slot"))
    server.running = [task.task]
    _ = h.pull(server.next())
    #expect(h.why(CallSample.call(1)).contains("running or waiting on host1"))
    h.fail(task, .memoryLimit)
    #expect(h.why(CallSample.call(1)).contains("tried again in 1.0 s"))
    #expect(h.why(CallSample.call(1)).contains("its memory limit passed"))
    h.pass(.seconds(2))
    task = h.pull(server.next(), wants: 1)[0]
    h.pass(.seconds(20))
    #expect(h.why(CallSample.call(1)).contains("are suspected"))
    h.finish(task)
    #expect(h.why(CallSample.call(1)).contains("finished on somewhere, exit status 0"))
    h.ask(.with([CallSample.collected(1)]))
    #expect(h.why(CallSample.call(1)).contains("its client has the result"))
    h.ask(.with([CallSample.released(1...1), CallSample.cancelled(3)]))
    #expect(h.why(CallSample.call(1)).contains("is released"))
    #expect(h.why(CallSample.call(3)).contains("cancelled"))
  }

  @Test func whyTellsOfArchivesAndOtherCoordinators() {
    var h = CoordinatorHarness(ring: CoordinatorReplicaTests.ring())
    h.submit(1...1) { $0.input = .archive(CallSample.archive(1), size: 1) }
    #expect(h.why(CallSample.call(1)).contains("waits for an input"))
    h.submit(2...2)
    h.ingest(.assigned(CallSample.assigned(CallSample.foreignTask(2), 2, to: FakeServer(9).id)))
    #expect(h.why(CallSample.call(2)).contains("is relied on"))
    h.send(.ring(CoordinatorReplicaTests.ring(suspected: true)))
    h.pass(.seconds(6))
    #expect(h.why(CallSample.call(2)).contains("which gave it, is suspected"))
  }

  @Test func theGridListsServers() {
    var h = CoordinatorHarness()
    var server = FakeServer(1)
    _ = h.pull(server.next())
    h.pass(.seconds(11))
    guard case .grid(let grid)? = h.ask(.grid) else {
      Issue.record("no answer")
      return
    }
    #expect(grid.servers.map(\.host) == ["host1"])
    #expect(grid.servers.first?.suspected == true)
    #expect(grid.servers.first?.lastHeard == 11_000)
    #expect(grid.warnings == [])
    h.send(.logFull(true))
    guard case .grid(let full)? = h.ask(.grid) else { return }
    #expect(full.warnings.count == 1)
  }

  @Test func aCoordinatorDoesNotRemoveItself() {
    var h = CoordinatorHarness()
    guard case .refused? = h.ask(.remove(CoordinatorHarness.node)) else {
      Issue.record("not refused")
      return
    }
  }
}
