import Foundation
import Glibc
import Testing

@testable import RolesShell

/// F1 for a server with tasks: what its next start finds and kills.
@Suite struct OrphanRegistryTests {
  /// Starts a shell as a killed server would have left it: alive, in a session of its own.
  private func orphan(_ bench: TaskBench, run: String?, _ script: String) async throws -> Int32 {
    unlink(bench.path("orphan"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "setsid sh -c 'echo $$ > orphan; \(script)' &"]
    process.currentDirectoryURL = URL(fileURLWithPath: bench.directory)
    process.environment = ["PATH": "/usr/bin:/bin"]
    if let run { process.environment?[TaskMark.runName] = run }
    try process.run()
    return try #require(await bench.number(in: "orphan"))
  }

  @Test func killsWhatTheLastStartLeft() async throws {
    let bench = try TaskBench()
    var run = ""
    let marked: Int32
    let noted: Int32
    do {
      let (registry, report) = try OrphanRegistry.open(in: bench.directory)
      #expect(report == OrphanRegistry.Report())
      run = registry.run
      marked = try await orphan(bench, run: run, "sleep 1000; :")
      let since = MonotonicClock.bootTicks()
      noted = try await orphan(bench, run: nil, "sleep 1000; :")
      _ = registry.add(noted, id: "noted", since: since)
      let done = registry.add(1_234_567, id: "done", since: since)
      registry.remove(done)
    }
    let stranger = try await orphan(bench, run: "other", "sleep 1000; :")
    let (registry, report) = try OrphanRegistry.open(in: bench.directory)
    #expect(report.killed.contains(marked) && report.killed.contains(noted))
    #expect(!report.killed.contains(stranger))
    #expect(report.tasks == ["noted"])
    #expect(report.undead == [])
    #expect(!isAlive(marked) && !isAlive(noted) && isAlive(stranger))
    kill(-stranger, SIGKILL)
    #expect(registry.run != run)
  }

  @Test func aPidThatWasGivenAwayIsLeftAlone() async throws {
    let bench = try TaskBench()
    let innocent = try await orphan(bench, run: nil, "sleep 1000; :")
    let head = "rpcv-tasks 1 \(ProcessTable.bootIdentity()) feed\n"
    let ticks = MonotonicClock.bootTicks()
    let lines = [
      "\(innocent) \(ticks + 1000) \(ticks + 1001) t", "\(innocent) 5 6 t", "x y z a", "-1 0 1 t",
      "0 0 1 t", "\(innocent) 9 8 t", "\(innocent) 0 18446744073709551615 t",
    ]
    for line in lines {
      let path = bench.path("tasks.running")
      try Data((head + line + "\n").utf8).write(to: URL(fileURLWithPath: path))
      let (_, report) = try OrphanRegistry.open(in: bench.directory)
      #expect(report.killed == [], "\(line)")
    }
    try Data(repeating: 0xff, count: 1000).write(
      to: URL(fileURLWithPath: bench.path("tasks.running")))
    #expect(try OrphanRegistry.open(in: bench.directory).1 == OrphanRegistry.Report())
    #expect(isAlive(innocent))
    kill(-innocent, SIGKILL)
  }

  @Test func tasksAreNotedWhileTheyRun() async throws {
    let first = try TaskBench()
    let (registry, _) = try OrphanRegistry.open(in: first.directory)
    let bench = try TaskBench(orphans: registry)
    let launch = bench.shell("echo $$ > pid; sleep 1000; :")
    async let report = bench.run(launch)
    let pid = try #require(await bench.number(in: "pid"))
    let path = first.path("tasks.running")
    #expect(
      await eventually {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
          .contains("\(pid) ")
      })
    bench.runner.kill(launch.id)
    _ = await report
    let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    #expect(!text.contains("\(pid) "))
  }
}
