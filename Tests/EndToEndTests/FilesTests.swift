import Foundation
import Testing

// Files that travel: `--in`, `--out` and executables on a grid, and how what goes wrong with them
// or with a command is told to a person.

@Suite(.serialized) struct FilesTests {
  private func write(_ grid: TestGrid, _ name: String, _ text: String, mode: Int = 0o644) throws {
    let path = grid.folder.path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private func read(_ grid: TestGrid, _ name: String) -> String? {
    try? String(contentsOfFile: grid.folder.path + "/" + name, encoding: .utf8)
  }

  private func leftovers(_ grid: TestGrid) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: grid.folder.path).filter {
      $0.hasPrefix(".rpcv-")
    }
  }

  @Test func filesTravelToTheTaskAndBack() throws {
    let grid = try TestGrid(coordinators: 2, servers: 2, slots: 2)
    let large = String(repeating: "0123456789abcde\n", count: 200_000)
    try write(grid, "data/a.txt", "alpha\n")
    try write(grid, "data/b.txt", large)
    try write(grid, "shared/table", "shared\n")
    // No first line names an interpreter.
    try write(
      grid, "tool",
      """
      mkdir -p out/$2
      cat shared/table $1 > out/$2/all
      wc -c < $1 > out/$2/size
      echo x > extra

      """,
      mode: 0o755)
    let run = try grid.run(
      [
        "map", "-k", "--in", "{}", "--in", "shared", "--out", "out/{/.}", "./tool {} {/.}", ":::",
        "data/a.txt", "data/b.txt",
      ], within: 60)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output == "" && run.errors == "")
    #expect(read(grid, "out/a/all") == "shared\nalpha\n" && read(grid, "out/a/size") == "6\n")
    #expect(read(grid, "out/b/all") == "shared\n" + large)
    #expect(read(grid, "extra") == nil)
    #expect(try leftovers(grid) == [])
  }

  @Test func aMissingFileIsToldBeforeAnythingIsSubmitted() throws {
    let grid = try TestGrid(coordinators: 1, servers: 1)
    try write(grid, "here", "x")
    let words = [
      "map", "--session", "missing", "--in", "{}", "touch \(grid.folder.path)/ran; cat {}", ":::",
    ]
    let run = try grid.run(words + ["here", "gone"], within: 30)
    #expect(run.status == 255)
    #expect(run.errors == "rpcv: job 2, --in 'gone': No such file or directory\n")
    #expect(read(grid, "ran") == nil)
    let program = try grid.run(["map", "./no-tool {}", ":::", "1"], within: 30)
    #expect(program.status == 255)
    #expect(program.errors.contains("no-tool") && program.errors.contains("No such file"))
    let outside = try grid.run(["map", "--in", "../x", "cat", ":::", "1"], within: 30)
    #expect(outside.status == 255 && outside.errors.contains("leads out"))
    let status = try grid.run(["status", "--coordinators", grid.list], within: 30)
    #expect(status.output == "no sessions\n")
  }

  @Test func whatGoesWrongIsTold() throws {
    let grid = try TestGrid(coordinators: 1, servers: 1)
    try write(grid, "plain", "text\n")
    func run(_ command: String, _ options: [String] = []) throws -> Ended {
      try grid.run(["map"] + options + [command, ":::", "1"], within: 60)
    }
    let absent = try run("no-such-command {}")
    #expect(absent.status == 1)
    #expect(absent.errors == "rpcv: no-such-command: command not found\n")
    let denied = try run("./plain {}")
    #expect(denied.status == 255)
    #expect(
      denied.errors == "rpcv: the program can't be sent along: ./plain: Permission denied\n")
    let there = try run("cat plain; ./plain {}", ["--in", "plain"])
    #expect(there.status == 1 && there.output == "text\n")
    #expect(there.errors.contains("ermission denied"))
    let crashed = try run("kill -SEGV $$ # {}")
    #expect(crashed.status == 1)
    #expect(crashed.errors == "rpcv: job 1 was ended by signal 11 (Segmentation fault)\n")
    let killed = try run("kill -KILL $$ # {}", ["--retries", "2"])
    #expect(killed.status == 1 && killed.errors.contains("failed for good"))
    #expect(killed.errors.contains("SIGKILL"))
    let left = try run("setsid sleep 1000 & echo fine # {}")
    #expect(left.status == 0 && left.output == "fine\n")
    #expect(left.errors == "rpcv: job 1 left 1 process behind: it was killed\n")
    let nothing = try run("true {}", ["--out", "{}.png"])
    #expect(nothing.status == 1)
    #expect(
      nothing.errors == "rpcv: job 1 left no file '1.png', which --out names: it has failed\n")
    let any = try run("true {}", ["--out", "*.png"])
    #expect(any.status == 0 && any.errors == "", "\(any.errors)")
    // A file of that name from before doesn't count; an input that was left as it is does.
    try write(grid, "1.old", "old\n")
    #expect(try run("true {}", ["--out", "{}.old"]).status == 1)
    let same = try run("cat plain # {}", ["--in", "plain", "--out", "plain"])
    #expect(same.status == 0 && same.output == "text\n", "\(same.errors)")
  }

  /// As GNU parallel has it: killed, failed, once.
  @Test func aJobOverItsTimeIsKilledAndHasFailed() throws {
    let grid = try TestGrid(coordinators: 1, servers: 1)
    func runs(_ name: String) -> Int {
      (read(grid, name) ?? "").split(separator: "\n").count
    }
    let job = "echo x >> \(grid.folder.path)/{}; sleep 100"
    let once = try grid.run(
      ["map", "--session", "t", "--joblog", "log", "--timeout", "1s", job, ":::", "once"],
      within: 60)
    #expect(once.status == 1 && once.errors.contains("longer than its limit"), "\(once.errors)")
    #expect(runs("once") == 1)
    let line = try #require(read(grid, "log")?.split(separator: "\n").last)
    #expect(line.hasPrefix("1\t") && line.contains("\t-1\t0\techo x"), "\(line)")
    let again = try grid.run(
      ["map", "--timeout", "1s", "--retries", "2", job, ":::", "twice"], within: 60)
    #expect(again.status == 1)
    #expect(runs("twice") == 2)
    let submit = ["submit", "--session", "s", "--time-limit", "500ms", "sleep 100"]
    #expect(try grid.run(submit, within: 20).status == 0)
    #expect(try grid.run(["wait", "s"], within: 30).output == "s: 1 given up\n")
    let why = try grid.run(["why", "s/1"], within: 20)
    #expect(why.output.hasPrefix("It ran longer than its time limit"), "\(why.output)")
  }

  /// F20: far more than any buffer takes. Memory is bounded on the way.
  @Test func largeOutputsPassThroughBoundedMemory() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1, slots: 1)
    let size = 300 << 20
    let run = try grid.run(
      ["map", "--results", "res", "head -c \(size) /dev/zero; echo end-{}", ":::", "1"],
      within: 120)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.utf8.count == size + 6 && run.output.hasSuffix("\0end-1\n"))
    let kept = try FileManager.default.attributesOfItem(
      atPath: grid.folder.path + "/res/1/1/stdout")
    #expect((kept[.size] as? NSNumber)?.intValue == size + 6)
    for process in grid.coordinators + grid.servers {
      let peak = try #require(process?.peakMemory)
      #expect(peak < 250 << 20, "\(process?.name ?? ""): \(peak >> 20) MiB")
    }
  }

  @Test func embeddedRunsLookForTheirFilesToo() throws {
    let folder = try TestFolder()
    try "x".write(toFile: folder.path + "/here", atomically: true, encoding: .utf8)
    func run(_ words: [String], _ number: Int) throws -> Ended {
      try LiveProcess("map", Program.rpcv, ["map"] + words, in: folder.path, number: number)
        .end(within: 30)
    }
    let both = try run(
      ["--in", "{}", "--out", "{}.copy", "cp {} {}.copy", ":::", "here", "gone"], 1)
    #expect(both.status == 255)
    #expect(both.errors == "rpcv: job 2, --in 'gone': No such file or directory\n")
    let one = try run(["--in", "{}", "--out", "{}.copy", "cp {} {}.copy", ":::", "here"], 2)
    #expect(one.status == 0 && one.errors == "", "\(one.errors)")
    #expect(FileManager.default.fileExists(atPath: folder.path + "/here.copy"))
    let none = try run(["--out", "{}.png", "true", ":::", "here"], 3)
    #expect(none.status == 1)
    #expect(
      none.errors == "rpcv: job 1 left no file 'here.png', which --out names: it has failed\n")
    // In order, behind another job: counted once.
    let mixed = try run(
      ["-k", "--out", "{}.c", "--out", "*.d", "test {} = b || touch {}.c", ":::", "a", "b", "c"], 4)
    #expect(mixed.status == 1)
    #expect(mixed.errors == "rpcv: job 2 left no file 'b.c', which --out names: it has failed\n")
  }
}
