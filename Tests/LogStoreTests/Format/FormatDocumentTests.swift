import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import class Foundation.FileManager

@testable import LogStore

/// docs/FORMAT.md is held to the code: its example is made anew, its tables name what the code has.
struct FormatDocumentTests {
  private static let document: String = {
    let here = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let data = FileManager.default.contents(atPath: "/" + here + "/docs/FORMAT.md")
    return String(decoding: data ?? .init(), as: UTF8.self)
  }()

  /// The bytes of the block marked `hex`: an offset and sixteen bytes a line.
  private func example() throws -> [UInt8] {
    let parts = Self.document.components(between: "```hex\n", and: "```")
    var bytes: [UInt8] = []
    for line in try #require(parts.first).split(separator: "\n") {
      let words = line.split(separator: " ")
      #expect(Int(words[0], radix: 16) == bytes.count)
      bytes += words.dropFirst().compactMap { UInt8($0, radix: 16) }
    }
    return bytes
  }

  private struct Script: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0x1122_3344_5566_7788 }
  }

  private let node = NodeID(
    ID128(high: 0x1011_1213_1415_1617, low: 0x1819_1a1b_1c1d_1e1f))

  @Test func theExampleIsWhatTheLogWrites() throws {
    let disk = SimulatedDisk()
    var script = Script()
    let (log, _) = try Log.open(
      "/facts", on: disk, node: node, log: .facts, options: smallOptions(), entropy: &script,
      knownSerial: Serial(2)
    ) { _, _, _ in }
    var batch = RecordBatch()
    batch.append(kind: RecordKind(16), payload: [UInt8]("hello".utf8))
    let before = SegmentName(
      node: node, log: .facts, serial: Serial(2), nonce: Nonce(0xaabb))
    batch.append(Retirement.retired(before).record)
    try log.append(batch)
    try log.commit()
    try log.idle()
    let name = log.openSegment
    #expect(
      log.segmentPath(name)
        == "/facts/101112131415161718191a1b1c1d1e1f-0000000000000003-1122334455667788.seg")
    let written = try log.read(name, from: .zero, maxBytes: .max)
    #expect(written.count == 272)
    #expect(try example() == written)
  }

  /// And what it reads: the document's bytes are a segment.
  @Test func theExampleIsRead() throws {
    let disk = SimulatedDisk()
    try disk.makeDirectory("/facts")
    try disk.make(
      "/facts/101112131415161718191a1b1c1d1e1f-0000000000000003-1122334455667788.seg",
      try example())
    let found = try openLog(disk)
    #expect(found.visited.map(\.record.kind) == [RecordKind(16), .retired])
    #expect(found.visited.first?.record.payload == [UInt8]("hello".utf8))
    #expect(found.log.retirements.retired.map(\.serial) == [Serial(2)])
    #expect(found.report.incidents.isEmpty)
  }

  /// Each explained row of the example quotes bytes that stand where it says.
  @Test func theExplanationQuotesTheExample() throws {
    let bytes = try example()
    var rows = 0
    for line in Self.document.split(separator: "\n") where line.hasPrefix("| 0") {
      let cells = line.split(separator: "|").map { $0.trimmed }
      guard cells.count == 3, cells[0].utf8.count == 4, var at = Int(cells[0], radix: 16) else {
        continue
      }
      rows += 1
      for quote in cells[1].components(between: "`", and: "`") {
        for word in quote.split(separator: " ") {
          guard let byte = UInt8(word, radix: 16) else { break }
          #expect(bytes[at] == byte, "row \(cells[0]) at \(at)")
          at += 1
        }
      }
    }
    #expect(rows > 30)
  }

  /// The kinds of the layer above, as records.proto has them.
  @Test func theKindsAreThoseOfTheProtocol() throws {
    let here = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let path = "/" + here + "/Sources/Roles/Core/Records/records.proto"
    let proto = String(
      decoding: FileManager.default.contents(atPath: path) ?? .init(), as: UTF8.self)
    var wanted: [String] = []
    for part in proto.components(between: "// Kind ", and: " {") {
      let number = part.prefix { $0.isNumber }
      let message = try #require(part.split(separator: " ").last)
      wanted.append("\(number) \(message)")
    }
    #expect(wanted.count == 11)
    // Word for word: a reader in another language needs nothing but the document.
    let shown = try #require(Self.document.components(between: "```proto\n", and: "```").first)
    #expect(shown.count > 4_000 && proto.hasSuffix(shown))
    let documented = Self.document.split(separator: "\n").compactMap { line -> String? in
      let cells = line.split(separator: "|").map { $0.trimmed }
      guard cells.count == 3, let kind = Int(cells[0]), (16...31).contains(kind) else { return nil }
      return wanted.contains("\(kind) \(cells[1])") ? "\(kind) \(cells[1])" : nil
    }
    #expect(documented == wanted)
  }

  /// The recovery table of the document is the code's.
  @Test func theRecoveryTableIsTheCodes() throws {
    let words: [String: RecoveryDecision] = [
      "keep": .keep, "trim": .trim, "cut the torn tail": .cutTornTail,
      "cut and fetch": .cutAndFetch, "await healing": .awaitHealing, "quarantine": .quarantine,
      "discard": .discard,
    ]
    var rows = 0
    for line in Self.document.split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.trimmed }
      guard cells.count == 5, cells[0] == "intact" || cells[0] == "unreadable" else { continue }
      rows += 1
      let tail: RecoveryFinding.Tail =
        cells[2] == "nothing" ? .nothing : cells[2] == "zeros" ? .zeros : .damage
      for (writer, text) in [(RecoveryFinding.Writer.thisNode, cells[3]), (.another, cells[4])] {
        let finding = RecoveryFinding(
          writer: writer, header: cells[0] == "intact" ? .intact : .unreadable, tail: tail,
          reach: cells[1] == "reaches" ? .all : .short)
        #expect(words[text] == finding.decision, "\(line)")
      }
    }
    #expect(rows == 12)
  }
}

extension StringProtocol {
  fileprivate var trimmed: String {
    var text = self[...]
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  func components(between open: String, and close: String) -> [String] {
    var found: [String] = []
    var rest = String(self)[...]
    while let start = rest.firstRange(of: open) {
      rest = rest[start.upperBound...]
      guard let end = rest.firstRange(of: close) else { return found }
      found.append(String(rest[..<end.lowerBound]))
      rest = rest[end.upperBound...]
    }
    return found
  }
}
