import Testing

@testable import rpcv

// Verdicts and exit statuses; the expected ones were observed of GNU parallel.

@Suite("Halt and exit status")
struct HaltTests {
  private func run(_ halt: String, _ statuses: [UInt8]) throws -> (seen: Int, status: UInt8) {
    var watch = HaltWatch(try HaltPolicy.parse(halt))
    for (index, status) in statuses.enumerated() {
      let verdict = watch.ended(.exited(status))
      if verdict != .goOn {
        #expect(verdict == (halt.hasPrefix("now") || halt == "2" ? .cancelRunning : .startNoMore))
        return (index + 1, watch.exitStatus)
      }
    }
    return (statuses.count, watch.exitStatus)
  }

  @Test(arguments: [
    ("never", [1, 1], 2, 2), ("never", [0, 0], 2, 0), ("0", [1, 0], 2, 1),
    ("soon,fail=1", [0, 7, 3, 4], 2, 7), ("now,fail=1", [0, 7, 3, 4], 2, 7),
    ("soon,fail=2", [7, 0, 3, 4], 3, 2), ("now,success=1", [7, 0, 3], 2, 0),
    ("now,success=2", [7, 0, 0, 4], 3, 0), ("soon,success=3", [7, 0, 5], 3, 2),
    ("now,done=2", [7, 0, 3, 4], 2, 1), ("now,done=3", [7, 0, 5, 4], 3, 2),
    ("soon,done=1", [7, 0], 1, 7), ("soon,done=1", [0, 0], 1, 0), ("now,fail=1", [0, 0], 2, 0),
    ("1", [7, 0], 1, 7), ("2", [7, 0], 1, 7), ("-1", [7, 0, 5], 2, 0),
  ])
  func halts(halt: String, statuses: [UInt8], seen: Int, status: UInt8) throws {
    #expect(try run(halt, statuses) == (seen, status))
  }

  /// Failures of an earlier run count, and halt nothing.
  @Test func earlierFailuresOnlyCount() throws {
    var watch = HaltWatch(try HaltPolicy.parse("now,fail=2"))
    for _ in 1...3 { watch.endedBefore(.notFinished) }
    watch.endedBefore(.exited(0))
    #expect(!watch.hasHalted && watch.exitStatus == 3)
    #expect(watch.ended(.exited(1)) == .goOn)
    #expect(watch.ended(.exited(1)) == .cancelRunning)
  }

  @Test func whatEarlierRunsDidIsTold() {
    #expect(EarlierJobs().text == nil)
    #expect(
      EarlierJobs(succeeded: 1).text == "1 job was printed or given up by an earlier run")
    #expect(
      EarlierJobs(succeeded: 2, failed: 1, cancelled: 3).text
        == "6 jobs were printed or given up by an earlier run; the exit status counts 1 failed, "
        + "3 cancelled")
    #expect(
      EarlierJobs(succeeded: 1, unknown: 2).text
        == "3 jobs were printed or given up by an earlier run; how 2 of them ended is not known on "
        + "this machine, and not counted")
    #expect(
      EarlierJobs(unknown: 1).text?.hasSuffix(
        "how it ended is not known on this machine, and not counted") == true)
  }

  @Test func endsOfJobsAreRemembered() throws {
    let scratch = try Scratch()
    let ended = EndedJobs(in: scratch.path)
    ended.note(1, .failed)
    ended.note(70_000, .succeeded)
    ended.note(70_002, .cancelled)
    let later = EndedJobs(in: scratch.path)
    #expect(later[1] == .failed && later[70_000] == .succeeded && later[70_002] == .cancelled)
    #expect(later[2] == nil && later[70_001] == nil && later[70_003] == nil)
    #expect(EndedJobs(in: "/nowhere/at/all")[1] == nil)
  }

  @Test func aSignalCountsAsAFailure() throws {
    var watch = HaltWatch(try HaltPolicy.parse("now,fail=1"))
    #expect(watch.ended(.signalled(9)) == .cancelRunning)
    #expect(watch.exitStatus == 137)
    var tally = ExitTally()
    tally.count(.notFinished)
    #expect(tally.status == 1)
  }

  /// Jobs that still end after the halt change nothing.
  @Test func theFirstHaltStands() throws {
    var watch = HaltWatch(try HaltPolicy.parse("soon,fail=1"))
    _ = watch.ended(.exited(3))
    #expect(watch.ended(.exited(4)) == .startNoMore)
    #expect(watch.exitStatus == 3)
    #expect(watch.hasHalted)
    #expect(watch.failed == 2)
  }

  @Test(arguments: [(0, 0), (1, 1), (100, 100), (101, 101), (150, 101)])
  func failuresAreCountedToAHundred(failures: Int, status: UInt8) {
    var tally = ExitTally()
    for _ in 0..<failures { tally.count(.exited(1)) }
    tally.count(.exited(0))
    #expect(tally.status == status)
  }
}
