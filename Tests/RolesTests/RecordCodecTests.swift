import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// Records: their bytes are pinned (an accidental change of the format fails here), what the ledger
// could not stand on is refused, what is unknown is left alone. ProtocolTests holds the codec to
// the generated one.

private let session = SessionName(
  user: UserID(ID128(hashing: "ada")), session: SessionID(ID128(hashing: "pictures")))
private let call = CallName(session: session, counter: CallCounter(300))
private let node = NodeID(ID128(high: 1, low: 2))
private let task = TaskName(node: node, start: Nonce(0x0102_0304_0506_0708), counter: 5)

private func hexText(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func decode(_ kind: RecordKind, _ payload: [UInt8]) throws(ProtoError) -> Fact? {
  try Fact.decode(Record(kind: kind, payload: payload))
}

@Suite struct RecordCodecTests {
  @Test func idsAreHashesOfNames() {
    // The first half of SHA-256("ada").
    #expect(ID128(hashing: "ada").description == "fdee430d40bd57deeac186cd9790033d")
    #expect(ID128(hashing: "") == ID128("e3b0c44298fc1c149afbf4c8996fb924"))
  }

  @Test func bytesOfARecordArePinned() {
    let fact = Fact.assigned(
      Assigned(task: task, call: call, digest: .zero, server: node, wallTime: 1))
    let id = "00000000000000010000000000000002"
    let expected =
      // Task: node, start (little-endian), counter.
      "0a1d" + "0a10" + id + "11" + "0807060504030201" + "1805"
      // Call: user, session, counter 300.
      + "1227" + "0a10" + session.user.description + "1210" + session.session.description + "18ac02"
      // Digest, server, wall time.
      + "1a20" + String(repeating: "0", count: 64) + "2210" + id + "2801"
    #expect(hexText(Record(fact).payload) == expected)
  }

  /// Every kind comes back as it was.
  @Test func factsComeBack() throws {
    var world = LedgerWorld(seed: 1)
    world.weights = world.weights.map { _ in 1 }
    var kinds: Set<RecordKind> = []
    for _ in 0..<500 {
      let fact = world.fact()
      let record = Record(fact)
      kinds.insert(record.kind)
      #expect(try Fact.decode(record) == fact)
    }
    #expect(kinds.map(\.value).sorted() == Array(16...26))
    #expect(try decode(RecordKind(27), [1, 2, 3]) == nil)
  }

  @Test func unknownFieldsAreIgnored() throws {
    let fact = Fact.cancelled(Cancelled(call: call, digest: .zero))
    var record = Record(fact)
    record.payload += [0xa0, 0x06, 0x01]
    #expect(try Fact.decode(record) == fact)
    let key = try record.payload.withUnsafeBytes { try RecordKey.scan(.cancelled, $0) }
    #expect(key?.call == call)
  }

  @Test func everyCutIsRefusedOrStillAFact() {
    var world = LedgerWorld(seed: 2)
    for _ in 0..<300 {
      let record = Record(world.fact())
      for count in 0..<record.payload.count {
        let cut = Record(kind: record.kind, payload: Array(record.payload.prefix(count)))
        let fact = try? Fact.decode(cut)
        let key = try? cut.payload.withUnsafeBytes { try RecordKey.scan(cut.kind, $0) }
        // Who is told about what can't be decoded could drop what it can't know.
        if fact != nil { #expect(key != nil) }
      }
    }
  }

  @Test func lengthsOfHashesAndIdsAreExact() {
    for count in [0, 1, 15, 17, 31, 33] {
      var writer = ProtoWriter()
      writer.field(2, call: call)
      writer.element(3, bytes: [UInt8](repeating: 1, count: count))
      #expect(throws: ProtoError.self) { try decode(.cancelled, writer.bytes) }
      writer = ProtoWriter()
      writer.element(1, bytes: [UInt8](repeating: 1, count: count))
      #expect(throws: ProtoError.self) { try decode(.removed, writer.bytes) }
    }
  }

  @Test func whatIsRequiredIsRequired() {
    for kind in 16...26 as ClosedRange<UInt16> {
      #expect(throws: ProtoError.self) { try decode(RecordKind(kind), []) }
    }
    var writer = ProtoWriter()
    writer.field(2, call: call)
    #expect(throws: ProtoError.badField(number: 3, reason: "no digest")) {
      try decode(.cancelled, writer.bytes)
    }
  }

  @Test(arguments: [0, 1 << 63, UInt64.max])
  func countersOutOfRangeAreRefused(_ counter: UInt64) {
    let name = CallName(session: session, counter: CallCounter(counter))
    let record = Record(.cancelled(Cancelled(call: name, digest: .zero)))
    #expect(throws: ProtoError.self) { try Fact.decode(record) }
    var ledger = Ledger()
    _ = ledger.fold(
      FactBatch(
        segment: LedgerWorld(seed: 1).segment(0), firstOrdinal: .zero, records: [record],
        sequence: .zero))
    #expect(ledger.unreadable == 1)
    #expect(ledger.sessionNames.isEmpty)
  }

  static let badRanges: [[[UInt64]]] = [
    [[0, 3]], [[3, 2]], [[1, 3], [3, 5]], [[1, 3], [4, 5]], [[5, 6], [1, 2]], [[1, 1 << 63]],
    [[1, .max]], [[.max, .max]], [[1, 1 << 63 - 1], [1 << 63, 1 << 63]],
  ]

  @Test(arguments: badRanges)
  func rangesMustAscendWithoutTouching(_ ranges: [[UInt64]]) {
    var writer = ProtoWriter()
    writer.field(1, session: session)
    for range in ranges {
      writer.message(2) {
        $0.field(1, varint: range[0])
        $0.field(2, varint: range[1])
      }
    }
    #expect(throws: ProtoError.self) { try decode(.released, writer.bytes) }
  }

  @Test func inlineBytesAreBounded() throws {
    var spec = CallSpec()
    spec.stdin = .inline([UInt8](repeating: 1, count: Blob.inlineLimit))
    func record() -> Record {
      Record(.submitted(Submitted(call: call, digest: .of(spec: spec), spec: spec, wallTime: 0)))
    }
    #expect(try Fact.decode(record()) != nil)
    spec.stdin = .inline([UInt8](repeating: 1, count: Blob.inlineLimit + 1))
    #expect(throws: ProtoError.self) { try Fact.decode(record()) }
  }

  @Test func whatNewerVersionsSayReadsAsTheSafeValue() throws {
    var writer = ProtoWriter()
    writer.field(1, session: session)
    writer.field(4, varint: 77)
    let opened = Opened(session: session, userText: "", sessionText: "", mode: .keep)
    #expect(try decode(.opened, writer.bytes) == .opened(opened))
  }
}

@Suite struct RecordDigestTests {
  private var spec: CallSpec {
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = [Array("echo".utf8), Array("hi".utf8)]
    spec.environment = [EnvironmentVariable(name: "A", value: "b")]
    return spec
  }

  /// Computed by hand from the rule in records.proto: another value is another protocol.
  @Test func digestsArePinned() {
    var bytes: [UInt8] = []
    func number(_ value: UInt64) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func field(_ field: [UInt8]) {
      number(UInt64(field.count))
      bytes += field
    }
    func text(_ text: String) { field(Array(text.utf8)) }
    text("rpcv call 1")
    text("exec")
    text("")
    text("")
    number(2)
    text("echo")
    text("hi")
    number(0)
    number(0)
    field(Hash256.of([]).bytes)
    text("")
    number(1)
    text("A")
    text("b")
    number(0)
    #expect(Digest.of(spec: spec) == Hash256.of(bytes))
    #expect(
      Digest.of(spec: CallSpec()).description
        == "b257ee0fddaa44524532743c1cb31f7367fdf0483a324652d3c09c912b8642bd")
    #expect(
      CallResult(hash: .zero).computedHash.description
        == "c136d228008ce424e7d9361a85b7e17616fbb023e41b84550312734d38268121")
  }

  @Test func whatChangesTheResultChangesTheDigest() {
    var changed: [CallSpec] = []
    func change(_ body: (inout CallSpec) -> Void) {
      var spec = self.spec
      body(&spec)
      changed.append(spec)
    }
    change { _ in }
    change { $0.service = "noop" }
    change { $0.version = "2" }
    change { $0.arguments = [Array("echohi".utf8)] }
    change { $0.arguments = [Array("echoh".utf8), Array("i".utf8)] }
    change { $0.stdin = .inline([1]) }
    change { $0.stdin = .archive(.zero, size: 1) }
    change { $0.stdin = .archive(.zero, size: 2) }
    change { $0.executable = .zero }
    change { $0.input = .inline([1]) }
    change { $0.input = .archive(.zero, size: 1) }
    change { $0.environment = [] }
    change { $0.environment = [EnvironmentVariable(name: "Ab", value: "")] }
    change { $0.collectsFiles = true }
    let digests = Set(changed.map { Digest.of(spec: $0) })
    #expect(digests.count == changed.count)

    change {
      $0.priority = 5
      $0.timeLimit = 1
      $0.memoryLimit = 2
      $0.failureLimit = 3
    }
    #expect(changed.last.map { Digest.of(spec: $0) } == Digest.of(spec: spec))
  }

  @Test func whatAResultIsEntersItsHash() {
    var changed: [CallResult] = []
    func change(_ body: (inout CallResult) -> Void) {
      var result = CallResult(hash: .zero)
      body(&result)
      changed.append(result)
    }
    change { _ in }
    change { $0.exitStatus = 1 }
    change { $0.signal = 1 }
    change { $0.stdout = .inline([1]) }
    change { $0.stderr = .inline([1]) }
    change { $0.files = .inline([1]) }
    change { $0.files = .archive(.zero, size: 1) }
    #expect(Set(changed.map(\.computedHash)).count == changed.count)
    change {
      $0.started = 1
      $0.duration = 2
      $0.host = "here"
      $0.leftovers = 3
    }
    #expect(changed.last?.computedHash == changed.first?.computedHash)
  }
}
