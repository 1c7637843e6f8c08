import Testing

@testable import rpcv

@Suite("Output of map")
struct OutputTests {
  @Test func outputIsPrintedAsItComes() {
    var assembler = OutputAssembler<String>(keepsOrder: false)
    #expect(assembler.finished(3, "c").map(\.output) == ["c"])
    #expect(assembler.finished(1, "a").map(\.output) == ["a"])
    #expect(assembler.waitingCount == 0)
  }

  @Test func orderIsKept() {
    var assembler = OutputAssembler<String>(keepsOrder: true)
    #expect(assembler.finished(3, "c").isEmpty)
    #expect(assembler.finished(2, "b").isEmpty)
    #expect(assembler.finished(1, "a").map(\.number) == [1, 2, 3])
    #expect(assembler.finished(2, "again").isEmpty)
    #expect(assembler.skipped(5).isEmpty)
    #expect(assembler.finished(4, "d").map(\.output) == ["d"])
    #expect(assembler.finished(6, "f").map(\.output) == ["f"])
    #expect(assembler.oldestMissing == 7)
  }

  @Test func aHaltedRunGivesWhatItHas() {
    var assembler = OutputAssembler<String>(keepsOrder: true)
    _ = assembler.finished(5, "e")
    _ = assembler.skipped(4)
    _ = assembler.finished(3, "c")
    #expect(assembler.drain().map(\.output) == ["c", "e"])
    #expect(assembler.waitingCount == 0)
  }

  @Test func theGeneratorIsHeldBack() {
    var assembler = OutputAssembler<Int>(keepsOrder: true, window: 10)
    #expect(assembler.mayStart(10))
    #expect(!assembler.mayStart(11))
    _ = assembler.finished(1, 1)
    #expect(assembler.mayStart(11))
    #expect(OutputAssembler<Int>(keepsOrder: false, window: 10).mayStart(1000))
  }

  @Test func anyOrderGivesTheSameOutput() {
    let seed = UInt64.random(in: 0 ... .max)
    var dice = SplitMix(state: seed)
    for _ in 0..<50 {
      var assembler = OutputAssembler<Int>(keepsOrder: true)
      let printed = Array(1...40).shuffled(using: &dice).flatMap { assembler.finished($0, $0) }
      #expect(printed.map(\.output) == Array(1...40), "seed \(seed)")
    }
  }

  @Test func tagsStandBeforeEachLine() {
    var tagger = LineTagger(tag: bytes("t"))
    #expect(text(tagger.tagged(bytes("a\nb"))) == "t\ta\nt\tb")
    #expect(text(tagger.tagged(bytes("c\n"))) == "c\n")
    #expect(text(tagger.tagged(bytes("\n"))) == "t\t\n")
    var plain = LineTagger(tag: nil)
    #expect(text(plain.tagged(bytes("a\nb"))) == "a\nb")
  }

  /// Of a named session: earlier lines stay, none stands twice, a torn last one is ended.
  @Test func joblogsAreContinued() throws {
    let scratch = try Scratch()
    let path = bytes(scratch.path + "/log")
    func entry(_ number: Int) -> JobLog.Entry {
      JobLog.Entry(
        number: number, host: "h", started: 5, runtime: 7, bytesSent: 0, bytesReceived: 2,
        outcome: .exited(0), command: bytes("c\n\(number)"))
    }
    func log() throws -> String { try String(contentsOfFile: text(path), encoding: .utf8) }
    let (header, one, two) = (
      text(JobLog.header), text(JobLog.line(entry(1))), text(JobLog.line(entry(2)))
    )
    try JobLogFile(path, keepsEarlier: true).write(entry(1))
    let again = try JobLogFile(path, keepsEarlier: true)
    for number in 1...2 { try again.write(entry(number)) }
    #expect(try log() == header + one + two)
    _ = try scratch.file("log", header + "1\tto")
    try JobLogFile(path, keepsEarlier: true).write(entry(2))
    #expect(try log() == header + "1\tto\n" + two)
    try JobLogFile(path, keepsEarlier: false).write(entry(1))
    #expect(try log() == header + one)
  }

  @Test func joblogLines() {
    #expect(
      text(JobLog.header)
        == "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n")
    var entry = JobLog.Entry(
      number: 3, host: "", started: 1_795_498_901_155, runtime: 1_201_499, bytesSent: 0,
      bytesReceived: 2, outcome: .exited(7), command: bytes("echo 7;\texit\n7"))
    #expect(
      text(JobLog.line(entry))
        == "3\t:\t1795498901.155\t     1.201\t0\t2\t7\t0\techo 7;\\texit\\n7\n")
    entry.host = "lab3"
    entry.outcome = .signalled(9)
    #expect(text(JobLog.line(entry)).hasPrefix("3\tlab3\t1795498901.155\t     1.201\t0\t2\t0\t9\t"))
    entry.outcome = .notFinished
    #expect(text(JobLog.line(entry)).contains("\t-1\t0\t"))
  }
}
