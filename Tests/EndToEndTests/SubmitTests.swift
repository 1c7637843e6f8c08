import Foundation
import Testing

// `rpcv submit`, `wait`, `results`, `cancel` and `release` on a real grid of processes, as a person
// uses them; the client's machines are state directories.

@Suite(.serialized) struct SubmitTests {
  private func here(_ grid: TestGrid) -> [String] { ["--directory", grid.folder.path + "/here"] }

  @Test func aCallGoesAndItsResultComes() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    let first = try grid.run(["submit", "--session", "s", "echo one; exit 3"], within: 20)
    #expect(first.status == 0 && first.output == "s/1\n", "\(first)")
    // The same words are the same call, others are refused, and others may be added.
    let again = try grid.run(["submit", "--session", "s", "echo one; exit 3"], within: 20)
    #expect(again.status == 0 && again.errors.contains("known to session 's' already"))
    let other = try grid.run(["submit", "--session", "s", "--", "echo", "two"], within: 20)
    #expect(other.status == 64 && other.errors.contains("parameters changed"))
    let added = try grid.run(
      ["submit", "--session", "s", "--append", "--json", "--", "echo", "two"], within: 20)
    #expect(added.output == #"{"session":"s","call":2,"known":"new"}"# + "\n", "\(added.errors)")
    let waited = try grid.run(["wait", "s"], within: 20)
    #expect(waited.status == 1)
    #expect(waited.output == "s: 1 succeeded, 1 ended with a failure\n")
    let results = try grid.run(["results", "s"], within: 20)
    #expect(results.status == 0 && results.output == "one\ntwo\n", "\(results.errors)")
    #expect(results.errors.contains("s/1 ended with exit status 3"))
  }

  /// Results are there for every machine, until the session is released; then for none.
  @Test func anotherMachineReadsAndReleases() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    let lines = (1...300).map { "echo \($0)" }.joined(separator: "\n")
    let list = try grid.folder.file("list", lines)
    let made = try grid.run(["submit", "--session", "s", "--safe", "--file", list], within: 30)
    #expect(made.lines == (1...300).map { "s/\($0)" })
    for _ in 0..<2 {
      let results = try grid.run(["results", "s", "--wait"] + here(grid), within: 60)
      #expect(results.lines == (1...300).map(String.init), "\(results.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: grid.folder.path + "/here"))
    let saved = try grid.run(["results", "s/7,300", "--to", "out"], within: 20)
    #expect(saved.status == 0 && saved.output.isEmpty)
    let out = grid.folder.path + "/out"
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: out)) == ["7", "300"])
    #expect(try String(contentsOfFile: out + "/300/stdout", encoding: .utf8) == "300\n")
    #expect(try String(contentsOfFile: out + "/7/exit", encoding: .utf8) == "0\n")
    let released = try grid.run(["release", "s"] + here(grid), within: 20)
    #expect(released.status == 0 && released.output == "s: the session has ended\n")
    let status = try grid.run(["status"], within: 20)
    #expect(status.lines.last?.hasSuffix(" all") == true, "\(status.output)")
    #expect(try grid.run(["results", "s"], within: 20).status == 1)
    for flag in [["--append"], []] {
      let more = try grid.run(
        ["submit", "--session", "s"] + here(grid) + flag + ["--", "true"], within: 20)
      #expect(more.status == (flag.isEmpty ? 1 : 64), "\(more.errors)")
      #expect(more.errors.contains(flag.isEmpty ? "were released" : "has ended"))
    }
    let waited = try grid.run(["wait", "s"], within: 20)
    #expect(waited.status == 0 && waited.output == "s: the session has ended\n")
  }

  @Test func cancelledCallsAreKilledAndGone() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1, slots: 2)
    let mark = grid.folder.path + "/alive"
    _ = try grid.run(["submit", "--session", "s", "echo $$ > \(mark); sleep 600"], within: 20)
    try eventually(within: 20, "the task runs") {
      (try? String(contentsOfFile: mark, encoding: .utf8))?.hasSuffix("\n") == true
    }
    let list = try grid.folder.file("list", "sleep 600\nsleep 600\necho done\n")
    _ = try grid.run(["submit", "--session", "s", "--append", "--file", list], within: 20)
    // Whichever coordinator answers: one that hears the server, or not yet.
    let why = try grid.run(["why", "s/1"], within: 20)
    #expect(why.output.hasPrefix("It is running") || why.output.contains("gave it to"))
    let text = try String(contentsOfFile: mark, encoding: .utf8)
    let pid = try #require(Int32(text.dropLast()))
    let one = try grid.run(["cancel", "s/1"], within: 20)
    #expect(one.output == "s: 1 cancelled\n", "\(one.errors)")
    try eventually(within: 20, "the task is killed") { kill(pid, 0) != 0 }
    let rest = try grid.run(["cancel", "s/2-3", "--json"] + here(grid), within: 20)
    #expect(
      rest.output == #"{"session":"s","cancelled":2,"untouched":0,"safe":true}"# + "\n")
    let waited = try grid.run(["wait", "s"], within: 20)
    // Cancelled calls are released once that is safe, which the coordinator asked may not know yet.
    let before = "released or cancelled before"
    let ends = ["3 cancelled", "2 cancelled, 1 \(before)", "1 cancelled, 2 \(before)"]
    let all = "s: 1 succeeded, 3 \(before)\n"
    #expect(
      ends.map { "s: 1 succeeded, \($0)\n" }.contains(waited.output) || waited.output == all,
      "\(waited)")
    #expect(waited.status == (waited.output == all ? 0 : 1), "\(waited)")
    let nothing = try grid.run(["cancel", "s/99"], within: 20)
    #expect(nothing.status == 1 && nothing.errors.contains("no such call"))
  }

  /// What is waited for is told, once, without a terminal.
  @Test func itIsToldWhatCallsWaitFor() throws {
    let grid = try TestGrid(coordinators: 1, servers: 0)
    try grid.awaitWhole()
    let map = try grid.start(["map", "--session", "m", "echo {}", ":::", "1", "2"])
    #expect(try grid.run(["submit", "--session", "s", "true"], within: 20).status == 0)
    let wait = try grid.start(["wait", "s"])
    try eventually(within: 20, "\(map.complaints)\(wait.complaints)") {
      map.complaints.contains("rpcv: 2 calls wait: no server is connected. Ctrl-C is safe")
        && wait.complaints.contains("rpcv: 1 call waits: no server is connected. Ctrl-C ends")
    }
    grid.killCoordinator(0)
    let silent = "rpcv: no coordinator answers at \(grid.list); keeps trying."
    try eventually(within: 20, "\(map.complaints)\(wait.complaints)") {
      map.complaints.contains(silent) && wait.complaints.contains(silent)
    }
    try grid.startCoordinator(0)
    try grid.awaitWhole()
    // A server that nothing was said to yet: `servers` is empty in this grid.
    let server = try LiveProcess(
      "server", Program.rpcv,
      ["server", "--coordinators", grid.list, "--directory", grid.folder.path + "/late"],
      in: grid.folder.path)
    defer { server.killNow() }
    let ended = try map.end(within: 40)
    #expect(ended.status == 0 && Set(ended.lines) == ["1", "2"])
    #expect(try wait.end(within: 40).output == "s: 1 succeeded\n")
    let said = ended.errors.split(separator: "\n").map(String.init)
    #expect(said.count { $0.contains("no coordinator answers") } == 1, "\(said)")
    #expect(Set(said.filter { $0.contains("does not answer") }) == [], "\(said)")
  }

  /// With nobody there the call stays in the log, whatever ends the command; the next command
  /// brings it.
  @Test func unreachableCoordinatorsLoseNothing() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    try grid.awaitWhole()
    grid.killAll()
    let submit = try grid.start(["submit", "--session", "s", "echo late"])
    try eventually(within: 30, "it says that nobody answers: \(submit.complaints)") {
      submit.complaints.contains("no coordinator answers")
    }
    submit.signal(SIGINT)
    let ended = try submit.end(within: 10)
    #expect(ended.status == 130 && ended.output.isEmpty)
    #expect(ended.errors.contains("rpcv wait s"))
    let timeout = try grid.run(["wait", "s", "--timeout", "1s"], within: 20)
    #expect(timeout.status == 75)
    let cancel = try grid.run(["cancel", "s", "--timeout", "1s"], within: 20)
    #expect(cancel.status == 75 && cancel.errors.contains("time"), "\(cancel.errors)")
    let logged = try grid.run(
      ["submit", "--session", "t", "--no-wait", "--strategy", "blocking", "--", "true"], within: 20)
    #expect(logged.status == 0 && logged.output == "t/1\n")
    #expect(try grid.run(["status"], within: 20).status == 69)
    try grid.startAll()
    #expect(try grid.run(["wait", "s"], within: 30).output == "s: 1 succeeded\n")
    #expect(try grid.run(["wait", "t"], within: 30).output == "t: 1 succeeded\n")
    #expect(try grid.run(["results", "s"], within: 20).output == "late\n")
  }
}
