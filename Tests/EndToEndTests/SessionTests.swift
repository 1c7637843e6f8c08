import Foundation
import Testing

// A named session of `rpcv map` that goes on: what earlier runs did counts, and other parameters
// are refused.

@Suite(.serialized) struct SessionTests {
  private func map(_ folder: TestFolder, _ words: [String], _ number: Int) throws -> Ended {
    try LiveProcess("map", Program.rpcv, ["map"] + words, in: folder.path, number: number)
      .end(within: 30)
  }

  private func lines(_ folder: TestFolder, _ name: String) throws -> [String] {
    try String(contentsOfFile: folder.path + "/" + name, encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  @Test func failuresOfEarlierRunsCount() throws {
    let folder = try TestFolder()
    let words = ["--session", "s", "-k", "--joblog", "log", "exit {}", ":::"]
    let first = try map(folder, words + ["0", "3", "0", "4"], 1)
    #expect(first.status == 2, "\(first.errors)")
    #expect(try lines(folder, "log").count == 5)
    let again = try map(folder, words + ["0", "3", "0", "4"], 2)
    #expect(again.status == 2)
    #expect(
      again.errors == "rpcv: 4 jobs were printed or given up by an earlier run; the exit status "
        + "counts 2 failed\n")
    let more = try map(folder, words + ["0", "3", "0", "4", "5", "0"], 3)
    #expect(more.status == 3, "\(more.errors)")
    // Kept, added to, one header.
    let log = try lines(folder, "log")
    #expect(log.map { $0.prefix { $0 != "\t" } } == ["Seq", "1", "2", "3", "4", "5", "6"])
    #expect(log.map { $0.split(separator: "\t")[6] } == ["Exitval", "0", "3", "0", "4", "5", "0"])
  }

  /// A job that is printed a second time, since its run was killed before it gave the job back, is
  /// in the log once.
  @Test func killedRunsWriteNoLineTwice() throws {
    let folder = try TestFolder()
    let count = 300
    let words =
      ["--session", "k", "-j4", "--joblog", "log", "exit $(({} % 3 == 0))", ":::"]
      + (1...count).map(String.init)
    for number in 1...5 {
      let run = try LiveProcess(
        "map", Program.rpcv, ["map"] + words, in: folder.path, number: number)
      let before = number * count / 8
      try eventually(within: 30, "some are done; \(run.complaints)") {
        !run.isRunning || ((try? lines(folder, "log")) ?? []).count > before
      }
      run.killNow()
    }
    let last = try map(folder, words, 99)
    #expect(last.status == 100, "\(last.errors)")
    let log = try lines(folder, "log")
    #expect(Set(log).count == log.count)
    #expect(Set(log.map { $0.prefix { $0 != "\t" } }).count == count + 1)
  }

  @Test func givenUpJobsCount() throws {
    let folder = try TestFolder()
    let words = ["--session", "g", "--timeout", "300ms", "sleep {}", ":::", "0", "30"]
    #expect(try map(folder, words, 1).status == 1)
    let again = try map(folder, words, 2)
    #expect(again.status == 1 && again.errors.contains("counts 1 failed"), "\(again.errors)")
  }

  @Test func cancelledJobsCount() throws {
    let folder = try TestFolder()
    let words = ["--session", "h", "-j2", "--halt", "now,fail=1", "sleep {}; exit 7", ":::"]
    let jobs = ["0.2", "30", "31"]
    #expect(try map(folder, words + jobs, 1).status == 7)
    let again = try map(folder, ["--session", "h", "sleep {}; exit 7", ":::"] + jobs, 2)
    #expect(again.status == 3 && again.output.isEmpty, "\(again.errors)")
  }

  @Test(arguments: [
    (["--timeout", "10s"], "--timeout is 10.0 s and was none"),
    (["--memory", "1GiB"], "--memory is 1.0 GiB and was none"),
    (["--retries", "2"], "--retries is 2 and was none"),
  ]) func otherLimitsAreRefused(_ other: [String], _ says: String) throws {
    let folder = try TestFolder()
    let words = ["echo {}", ":::", "1", "2"]
    #expect(try map(folder, ["--session", "p"] + words, 1).status == 0)
    let refused = try map(folder, ["--session", "p"] + other + words + ["3"], 2)
    #expect(refused.status == 255 && refused.output.isEmpty)
    #expect(refused.errors.contains(says) && refused.errors.contains("another --session"))
    // A limit that is the same in other words is the same; how it is printed may change.
    #expect(try map(folder, ["--session", "q", "--timeout", "60"] + words, 3).status == 0)
    #expect(
      try map(folder, ["--session", "q", "--timeout", "1m", "-k", "--tag"] + words, 4).status == 0)
    let without = try map(folder, ["--session", "q"] + words, 5)
    #expect(without.errors.contains("--timeout is none and was 1m00s"), "\(without.errors)")
  }
}
