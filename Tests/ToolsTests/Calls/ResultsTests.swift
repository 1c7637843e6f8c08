import Foundation
import LogStore
import RolesCore
import Testing

@testable import rpcv

@Suite("Results and tallies")
struct ResultsTests {
  private func row(_ state: CallState, exit: UInt64 = 0, signal: UInt64 = 0) -> CallSummary {
    let session = SessionName(
      user: UserID(ID128(hashing: "u")), session: SessionID(ID128(hashing: "s")))
    var row = CallSummary(
      call: CallName(session: session, counter: CallCounter(1)), digest: .zero, state: state)
    row.exitStatus = exit
    row.signal = signal
    return row
  }

  @Test func endsAreCounted() {
    let rows = [
      row(.finished), row(.collected), row(.finished, exit: 3), row(.collected, signal: 9),
      row(.exhausted), row(.cancelled), row(.pending),
    ]
    let tally = CallTally(rows, released: 4)
    #expect(
      tally.text("s")
        == "s: 2 succeeded, 2 ended with a failure, 1 given up, 1 cancelled, 1 not finished, "
        + "4 released or cancelled before")
    #expect(tally.hasBad)
    #expect(!CallTally([row(.finished), row(.collected)], released: 9).hasBad)
    #expect(CallTally([], released: 0).text("s") == "s: no calls")
  }

  @Test func anEndedSessionSaysSo() {
    let tally = CallTally([], released: CallCounter.greatest.value)
    #expect(tally.text("s") == "s: the session has ended")
    #expect(tally.json("s").line.contains(#""released":null,"ended":true"#))
    var summary = SessionSummary(name: row(.pending).call.session)
    summary.sessionText = "s"
    summary.released = CallCounter.greatest.value
    #expect(SessionSummary.table([summary]).contains(" all\n"))
    #expect(summary.json.line.contains(#""released":null,"ended":true"#))
    summary.released = 7
    #expect(SessionSummary.table([summary]).contains(" 7\n"))
  }

  @Test func base64IsFoundations() {
    for count in 0..<70 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
      #expect(base64(bytes) == Data(bytes).base64EncodedString())
    }
  }

  @Test func filesAppearWholeOrNotAtAll() throws {
    let scratch = try Scratch()
    let path = Array((scratch.path + "/a/b/file").utf8)
    try FileSink.createFolders(above: path)
    try FileSink.replace(path) { try $0.write(bytes("one")) }
    struct Broken: Error {}
    #expect(throws: Broken.self) {
      try FileSink.replace(path) {
        try $0.write(bytes("half"))
        throw Broken()
      }
    }
    let folder = scratch.path + "/a/b"
    #expect(try String(contentsOfFile: folder + "/file", encoding: .utf8) == "one")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
  }

  @Test func aFolderHoldsWhatACallGave() throws {
    let scratch = try Scratch()
    let folder = ResultsFolder(bytes(scratch.path + "/out"), "s", printsJSON: false)
    var result = CallResult(hash: .zero)
    result.stdout = .inline(bytes("hello\n"))
    result.signal = 9
    try folder.write(CallCounter(17), result) { blob, body in
      if case .inline(let bytes) = blob { try body(bytes) }
    }
    func content(_ name: String) throws -> String {
      try String(contentsOfFile: "\(scratch.path)/out/17/\(name)", encoding: .utf8)
    }
    #expect(try content("stdout") == "hello\n")
    #expect(try content("stderr") == "")
    #expect(try content("exit") == "signal 9\n")
  }

  @Test func commandLinesForSubmit() throws {
    func executed(_ line: String) throws -> [String] {
      try CommandSource.executed(bytes(line)).map { text($0) }
    }
    #expect(try executed("gzip -9  big.log") == ["gzip", "-9", "big.log"])
    #expect(try executed("a | b") == ["/bin/sh", "-c", "a | b"])
    #expect(try executed("echo {}") == ["/bin/sh", "-c", "echo {}"])
    let scratch = try Scratch()
    var source = try CommandSource(file: scratch.file("list", "a b\n\n  \nc; d"))
    #expect(try source.next().map { $0.map { text($0) } } == ["a", "b"])
    #expect(try source.next().map { $0.map { text($0) } } == ["/bin/sh", "-c", "c; d"])
    #expect(try source.next() == nil)
    var words = CommandSource(words: [bytes("two words"), bytes("$x")])
    #expect(try words.next().map { $0.map { text($0) } } == ["two words", "$x"])
    #expect(try words.next() == nil)
  }
}
