import Foundation
import Glibc
import Testing

@testable import RolesShell

/// F20: tasks that hang, fork away, ignore signals, hold streams. After the report nothing lives.
@Suite struct TaskKillTests {
  private func reason(_ report: TaskReport) -> TaskFailure.Reason? {
    if case .failed(let failure) = report.outcome { failure.reason } else { nil }
  }

  @Test func cancelEndsTheWholeGroup() async throws {
    let bench = try TaskBench()
    let launch = bench.shell("echo got; (sleep 1000 & echo $! > child); wait")
    async let report = bench.run(launch)
    let child = try #require(await bench.number(in: "child"))
    #expect(isAlive(child))
    bench.runner.kill(launch.id)
    let ended = await report
    #expect(reason(ended) == .cancelled)
    #expect(ended.stdout.text == "got\n")
    #expect(!exists(child))
  }

  @Test func whoIgnoresTermIsKilled() async throws {
    var settings = TaskRunnerSettings()
    settings.termTime = .milliseconds(300)
    let bench = try TaskBench(settings: settings)
    let launch = bench.shell(
      "trap '' TERM; (trap '' TERM; sh -c 'echo $$ > child; sleep 1000; sleep 1000') & "
        + "sleep 1000; sleep 1000")
    async let report = bench.run(launch)
    let child = try #require(await bench.number(in: "child"))
    let start = ContinuousClock.now
    bench.runner.kill(launch.id)
    #expect(reason(await report) == .cancelled)
    #expect(ContinuousClock.now - start >= .milliseconds(290))
    #expect(!exists(child))
  }

  @Test func termGivesTimeToCleanUp() async throws {
    let bench = try TaskBench()
    let launch = bench.shell(
      "trap 'echo bye; exit 0' TERM; echo 1 > ready; while :; do sleep 0.05; done")
    async let report = bench.run(launch)
    _ = try #require(await bench.number(in: "ready"))
    bench.runner.kill(launch.id)
    let ended = await report
    #expect(reason(ended) == .cancelled && ended.stdout.text == "bye\n")
  }

  @Test func aStoppedTaskIsEnded() async throws {
    let bench = try TaskBench()
    let launch = bench.shell("echo $$ > pid; kill -STOP $$")
    async let report = bench.run(launch)
    let pid = try #require(await bench.number(in: "pid"))
    #expect(await eventually { ProcessTable.entry(pid)?.state == UInt8(ascii: "T") })
    bench.runner.kill(launch.id)
    #expect(reason(await report) == .cancelled)
  }

  /// Out of the group and the session, by a double fork; the mark betrays it.
  @Test func setsidDoesNotEscape() async throws {
    let bench = try TaskBench()
    let launch = bench.shell(
      "(setsid sh -c 'echo $$ > child; sleep 1000; sleep 1000' &) ; echo 1 > ready; sleep 1000; :")
    async let report = bench.run(launch)
    let child = try #require(await bench.number(in: "child"))
    _ = await bench.number(in: "ready")
    bench.runner.kill(launch.id)
    #expect(reason(await report) == .cancelled)
    #expect(!exists(child))
  }

  /// Without the mark it is still a descendant.
  @Test func setsidWithoutMarkDoesNotEscape() async throws {
    let bench = try TaskBench()
    let launch = bench.shell(
      "env -i setsid sh -c 'echo $$ > child; sleep 1000; sleep 1000' & echo 1 > ready; wait")
    async let report = bench.run(launch)
    let child = try #require(await bench.number(in: "child"))
    bench.runner.kill(launch.id)
    #expect(reason(await report) == .cancelled)
    #expect(!exists(child))
  }

  @Test func whoOutlivesTheTaskIsKilledAfterAGrace() async throws {
    var settings = TaskRunnerSettings()
    settings.lingerTime = .milliseconds(200)
    let bench = try TaskBench(settings: settings)
    let scripts = [
      "sleep 1000 & echo $! > child; echo done",
      "sleep 1000 > /dev/null 2>&1 & echo $! > child; echo done",
      "setsid sleep 1000 > /dev/null 2>&1 & echo $! > child; echo done",
      "setsid sh -c 'echo $$ > child; sleep 1000; :' & "
        + "while [ ! -s child ]; do sleep 0.01; done; echo done",
      "(trap '' TERM; echo x; exec sleep 1000) & echo $! > child; sleep 0.1; echo done",
      "yes > /dev/null & echo $! > child; echo done",
    ]
    for script in scripts {
      unlink(bench.path("child"))
      let report = await bench.run(shell: script)
      #expect(report.outcome == .exited(0))
      #expect(report.stdout.text.hasSuffix("done\n"))
      #expect(report.leftovers >= 1)
      let child = try #require(await bench.number(in: "child"))
      #expect(!exists(child))
    }
  }

  /// A writer that goes on for ever holds nobody up.
  @Test func endlessWriterAfterTheEnd() async throws {
    var settings = TaskRunnerSettings()
    settings.lingerTime = .milliseconds(100)
    let bench = try TaskBench(settings: settings)
    let report = await bench.run(shell: "yes & exit 5")
    #expect(report.outcome == .exited(5))
  }

  @Test func shortLingeringIsWaitedFor() async throws {
    let bench = try TaskBench()
    let report = await bench.run(shell: "(sleep 0.1; echo late) & echo early")
    #expect(report.outcome == .exited(0))
    #expect(report.stdout.text == "early\nlate\n")
    #expect(report.leftovers == 0)
  }

  @Test func timeLimit() async throws {
    var settings = TaskRunnerSettings()
    settings.termTime = .milliseconds(100)
    let bench = try TaskBench(settings: settings)
    let report = await bench.run(shell: "trap '' TERM; echo begun; sleep 1000; sleep 1000") {
      $0.limits.time = .milliseconds(200)
    }
    #expect(reason(report) == .timeLimit)
    #expect(report.stdout.text == "begun\n")
    let quick = await bench.run(["true"]) { $0.limits.time = .seconds(60) }
    #expect(quick.outcome == .exited(0))
  }

  @Test func stopLeavesNothing() async throws {
    let bench = try TaskBench()
    let launch = bench.shell("trap '' TERM; setsid sh -c 'echo $$ > child; sleep 1000; :' & wait")
    async let report = bench.run(launch)
    let child = try #require(await bench.number(in: "child"))
    bench.runner.stop()
    #expect(reason(await report) == .cancelled)
    #expect(!exists(child))
    #expect(reason(await bench.run(["true"])) == .cancelled)
  }

  @Test func noZombiesStay() async throws {
    let bench = try TaskBench()
    var sessions: Set<Int32> = []
    for _ in 0..<20 {
      let report = await bench.run(shell: "echo $$; (sleep 0 &); (sleep 0.01 &); true")
      let line = report.stdout.text.trimmingCharacters(in: .whitespacesAndNewlines)
      sessions.insert(try #require(Int32(line)))
    }
    #expect(sessions.count == 20)
    #expect(!ProcessTable.all().contains { sessions.contains($0.session) })
  }
}
