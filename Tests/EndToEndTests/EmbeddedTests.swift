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
