import Foundation
import Testing

@testable import RolesShell

/// What a task that behaves (or misbehaves by itself) gives.
@Suite struct TaskResultTests {
  @Test func statusAndStreams() async throws {
    let bench = try TaskBench()
    let report = await bench.run(shell: "echo out; echo err >&2; exit 3")
    #expect(report.outcome == .exited(3))
    #expect(report.stdout == .inline(Array("out\n".utf8)))
    #expect(report.stderr == .inline(Array("err\n".utf8)))
    #expect(report.leftovers == 0)
    #expect(report.duration > .zero && report.duration < .seconds(20))
    #expect(await bench.run(["true"]).outcome == .exited(0))
    #expect(await bench.run(["/bin/false"]).outcome == .exited(1))
  }

  @Test func argumentsAndEnvironmentArriveAsTheyAre() async throws {
    let bench = try TaskBench()
    var launch = bench.launch(["printf", "%s|", "a b", "", "*", "$HOME", "\n"])
    launch.arguments.append([0xff, 0xfe])
    let report = await bench.run(launch)
    #expect(
      report.stdout == .inline(Array("a b||*|$HOME|\n|".utf8) + [0xff, 0xfe] + Array("|".utf8)))
    let environment = await bench.run(["env"]) {
      $0.environment.append(TaskVariable("GREETING", "a=b c"))
    }
    let lines = Set(environment.stdout.text.split(separator: "\n").map(String.init))
    #expect(lines.contains("GREETING=a=b c"))
    #expect(lines.contains("RPCV_TASK=t2"))
    #expect(lines.contains("RPCV_SLOT=1"))
    #expect(lines.count == 5)
    #expect(await bench.run(["pwd"]).stdout.text == bench.directory + "\n")
  }

  /// A command that isn't there is the call's fault, on every machine: a result, as a shell has it.
  @Test func whatCannotBeRunIsAResult() async throws {
    let bench = try TaskBench()
    let absent = await bench.run(["no-such-command"])
    #expect(absent.outcome == .exited(127))
    #expect(absent.stderr.text == "rpcv: no-such-command: command not found\n")
    #expect(await bench.run(["./absent"]).outcome == .exited(127))
    #expect(await bench.run([""]).outcome == .exited(127))
    try Data("#!/no/such/interpreter\n".utf8).write(to: URL(fileURLWithPath: bench.path("lost")))
    chmod(bench.path("lost"), 0o755)
    #expect(await bench.run(["./lost"]).outcome == .exited(127))
    try Data("echo hi\n".utf8).write(to: URL(fileURLWithPath: bench.path("plain")))
    let denied = await bench.run(["./plain"])
    #expect(denied.outcome == .exited(126))
    #expect(denied.stderr.text == "rpcv: ./plain: Permission denied\n")
    #expect(
      await bench.run(["plain"]) { $0.environment = [TaskVariable("PATH", ".")] }.outcome
        == .exited(126))
    #expect(await bench.run([bench.directory]).outcome == .exited(126))
    chmod(bench.path("plain"), 0o755)
    let script = await bench.run(["./plain", "x"])
    #expect(script.outcome == .exited(0) && script.stdout.text == "hi\n")
    #expect(
      await bench.run(["plain"]) { $0.environment = [TaskVariable("PATH", "")] }.outcome
        == .exited(0))
    let nul = await bench.run(["echo", "a\0b"])
    #expect(nul.outcome == .exited(126) && nul.stderr.text.contains("NUL"))
    let long = await bench.run(["echo", String(repeating: "x", count: 3 << 20)])
    #expect(long.outcome == .exited(126) && long.stderr.text.contains("too long"))
  }

  /// What this machine lacks is a failure: another may have it.
  @Test func whatTheMachineLacksIsAFailure() async throws {
    let bench = try TaskBench()
    func reason(_ report: TaskReport) -> TaskFailure.Reason? {
      if case .failed(let failure) = report.outcome { failure.reason } else { nil }
    }
    let lost = await bench.run(["true"]) { $0.directory = "/no/such/directory" }
    #expect(reason(lost) == .cannotStart)
    if case .failed(let failure) = lost.outcome {
      #expect(failure.detail.contains("/no/such/directory"))
    }
    #expect(
      reason(await bench.run(["true"]) { $0.stdin = .file("/no/such/input") }) == .cannotStart)
    #expect(reason(await bench.run(["true"]) { $0.id = "../evil" }) == .cannotStart)
  }

  @Test func signals() async throws {
    let bench = try TaskBench()
    #expect(await bench.run(shell: "kill -SEGV $$").outcome == .signalled(11))
    #expect(await bench.run(shell: "kill -ABRT $$").outcome == .signalled(6))
    for signal in ["KILL", "TERM", "HUP"] {
      let report = await bench.run(shell: "kill -\(signal) $$")
      guard case .failed(let failure) = report.outcome else {
        Issue.record("\(report.outcome)")
        continue
      }
      #expect(failure.reason == .killed)
    }
  }

  @Test func stdinReachesTheTask() async throws {
    let bench = try TaskBench()
    #expect(await bench.run(["cat"]).stdout == .empty)
    #expect(
      await bench.run(["cat"]) { $0.stdin = .bytes([1, 0, 2]) }.stdout == .inline([1, 0, 2]))
    let million = [UInt8](repeating: 65, count: 1 << 20)
    let counted = await bench.run(["wc", "-c"]) { $0.stdin = .bytes(million) }
    #expect(counted.stdout.text == "1048576\n")
    // Nobody reads it: no block, no SIGPIPE.
    #expect(await bench.run(["true"]) { $0.stdin = .bytes(million) }.outcome == .exited(0))
    let partly = await bench.run(["head", "-c", "2"]) { $0.stdin = .bytes(million) }
    #expect(partly.outcome == .exited(0) && partly.stdout.text == "AA")
    try Data("from a file".utf8).write(to: URL(fileURLWithPath: bench.path("input")))
    let file = await bench.run(["cat"]) { $0.stdin = .file(bench.path("input")) }
    #expect(file.stdout.text == "from a file")
  }

  @Test func largeOutputGoesToFiles() async throws {
    let bench = try TaskBench()
    let edge = await bench.run(shell: "head -c 16384 /dev/zero")
    #expect(edge.stdout == .inline([UInt8](repeating: 0, count: 16384)))
    let over = await bench.run(shell: "head -c 16385 /dev/zero | tr '\\0' x; echo e >&2")
    #expect(over.stdout == .file(bench.path("t2.stdout"), size: 16385))
    #expect(over.stdout.text == String(repeating: "x", count: 16385))
    #expect(over.stderr.text == "e\n")
    let large = await bench.run(shell: "head -c 104857600 /dev/zero; head -c 20000 /dev/zero >&2")
    #expect(large.stdout == .file(bench.path("t3.stdout"), size: 100 << 20))
    #expect(large.stderr == .file(bench.path("t3.stderr"), size: 20000))
    let size = try FileManager.default.attributesOfItem(atPath: bench.path("t3.stdout"))[.size]
    #expect((size as? NSNumber)?.intValue == 100 << 20)
  }

  @Test func closedStreamsAreNoProblem() async throws {
    let bench = try TaskBench()
    let report = await bench.run(shell: "exec >&- 2>&-; exit 4")
    #expect(report.outcome == .exited(4))
    // Written again by name: a pipe keeps what came before.
    let again = await bench.run(shell: "echo a >&2; echo b > /dev/stderr; echo c >&2")
    #expect(again.stderr.text == "a\nb\nc\n")
  }

  /// PLATFORM: an ignored SIGPIPE survives exec, and this process ignores it.
  @Test func signalsAreReset() async throws {
    let bench = try TaskBench()
    signal(SIGPIPE, SIG_IGN)
    #expect(await bench.run(shell: "yes | head -n 1").stdout.text == "y\n")
    let status = await bench.run(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]).stdout.text
    #expect(status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
  }

  @Test func nothingElseIsInherited() async throws {
    let bench = try TaskBench()
    // The descriptor 3 is that of ls itself, reading the directory.
    let listed = await bench.run(["ls", "/proc/self/fd"]).stdout.text
    #expect(listed == "0\n1\n2\n3\n")
    let limits = await bench.run(["cat", "/proc/self/limits"]).stdout.text
    #expect(limits.contains("Max core file size        0 "))
    let ids = await bench.run(shell: "ps -o pid=,pgid=,sid= -p $$").stdout.text
    #expect(Set(ids.split(separator: " ").map { $0.filter(\.isNumber) }).count == 1)
  }

  @Test func limits() async throws {
    let bench = try TaskBench()
    let memory = await bench.run(shell: "head -c 300000000 /dev/zero | tail | wc -c") {
      $0.limits.memory = 100 << 20
    }
    #expect(memory.stderr.text.contains("memory"))
    let file = await bench.run(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=10"]) {
      $0.limits.fileSize = 1 << 20
    }
    guard case .failed(let failure) = file.outcome else {
      Issue.record("\(file.outcome)")
      return
    }
    #expect(failure.reason == .diskFull)
    let output = await bench.run(["yes"]) { $0.limits.output = 1 << 20 }
    guard case .failed(let failure) = output.outcome else {
      Issue.record("\(output.outcome)")
      return
    }
    #expect(failure.reason == .outputLimit)
  }

  @Test func manyAtOnceAndInARow() async throws {
    let bench = try TaskBench()
    let start = ContinuousClock.now
    for _ in 0..<50 {
      let outcomes = await withTaskGroup(of: TaskOutcome.self) { group in
        for _ in 0..<20 { group.addTask { await bench.run(["/bin/true"]).outcome } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes == [TaskOutcome](repeating: .exited(0), count: 20))
    }
    print("1000 x /bin/true: \(ContinuousClock.now - start)")
  }
}
