import Foundation
import Testing

// `rpcv map` with nothing configured: a whole grid in one process, durable.

@Suite(.serialized) struct EmbeddedTests {
  private func start(
    _ folder: TestFolder, _ words: [String], input: String, number: Int
  ) throws -> LiveProcess {
    try LiveProcess(
      "map", Program.rpcv, ["map"] + words, in: folder.path, input: input, number: number)
  }

  @Test func killedAgainAndAgainItGoesOn() throws {
    let folder = try TestFolder()
    let count = 400
    let words = ["--session", "night", "-j4", "echo result-{}"]
    let input = (1...count).map(String.init).joined(separator: "\n") + "\n"
    var printed: [String] = []
    for number in 0..<8 {
      let run = try start(folder, words, input: input, number: number)
      // Killed in the start, in recovery, in the middle: as far as each of these comes.
      Span.pass(milliseconds: 30 + number * 40)
      run.killNow()
      printed += run.printed.split(separator: "\n").map(String.init)
    }
    let last = try start(folder, words, input: input, number: 99).end(within: 60)
    #expect(last.status == 0, "\(last.errors)")
    printed += last.lines
    let expected = Set((1...count).map { "result-\($0)" })
    #expect(Set(printed).intersection(expected) == expected)
    let again = try start(folder, words, input: input, number: 100).end(within: 30)
    #expect(again.output == "")
    #expect(again.status == 0, "\(again.errors)")
  }

  @Test func otherParametersAreRefused() throws {
    let folder = try TestFolder()
    let first = try start(
      folder, ["--session", "s", "echo {}"], input: "1\n2\n", number: 1
    ).end(within: 30)
    #expect(first.output.split(separator: "\n").count == 2)
    let other = try start(
      folder, ["--session", "s", "echo other {}"], input: "1\n2\n3\n", number: 2
    ).end(within: 30)
    #expect(other.status != 0)
    #expect(!other.errors.isEmpty)
  }

  private func sessions(_ folder: TestFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: folder.path + "/.local/state/rpcv/sessions")
  }

  /// A run without a name leaves nothing behind, with jobs, without, and with such as fail.
  @Test(arguments: ["1\n2\n3\n", "", "1\nx\n"])
  func namelessItLeavesNothing(_ input: String) throws {
    let folder = try TestFolder()
    let run = try start(folder, ["test", "{}", "-gt", "0"], input: input, number: 1)
    #expect(try run.end(within: 30).status == (input.contains("x") ? 1 : 0))
    #expect(try sessions(folder) == [])
  }

  /// Closed in order a session's segments take what they hold, not what was allocated ahead.
  @Test func aSessionTakesNoMoreThanItHolds() throws {
    let folder = try TestFolder()
    let run = try start(folder, ["--session", "s", "echo {}"], input: "1\n2\n", number: 1)
    #expect(try run.end(within: 30).status == 0)
    let place = folder.path + "/.local/state/rpcv/sessions/\(try #require(sessions(folder).first))"
    let sizes = try FileManager.default.subpathsOfDirectory(atPath: place)
      .filter { $0.hasSuffix(".seg") }
      .map { try Data(contentsOf: URL(fileURLWithPath: place + "/" + $0)).count }
    #expect(!sizes.isEmpty && sizes.allSatisfy { $0 < 16 << 10 }, "\(sizes)")
  }

  @Test func sessionsAreListedAndReleased() throws {
    let folder = try TestFolder()
    var number = 0
    func rpcv(_ words: String...) throws -> Ended {
      number += 1
      return try LiveProcess("rpcv", Program.rpcv, words, in: folder.path, number: number)
        .end(within: 30)
    }
    #expect(try rpcv("status").output == "no coordinator is configured, and no session is here\n")
    let first = try start(
      folder, ["--session", "a/b c", "test", "{}", "-gt", "0"], input: "1\n2\nx\n", number: 1)
    #expect(try first.end(within: 30).status == 1)
    // Nameless, and still at work.
    let second = try start(folder, ["-j1", "echo {}; sleep {}"], input: "0\n600\n", number: 2)
    defer { second.killNow() }
    try eventually(within: 30, "the first job is printed") { second.printed == "0\n" }

    var name = ""
    try eventually(within: 30, "the second job runs") {
      let rows = try rpcv("status", "--json").lines.map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      let named = try #require(rows.first { $0["session"] as? String == "a/b c" })
      #expect(
        [named["calls"], named["done"], named["failed"]].map { $0 as? Int } == [3, 3, 1])
      #expect(named["inUse"] as? Bool == false)
      let other = try #require(rows.first { $0["session"] as? String != "a/b c" })
      #expect(other["inUse"] as? Bool == true)
      name = other["session"] as? String ?? ""
      return [other["calls"], other["done"], other["failed"]].map { $0 as? Int } == [2, 1, 0]
    }
    #expect(name.hasPrefix("run-"))
    let used = try rpcv("release", name)
    #expect(used.status == 71 && used.errors.contains("is in use by another process"), "\(used)")
    second.killNow()
    #expect(try rpcv("status", name).lines.last?.hasSuffix("no") == true)
    #expect(try rpcv("release", name).output == "\(name): deleted\n")
    #expect(try rpcv("release", "a/b c").output == "a/b c: deleted\n")
    #expect(try sessions(folder) == [])
    let gone = try rpcv("release", "a/b c")
    #expect(gone.status == 1 && gone.errors.contains("no session 'a/b c'"), "\(gone)")
    #expect(try rpcv("status", "a/b c").status == 1)
    #expect(try rpcv("release", "a/3").status == 78)
  }

  @Test func endsBadly() throws {
    let folder = try TestFolder()
    let run = try start(
      folder, ["-k", "-j2", "--retries", "1", "sh -c {}"],
      input: "exit 3\nkill -9 $$\n/nonexistent/command\necho fine\n", number: 1
    ).end(within: 30)
    #expect(run.lines == ["fine"])
    #expect(run.status == 3)
  }
}
