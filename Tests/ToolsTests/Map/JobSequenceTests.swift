import Foundation
import Glibc
import Testing

@testable import rpcv

@Suite("Job sequence")
struct JobSequenceTests {
  private func values(_ words: String...) -> SourceGroup {
    SourceGroup(columns: [.values(words.map(bytes))])
  }

  private func file(_ path: Bytes) -> SourceGroup { SourceGroup(columns: [.file(path)]) }

  private func rows(
    _ groups: [SourceGroup], _ options: JobSequence.Options = JobSequence.Options()
  ) throws -> [String] {
    let jobs = try JobSequence(groups, options: options)
    var rows: [String] = []
    while let job = try jobs.next() {
      #expect(job.number == rows.count + 1)
      rows.append(job.arguments.map { text($0) }.joined(separator: "|"))
    }
    #expect(try jobs.next() == nil)
    return rows
  }

  @Test func theLastSourceTurnsFastest() throws {
    #expect(
      try rows([values("a", "b"), values("1"), values("x", "y")])
        == ["a|1|x", "a|1|y", "b|1|x", "b|1|y"])
  }

  @Test func nothingBehindTheMarkMakesNoJob() throws {
    let options = try MapOptions(parsing: [bytes("echo"), bytes(":::")])
    #expect(!options.readsStandardInput)
    #expect(try rows(options.sources) == [])
    #expect(try rows([values("a\nb")]) == ["a\nb"])
  }

  @Test func filesAreReadAgainForEveryCombination() throws {
    let scratch = try Scratch()
    let lines = file(try scratch.file("lines", "1\n2\n3"))
    #expect(try rows([values("a", "b"), lines]) == ["a|1", "a|2", "a|3", "b|1", "b|2", "b|3"])
    #expect(try rows([lines, lines]).count == 9)
  }

  @Test func aPipeIsKeptWhereItIsWantedAgain() throws {
    let scratch = try Scratch()
    let path = bytes(scratch.path + "/fifo")
    #expect(path.withPath { mkfifo($0, 0o600) } == 0)
    let isLinked = JobSequence.Options(isLinked: true)
    for (options, expected) in [
      (JobSequence.Options(), ["a|1", "a|2", "b|1", "b|2"]), (isLinked, ["a|1", "b|2"]),
    ] {
      let writer = Process()
      writer.executableURL = URL(fileURLWithPath: "/bin/sh")
      writer.arguments = ["-c", "printf '1\\n2\\n' > \(text(path))"]
      try writer.run()
      #expect(try rows([values("a", "b"), file(path)], options) == expected)
      writer.waitUntilExit()
    }
  }

  @Test func linkedSourcesWrapAround() throws {
    let options = JobSequence.Options(isLinked: true)
    #expect(
      try rows([values("a"), values("1", "2", "3"), values("x", "y")], options)
        == ["a|1|x", "a|2|y", "a|3|x"])
    #expect(try rows([values("a", "b"), values()], options) == ["a|", "b|"])
    #expect(try rows([values(), values()], options) == [])
  }

  @Test func recordsOfAllKinds() throws {
    let scratch = try Scratch()
    let long = String(repeating: "x", count: 200_000)
    let path = try scratch.file("a", "1\n\n \(long)\nlast")
    #expect(try rows([file(path)]) == ["1", "", " " + long, "last"])
    #expect(
      try rows([file(path)], JobSequence.Options(skipsBlank: true)) == ["1", " " + long, "last"])
    let semicolons = try scratch.file("b", "a;b\n;c;")
    #expect(
      try rows([file(semicolons)], JobSequence.Options(delimiter: UInt8(ascii: ";")))
        == ["a", "b\n", "c"])
    let nuls = try scratch.file("c", "a\0b\n\0")
    #expect(try rows([file(nuls)], JobSequence.Options(delimiter: 0)) == ["a", "b\n"])
  }

  @Test func badSourcesAreToldBeforeTheFirstJob() throws {
    let scratch = try Scratch()
    let missing = bytes(scratch.path + "/none")
    #expect(
      throws: MapError.source(path: text(missing), reason: "No such file or directory")
    ) { try JobSequence([values("a"), file(missing)]) }
    #expect(
      throws: MapError.source(path: scratch.path, reason: "it is a directory")
    ) { try JobSequence([file(bytes(scratch.path))]) }
    let input = file(bytes("-"))
    #expect(throws: MapError.self) { try JobSequence([input, input]) }
  }

  @Test func badRecordsAreToldWithTheirPlace() throws {
    let scratch = try Scratch()
    let path = try scratch.file("a", "1\na\0b\n")
    let jobs = try JobSequence([file(path)])
    #expect(try jobs.next()?.arguments == [bytes("1")])
    let error = #expect(throws: MapError.self) { try jobs.next() }
    #expect(error?.description.contains("record 2: it holds a NUL byte") == true)

    let endless = try RecordReader(
      path: scratch.file("b", String(repeating: "x", count: 100_000)), delimiter: 10, limit: 1000)
    #expect(throws: MapError.self) { try endless.next() }
  }

  /// A million lines pass through a few hundred kilobytes.
  @Test func aLongSourceNeedsLittleMemory() throws {
    let writer = Process()
    let scratch = try Scratch()
    let path = bytes(scratch.path + "/fifo")
    #expect(path.withPath { mkfifo($0, 0o600) } == 0)
    writer.executableURL = URL(fileURLWithPath: "/bin/sh")
    writer.arguments = ["-c", "seq 1000000 > \(text(path))"]
    try writer.run()
    let jobs = try JobSequence([file(path)])
    let before = residentKilobytes()
    var count = 0
    var last: Job?
    while let job = try jobs.next() {
      count += 1
      last = job
    }
    writer.waitUntilExit()
    #expect(count == 1_000_000)
    #expect(last == Job(number: 1_000_000, arguments: [bytes("1000000")]))
    // Other tests of this process run at the same time; kept lines would be some 60 MB more.
    #expect(residentKilobytes() - before < 40_000)
  }

  private func residentKilobytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
    return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
  }
}
