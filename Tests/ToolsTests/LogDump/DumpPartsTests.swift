import LogStore
import RolesCore
import Testing

@testable import rpcv_logdump

@Suite("Log dump: places")
struct LogPlaceTests {
  @Test func logsBehindAPath() throws {
    try NodeFixture.run { node in
      let name = try node.writeFiveFrames()
      let root = node.directory
      let facts = LogPlace(directory: node.facts, nodeDirectory: root)
      #expect(try LogPlace.find(root) == [facts])
      #expect(try LogPlace.find(root + "//") == [facts])
      try PosixFileSystem().makeDirectory(root + "/archives")
      let both = [facts, LogPlace(directory: root + "/archives", nodeDirectory: root)]
      #expect(try LogPlace.find(root) == both)
      #expect(try LogPlace.find(node.facts) == [LogPlace(directory: node.facts)])
      // Empty, but a node's.
      #expect(
        try LogPlace.find(root + "/archives") == [LogPlace(directory: root + "/archives")])
      let path = try node.path(name)
      let file = String(path.dropFirst(node.facts.count + 1))
      #expect(try LogPlace.find(path) == [LogPlace(directory: node.facts, file: file)])
      #expect(LogPlace(directory: "facts").nodeDirectory == "facts/..")
    }
  }

  @Test func whatIsNoLogIsTold() throws {
    try NodeFixture.run { node in
      let gone = #expect(throws: NoLog.self) { try LogPlace.find(node.directory + "/gone") }
      #expect(gone?.description == node.directory + "/gone: No such file or directory")
      let special = #expect(throws: NoLog.self) { try LogPlace.find("/dev/null") }
      #expect(special?.description == "/dev/null is neither a directory nor a regular file")
      let foreign = #expect(throws: NoLog.self) { try LogPlace.find(node.directory) }
      #expect(foreign?.description.hasPrefix("there is no log in \(node.directory); name ") == true)
      // A directory of nodes, as a user's state directory is.
      for name in ["b", "a"] {
        try PosixFileSystem().makeDirectory(node.directory + "/sessions/\(name)/facts")
      }
      let hint = #expect(throws: NoLog.self) { try LogPlace.find(node.directory) }
      #expect(
        hint
          == .notALog(
            node.directory,
            nodes: [node.directory + "/sessions/a", node.directory + "/sessions/b"]))
      #expect(hint?.description.contains("did you mean one of these?\n  /") == true)
    }
  }
}

@Suite("Log dump: words")
struct RecordTextTests {
  private func describe(_ record: Record) -> String {
    let (name, text) = record.payload.withUnsafeBytes { RecordText.describe(record.kind, $0) }
    return "\(name): \(text)"
  }

  private let hash = Hash256(a: 0xcccc_cccc_cccc_cccc, b: 1, c: 2, d: 3)
  private let node = NodeID(ID128(high: 0xdddd_dddd_0000_0000, low: 5))
  private var call: CallName { CallName(session: Facts.session, counter: CallCounter(7)) }
  private var task: TaskName { TaskName(node: node, start: Nonce(0x12), counter: 3) }

  @Test func everyFactIsTold() {
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = ["echo", "a\u{1b}[31m\nb", "plain", "it's", ""].map { Array($0.utf8) }
    var result = CallResult(hash: hash)
    result.exitStatus = 3
    result.stdout = .inline([1, 2])
    result.stderr = .archive(hash, size: 70_000)
    result.started = 1_000
    result.duration = 2_500_000
    result.host = "h\u{7}"
    let facts: [(Fact, String)] = [
      (
        .submitted(Submitted(call: call, digest: hash, spec: spec, wallTime: 86_400_000)),
        "submitted: aaaaaaaa/bbbbbbbb/7 digest cccccccccccc at 1970-01-02T00:00:00Z: "
          + "exec echo 'a?[31m?b' plain 'it'\\''s' ''"
      ),
      (
        .assigned(Assigned(task: task, call: call, digest: hash, server: node, wallTime: 0)),
        "assigned: aaaaaaaa/bbbbbbbb/7 as task dddddddd-0000000000000012-3 to server dddddddd at "
          + "1970-01-01T00:00:00Z"
      ),
      (
        .finished(Finished(task: task, call: call, digest: hash, server: node, result: result)),
        "finished: aaaaaaaa/bbbbbbbb/7 by task dddddddd-0000000000000012-3 on dddddddd: exit 3, "
          + "stdout 2 bytes, stderr 70000 bytes in archive cccccccccccc, "
          + "2500 ms from 1970-01-01T00:00:01Z on h?"
      ),
      (
        .failed(
          Failed(
            task: task, call: call, digest: hash, server: node, reason: .timeLimit,
            detail: "10 s")),
        "failed: aaaaaaaa/bbbbbbbb/7 in task dddddddd-0000000000000012-3 on dddddddd: "
          + "time limit: 10 s"
      ),
      (
        .lost(Lost(task: task, call: call, digest: hash)),
        "lost: the result of task dddddddd-0000000000000012-3 of aaaaaaaa/bbbbbbbb/7 was not found"
      ),
      (
        .cancelled(Cancelled(call: call, digest: hash)),
        "cancelled: aaaaaaaa/bbbbbbbb/7 digest cccccccccccc"
      ),
      (
        .collected(Collected(call: call, digest: hash, result: hash)),
        "collected: aaaaaaaa/bbbbbbbb/7 with result cccccccccccc"
      ),
      (
        .released(
          Released(
            session: Facts.session,
            ranges: [CallCounter(1)...CallCounter(4), CallCounter(6)...CallCounter(6)])),
        "released: aaaaaaaa/bbbbbbbb calls 1-4, 6"
      ),
      (.removed(Removed(node: node)), "removed: node \(node) never returns"),
      (.alive(Alive(node: node, count: 9)), "alive: node dddddddd, count 9"),
    ]
    for (fact, text) in facts { #expect(describe(Record(fact)) == text) }
  }

  @Test func recordsOfTheEngineAreTold() {
    let name = SegmentName(node: node, log: .facts, serial: Serial(4), nonce: Nonce(9))
    #expect(
      describe(Retirement.retired(name).record)
        == "retired: segment dddddddd/facts/4-0000000000000009 may be drained")
    #expect(
      describe(Retirement.floor(node, .archives, below: Serial(4)).record)
        == "floor: all archives segments of dddddddd below 4 are retired")
    #expect(
      describe(Retirement.closed(node, .facts, Serial(4)).record)
        == "closed: facts segment 4 of dddddddd is lost to its writer")
    #expect(
      describe(Record(kind: .archiveChunk, payload: hash.bytes + [1, 2, 3]))
        == "chunk: cccccccccccc, 3 bytes")
    let manifest = hash.bytes + [5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0] + hash.bytes
    #expect(
      describe(Record(kind: .archiveManifest, payload: manifest))
        == "manifest: archive cccccccccccc, 5 bytes in 1 chunk")
  }

  /// Whatever stands in a record, the dump says something and goes on.
  @Test func unknownAndUnreadableRecordsAreTold() {
    #expect(
      describe(Record(kind: RecordKind(9), payload: [1]))
        == "kind 9: 1 byte of a kind unknown here")
    #expect(
      describe(Record(kind: RecordKind(999), payload: [1, 2]))
        == "kind 999: 2 bytes of a kind unknown here")
    for kind in UInt16(0)..<40 {
      for payload in [[], [0xff], [UInt8](repeating: 0xff, count: 50)] {
        #expect(!describe(Record(kind: RecordKind(kind), payload: payload)).isEmpty)
      }
    }
    #expect(describe(Record(kind: .retired, payload: [0xff])) == "retired: unreadable")
    #expect(describe(Record(kind: .archiveChunk, payload: [1])) == "chunk: unreadable")
    #expect(describe(Record(kind: .archiveManifest, payload: [1])) == "manifest: unreadable")
    #expect(describe(Record(kind: .submitted, payload: [])).hasPrefix("kind 16: unreadable: "))
  }
}

@Suite("Log dump: values")
struct DumpValueTests {
  @Test func jsonTextIsQuoted() {
    #expect(JSONValue.text("a\"b\\c\n\r\t\u{1}\u{7f}é").text == #""a\"b\\c\n\r\t\u0001\u007fé""#)
    let object = JSONValue.object([
      ("n", .number(.max)), ("f", .flag(true)), ("x", .optional(nil as String?)),
      ("t", .optional("t")),
    ])
    #expect(object.text == #"{"n":18446744073709551615,"f":true,"x":null,"t":"t"}"#)
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (951_782_399_999, "2000-02-28T23:59:59Z"),
      (951_782_400_000, "2000-02-29T00:00:00Z"), (951_868_800_000, "2000-03-01T00:00:00Z"),
      (1_709_164_800_000, "2024-02-29T00:00:00Z"), (1_735_689_599_000, "2024-12-31T23:59:59Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00Z"),
    ] as [(UInt64, String)])
  func wallTimes(milliseconds: UInt64, text: String) {
    #expect(UTCTime(milliseconds).description == text)
  }

  @Test func anyWallTimeIsATime() {
    for shift in 0..<64 { #expect(UTCTime(UInt64.max >> shift).description.hasSuffix("Z")) }
  }

  @Test func numbersAgreeWithTheirNouns() {
    #expect(counted(0, "byte") == "0 bytes")
    #expect(counted(1, "byte") == "1 byte")
  }
}
