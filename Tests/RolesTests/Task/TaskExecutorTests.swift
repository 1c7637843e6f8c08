import Foundation
import LogStore
import RolesCore
import Testing

@testable import RolesNode
@testable import RolesShell

/// An executor on a directory of its own, and the ends that it told.
private final class ExecutorBench: Sendable {
  let bench: TreeBench
  let archives: ArchiveStore
  let executor: TaskExecutor
  private let ends: Ends
  private let counter = Guarded<UInt64>(0)

  private final class Ends: Sendable {
    let outcomes = Guarded<[TaskName: Server.Outcome]>([:])
    let notes = Guarded<[String]>([])
  }

  init(runsIn: String? = nil) throws {
    bench = try TreeBench()
    archives = try bench.archives()
    let ends = Ends()
    self.ends = ends
    executor = try TaskExecutor(
      directory: bench.root, archives: archives, host: "here", runsIn: runsIn,
      onNote: { note in ends.notes.withLock { $0.append(note) } },
      post: { event in
        if case .taskEnded(let task, let outcome) = event {
          ends.outcomes.withLock { $0[task] = outcome }
        }
      })
  }

  deinit { executor.stop() }

  var notes: [String] { ends.notes.withLock { $0 } }

  func start(_ change: (inout CallSpec) -> Void) -> TaskName {
    let number = counter.withLock { counter in
      counter += 1
      return counter
    }
    let task = TaskName(node: NodeID(ID128(high: 1, low: 2)), start: Nonce(7), counter: number)
    var spec = CallSpec()
    spec.service = "exec"
    change(&spec)
    let session = SessionName(
      user: UserID(ID128(high: 3, low: 4)), session: SessionID(ID128(high: 5, low: 6)))
    executor.start(
      task,
      Submitted(
        call: CallName(session: session, counter: CallCounter(number)),
        digest: Digest.of(spec: spec), spec: spec, wallTime: 0))
    return task
  }

  func end(of task: TaskName) async -> Server.Outcome? {
    let ends = ends
    guard await eventually({ ends.outcomes.withLock { $0[task] != nil } }) else { return nil }
    return ends.outcomes.withLock { $0[task] }
  }

  func run(_ change: (inout CallSpec) -> Void) async -> CallResult? {
    switch await end(of: start(change)) {
    case .finished(let result): return result
    case .failed(let reason, let detail):
      Issue.record("\(reason): \(detail)")
      return nil
    case nil:
      Issue.record("the task doesn't end")
      return nil
    }
  }

  func failure(_ change: (inout CallSpec) -> Void) async -> (FailureReason, String)? {
    if case .failed(let reason, let detail)? = await end(of: start(change)) {
      return (reason, detail)
    }
    return nil
  }

  func tree(_ directory: String) throws -> Blob {
    try TreeArchive.store(in: archives) { sink throws(FileTreeError) in
      try TreePacker.pack(directory: directory, to: sink)
    }.blob
  }

  func unpack(_ blob: Blob, _ name: String) throws {
    try TreeArchive.unpack(blob, into: bench.directory(name), from: archives.forEachPart)
  }

  /// What stands in the folder that tasks run in, when it rests.
  func scratchIsEmpty() async -> Bool {
    let path = bench.path("tasks")
    return await eventually {
      (try? FileManager.default.contentsOfDirectory(atPath: path).isEmpty) == true
    }
  }
}

private func words(_ words: String...) -> [[UInt8]] { words.map { Array($0.utf8) } }

@Suite struct TaskExecutorTests {
  @Test(arguments: [10, 300_000])
  func filesComeAndWhatIsNewOrChangedGoes(_ size: Int) async throws {
    let bench = try ExecutorBench()
    bench.bench.directory("in")
    bench.bench.directory("in/sub")
    try bench.bench.file("in/sub/x", String(repeating: "x", count: size))
    try bench.bench.file("in/kept", "k")
    let input = try bench.tree(bench.bench.path("in"))
    let result = await bench.run {
      $0.arguments = words("sh", "-c", "cat sub/x > y; echo more >> sub/x; wc -c < y; ls -A")
      $0.input = input
      $0.collectsFiles = true
    }
    let files = try #require(result?.files)
    #expect(result?.stdout == .inline(Array("\(size)\nkept\nsub\ny\n".utf8)))
    try bench.unpack(files, "out")
    #expect(bench.bench.text("out/y")?.count == size)
    #expect(bench.bench.text("out/sub/x")?.count == size + 5)
    #expect(!bench.bench.exists("out/kept"))
    #expect(result?.hash == result?.computedHash)
    if case .archive(let id, _) = files { #expect(bench.archives.isDurable(id)) }
    #expect(await bench.scratchIsEmpty())
  }

  @Test func withoutInputAllThatIsThereIsNew() async throws {
    let bench = try ExecutorBench()
    let result = await bench.run {
      $0.arguments = words("sh", "-c", "mkdir d; echo 1 > d/f; mkfifo d/p; exit 4")
      $0.collectsFiles = true
    }
    #expect(result?.exitStatus == 4)
    try bench.unpack(try #require(result?.files), "out")
    #expect(bench.bench.text("out/d/f") == "1\n" && !bench.bench.exists("out/d/p"))
    #expect(await bench.scratchIsEmpty())
    #expect(bench.notes.contains { $0.contains("d/p") })
    // Nothing was asked for: nothing is packed.
    let plain = await bench.run { $0.arguments = words("sh", "-c", "echo 1 > f") }
    #expect(plain?.files == .empty)
  }

  @Test func executablesTravelBesideTheWorkingDirectory() async throws {
    let bench = try ExecutorBench()
    // No first line names an interpreter: it is a shell's, as execvp has it.
    try bench.bench.file("tool", "echo \"$1 from $(basename \"$0\")\"; ls -A\n")
    let tool = try FileArchive.store(bench.bench.path("tool"), in: bench.archives)
    let result = await bench.run {
      $0.arguments = words("tool", "hello")
      $0.executable = tool.id
      $0.collectsFiles = true
    }
    #expect(result?.exitStatus == 0)
    #expect(result?.stdout == .inline(Array("hello from tool\n".utf8)))
    try bench.unpack(try #require(result?.files), "out")
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.bench.path("out")).isEmpty)
    #expect(await bench.scratchIsEmpty())
  }

  /// A server may be started with a relative directory.
  @Test func scratchPathsAreAbsolute() throws {
    let bench = try TreeBench()
    let relative = String(repeating: "../", count: 20) + bench.root.dropFirst()
    let area = try ScratchArea.open(in: relative)
    #expect(area.place("t").programs.hasPrefix("/"))
    #expect(!area.place("t").directory.contains(".."))
  }

  @Test func largeOutputAndInputPassThroughArchives() async throws {
    let bench = try ExecutorBench()
    try bench.bench.file("text", String(repeating: "line\n", count: 100_000))
    let text = try FileArchive.store(bench.bench.path("text"), in: bench.archives)
    let result = await bench.run {
      $0.arguments = words("sh", "-c", "tee /dev/stderr")
      $0.stdin = .archive(text.id, size: text.size)
    }
    #expect(result?.stdout == .archive(text.id, size: text.size))
    #expect(result?.stderr == .archive(text.id, size: text.size))
    #expect(bench.archives.isDurable(text.id))
    #expect(await bench.scratchIsEmpty())
  }

  @Test func hostileTreesAndNamesAreRefused() async throws {
    let bench = try ExecutorBench()
    let trees = [
      HandMade().file("../evil").end(), HandMade().file("/tmp/evil").end(),
      HandMade().link("l", "/etc").end(), HandMade().link("l", "../..").end(),
      HandMade().link("l", ".").file("l/x").end(), Array("no tree at all".utf8),
      Array(HandMade().file("a").end().dropLast()),
    ]
    for tree in trees {
      let failure = await bench.failure {
        $0.arguments = words("true")
        $0.input = .inline(tree)
      }
      #expect(failure?.0 == .inputUnavailable)
      #expect(failure?.1.contains("bad file tree") == true)
    }
    let tool = try FileArchive.store("/bin/true", in: bench.archives)
    for name in ["..", "", "a/.."] {
      let failure = await bench.failure {
        $0.arguments = words(name)
        $0.executable = tool.id
      }
      #expect(failure?.0 == .inputUnavailable)
    }
    let absent = await bench.failure {
      $0.arguments = words("x")
      $0.executable = .zero
    }
    #expect(absent?.0 == .inputUnavailable)
    #expect(await bench.scratchIsEmpty())
  }

  @Test func whatATaskLeavesBehindIsCounted() async throws {
    let bench = try ExecutorBench()
    let result = await bench.run {
      $0.arguments = words("sh", "-c", "sleep 1000 & setsid sleep 1000 & echo done")
    }
    #expect(result?.exitStatus == 0 && result?.leftovers == 2)
    #expect(result?.stdout == .inline(Array("done\n".utf8)))
  }

  /// The embedded grid: tasks run where the person is, and leave nothing else.
  @Test func tasksMayRunWhereThePersonIs() async throws {
    let home = try TreeBench()
    let bench = try ExecutorBench(runsIn: home.root)
    let result = await bench.run {
      $0.arguments = words("sh", "-c", "pwd; echo x > f; head -c 100000 /dev/zero >&2")
    }
    #expect(result?.stdout == .inline(Array("\(home.root)\n".utf8)))
    guard case .archive(_, 100_000)? = result?.stderr else {
      Issue.record("\(String(describing: result?.stderr))")
      return
    }
    #expect(home.text("f") == "x\n")
    #expect(await bench.scratchIsEmpty())
  }

  @Test func aKilledTaskEnds() async throws {
    let bench = try ExecutorBench()
    bench.bench.directory("in")
    try bench.bench.file("in/f", String(repeating: "x", count: 1 << 20))
    let input = try bench.tree(bench.bench.path("in"))
    for _ in 0..<20 {
      let task = bench.start {
        $0.arguments = words("sleep", "1000")
        $0.input = input
      }
      bench.executor.kill(task)
      guard case .failed(.killed, _)? = await bench.end(of: task) else {
        Issue.record("a killed task goes on")
        return
      }
    }
    #expect(await bench.scratchIsEmpty())
  }
}
