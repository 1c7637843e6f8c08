import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Pulling work: heartbeats, prefetch, cancellation, failover.
struct ServerPullTests {
  @Test func tellsWhatItOffersAndPullsAgainAfterEachAnswer() throws {
    var bench = ServerBench(slots: 2, prefetch: 3)
    bench.start()
    let first = try #require(bench.poll?.poll)
    #expect(first.wants == 5)
    #expect(first.slots == 2)
    #expect(first.services == ["exec"])
    #expect(first.sequence == 1 && first.seen == 0)
    bench.assign([1, 2, 3])
    #expect(bench.started.map(\.counter) == [1, 2])
    let second = try #require(bench.poll?.poll)
    #expect(second.wants == 2)
    #expect(second.running.map(\.counter) == [1, 2, 3])
    #expect(second.sequence == 2 && second.seen == 1)
    #expect(bench.violations.isEmpty)
  }

  @Test func anOrderlyStopIsTold() throws {
    var bench = ServerBench(slots: 1, prefetch: 1)
    bench.start(["a", "b"])
    bench.assign([1, 2])
    #expect(!bench.server.hasLeft)
    bench.handle(.leave)
    let farewell = try #require(bench.poll)
    #expect(bench.inFlight.count == 1)
    #expect(farewell.address == "a" && farewell.poll?.leaving == true)
    #expect(farewell.poll?.wants == 0 && farewell.poll?.poll == 0 && farewell.poll?.sequence == 3)
    #expect(farewell.poll?.running.map(\.counter) == [1, 2])
    // Nothing is begun any more.
    bench.finish(Example.task(1))
    #expect(bench.started.map(\.counter) == [1])
    #expect(!bench.server.hasLeft)
    bench.tell { $0.assignments = [ServerBench.assignment(3)] }
    #expect(bench.server.hasLeft && bench.inFlight.isEmpty)
    #expect(bench.started.map(\.counter) == [1])
    #expect(bench.violations.isEmpty)
  }

  @Test func anOrderlyStopIsNotHeldUp() throws {
    var silent = ServerBench()
    silent.start()
    silent.handle(.leave)
    silent.advance(.milliseconds(999))
    #expect(!silent.server.hasLeft)
    silent.advance(.milliseconds(1))
    #expect(silent.server.hasLeft && silent.inFlight.isEmpty)
    var refused = ServerBench()
    refused.start()
    refused.handle(.leave)
    refused.fail(try #require(refused.poll))
    #expect(refused.server.hasLeft && refused.inFlight.isEmpty)
    // Nobody is there who could be told.
    var alone = ServerBench()
    alone.start()
    alone.fail(try #require(alone.poll))
    alone.handle(.leave)
    #expect(alone.server.hasLeft && alone.inFlight.isEmpty)
  }

  @Test func queuedTaskStartsWhenASlotIsFree() {
    var bench = ServerBench(slots: 1, prefetch: 2)
    bench.start()
    bench.assign([1, 2])
    #expect(bench.started.map(\.counter) == [1])
    bench.finish(Example.task(1))
    #expect(bench.started.map(\.counter) == [1, 2])
  }

  /// A full server's poll says that it wants nothing; when a task ends, a second poll says that it
  /// does, and the coordinator answers the first.
  @Test func roomThatAPollDidNotTellOfIsToldAtOnce() throws {
    var bench = ServerBench(slots: 1, prefetch: 1)
    bench.start()
    bench.assign([1, 2])
    let full = try #require(bench.poll)
    #expect(full.poll?.wants == 0)
    bench.finish(Example.task(1))
    let polls = bench.inFlight.filter { $0.poll != nil }
    #expect(polls.count == 2)
    let newer = try #require(bench.poll?.poll)
    #expect(newer.wants == 1)
    #expect(newer.sequence == 3 && newer.seen == 1)
    // The end of the first was not durable yet.
    #expect(newer.running.map(\.counter) == [1, 2])
    bench.answer(full, ServerResponse())
    #expect(bench.inFlight.filter { $0.poll != nil }.count == 1)
    bench.assign([3])
    #expect(bench.poll?.poll?.seen == 3)
    #expect(bench.violations.isEmpty)
  }

  @Test func pollThatStillWantsSomethingIsLeftAlone() {
    var bench = ServerBench(slots: 4, prefetch: 0)
    bench.start()
    bench.assign([1])
    bench.finish(Example.task(1))
    #expect(bench.inFlight.filter { $0.poll != nil }.count == 1)
  }

  @Test func emptyAnswersThatComeAtOnceAreNoBusyLoop() {
    var bench = ServerBench()
    bench.start()
    var polls = 0
    for _ in 0..<100 {
      guard bench.poll != nil else {
        bench.advance(.milliseconds(100))
        continue
      }
      polls += 1
      bench.tell { _ in }
    }
    #expect(polls < 30)
  }

  @Test func duplicateAssignmentIsAnsweredByTheTaskItself() {
    var bench = ServerBench(slots: 1, prefetch: 3)
    bench.start()
    bench.assign([1, 2])
    bench.assign([1, 2])
    bench.finish(Example.task(1))
    bench.assign([1])
    #expect(bench.started.map(\.counter) == [1, 2])
    #expect(bench.violations.isEmpty)
  }

  @Test func assignmentForAnotherServerIsRefused() {
    var bench = ServerBench()
    bench.start()
    let other = ServerBench.assignment(1, server: Example.node)
    var broken = ServerBench.assignment(2)
    broken.submitted = Record(kind: .submitted, payload: [1, 2, 3])
    var mixed = ServerBench.assignment(3)
    mixed.submitted = ServerBench.assignment(4).submitted
    bench.tell { $0.assignments = [other, broken, mixed] }
    #expect(bench.started.isEmpty)
    #expect(bench.said.filter { if case .note = $0 { true } else { false } }.count == 3)
  }

  @Test func cancelledTasksAreKilledAndLeaveNothing() {
    var bench = ServerBench(slots: 1, prefetch: 2)
    bench.start()
    bench.assign([1, 2, 3])
    bench.tell { $0.cancel = [Example.task(1), Example.task(2), Example.task(9)] }
    #expect(bench.said.contains(.kill(Example.task(1))))
    bench.running = []
    bench.handle(.taskEnded(Example.task(1), .failed(.killed, detail: "cancelled")))
    #expect(bench.started.map(\.counter) == [1, 3])
    #expect(bench.log.isEmpty)
  }

  @Test func silentCoordinatorIsLeftForTheNext() throws {
    var bench = ServerBench()
    bench.start(["a", "b"])
    bench.assign([1])
    bench.advance(.seconds(10))
    #expect(bench.poll?.address == "a")
    bench.advance(.seconds(1))
    #expect(bench.said.contains(.suspect("a")))
    let poll = try #require(bench.poll)
    #expect(poll.address == "b")
    #expect(poll.poll?.running == [Example.task(1)])
  }

  /// A full coordinator gives out no work and takes no results.
  @Test func fullCoordinatorIsLeftForTheNext() throws {
    var bench = ServerBench()
    bench.start(["a", "b"])
    bench.assign([1])
    bench.tell { $0.logFull = true }
    let poll = try #require(bench.poll)
    #expect(poll.address == "b")
    #expect(poll.poll?.running == [Example.task(1)])
    #expect(!bench.said.contains(.suspect("a")))
    bench.finish(Example.task(1))
    #expect(bench.delivery?.address == "b")
    bench.acknowledge(safe: true)
    // Both are full: it stays a while, then looks again.
    bench.tell { $0.logFull = true }
    bench.advance(.seconds(5))
    #expect(bench.poll?.address == "b")
    bench.tell { $0.logFull = true }
    bench.advance(.seconds(5))
    #expect(bench.poll?.address == "b")
    bench.tell { $0.logFull = true }
    #expect(bench.poll?.address == "a")
    #expect(bench.violations.isEmpty)
  }

  @Test func fullCoordinatorIsKeptIfItIsTheOnlyOne() {
    var bench = ServerBench()
    bench.start()
    bench.tell { $0.logFull = true }
    bench.advance(.seconds(1))
    #expect(bench.poll?.address == "a")
  }

  @Test func twinIsToldOnce() {
    var bench = ServerBench()
    bench.start()
    for _ in 0..<3 {
      bench.tell { $0.conflictingIncarnation = true }
      bench.advance(.seconds(1))
    }
    #expect(bench.said.filter { $0 == .conflict }.count == 1)
  }

  @Test func taskWaitsForItsArchives() {
    var bench = ServerBench(slots: 1, prefetch: 3)
    bench.start()
    let archive = Example.digest("archive")
    bench.assign([1, 2]) { $0.input = .archive(archive, size: 1) }
    bench.assign([3])
    #expect(bench.said.filter { $0 == .fetchArchive(archive, from: "a") }.count == 1)
    #expect(bench.started.map(\.counter) == [3])
    bench.finish(Example.task(3))
    bench.handle(.archiveFetched(archive))
    #expect(bench.started.map(\.counter) == [3, 1])
    bench.finish(Example.task(1))
    #expect(bench.started.map(\.counter) == [3, 1, 2])
  }

  @Test func archiveThatNobodyHasFailsTheTask() {
    var bench = ServerBench()
    bench.start(["a", "b"])
    let archive = Example.digest("archive")
    bench.assign([1]) { $0.executable = archive }
    // Coordinators that can't be asked don't count.
    for _ in 0..<10 {
      bench.handle(.archiveUnavailable(archive, isAbsent: false))
      bench.advance(.seconds(1))
    }
    #expect(bench.failures.isEmpty)
    for _ in 0..<6 {
      bench.handle(.archiveUnavailable(archive, isAbsent: true))
      bench.advance(.seconds(1))
    }
    #expect(bench.failures.map(\.reason) == [.inputUnavailable])
    #expect(bench.started.isEmpty)
  }
}
