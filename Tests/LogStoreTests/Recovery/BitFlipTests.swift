import Testing

@testable import LogStore

/// F7: every bit of a segment of 64 KiB, flipped at rest. Each flip is found; nothing is visited
/// that was not written; all frames but the one that was hit are found.
struct BitFlipTests {
  private static let parts = 8

  private struct Subject {
    let disk: SimulatedDisk
    let name: SegmentName
    let path: String
    let written: [Record]
    let size: Int

    /// Frames of several records, some compressed, with an empty one at the end, and a later
    /// segment that testifies all of it.
    init() throws {
      let disk = SimulatedDisk()
      let log = try openLog(disk, options: smallOptions { $0.codec = .lz4 }).log
      var written: [Record] = []
      var dice = SplitMix64(seed: 11)
      while (log.vector().first?.end.value ?? 0) < 64 << 10 {
        let records = (0..<(1 + Int(dice.next() % 20))).map { index -> Record in
          let size = Int(dice.next() % 400)
          if index % 2 == 0 { return record(written.count + index, size: size) }
          let noise = (0..<size).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
          return Record(kind: RecordKind(30), payload: noise)
        }
        try log.append(RecordBatch(records))
        try log.commit()
        written += records
      }
      try log.close()
      let second = try openLog(disk, seed: 2).log
      try commitEach(second, [record(-1)])
      self.disk = disk.killImage()
      name = try #require(second.vector().first?.name)
      path = second.segmentPath(name)
      self.written = written
      size = try #require(disk.contents(of: path)).count
    }
  }

  @Test(arguments: 0..<parts)
  func everyBitIsFound(part: Int) throws {
    let subject = try Subject()
    var decoder = PayloadDecoder()
    let bits = subject.size * 8
    #expect(bits >= 8 * 64 << 10)
    var undetected: [Int] = []
    var wrong: [Int] = []
    for bit in (bits * part / Self.parts)..<(bits * (part + 1) / Self.parts) {
      try subject.disk.flip(bit: UInt64(bit), of: subject.path)
      var visited = 0
      var isPrefix = true
      let scan = try? SegmentScan.scan(
        subject.name, path: subject.path, on: subject.disk, decoder: &decoder
      ) { _, kind, payload in
        let expected = subject.written[visited]
        isPrefix =
          isPrefix && expected.kind == kind
          && expected.payload.withUnsafeBytes { $0.equals(payload) }
        visited += 1
      }
      try subject.disk.flip(bit: UInt64(bit), of: subject.path)
      guard let scan else { continue }
      if case .damage = scan.tail {} else { undetected.append(bit) }
      let behind = scan.behind.reduce(0) { $0 + Int($1.header.count) }
      let hit = scan.behind.first.map { Int($0.header.firstOrdinal.value) } ?? subject.written.count
      if !isPrefix || hit + behind != subject.written.count { wrong.append(bit) }
    }
    #expect(undetected.isEmpty)
    #expect(wrong.isEmpty)
  }

  /// The whole of a start, for bits here and there: quarantined, salvaged, never silent.
  @Test func aStartQuarantinesWhatItFinds() throws {
    let subject = try Subject()
    for bit in stride(from: 3, to: subject.size * 8, by: 4999) {
      let image = subject.disk.killImage()
      try image.flip(bit: UInt64(bit), of: subject.path)
      let after = try openLog(image, seed: 7)
      #expect(after.report.incidents.map(\.decision) == [.quarantine], "bit \(bit)")
      let found = Set(after.visited.map(\.record))
      #expect(found.isSubset(of: subject.written + [record(-1)]))
      let lost = subject.written.count { !found.contains($0) }
      #expect(lost <= 20, "bit \(bit)")
    }
  }

  /// F21: the start that quarantines is itself cut off, at each of its operations; the next one
  /// finds the intact part before the damage and what was salvaged behind it.
  @Test func aQuarantineThatIsCutOffLosesNothing() throws {
    let subject = try Subject()
    let damaged = subject.disk.killImage()
    try damaged.flip(bit: UInt64(subject.size * 4), of: subject.path)
    var operations = 0
    var isWhole = false
    while !isWhole {
      let cut = damaged.killImage()
      cut.inject(DiskFault(after: operations, code: 5, isLasting: true))
      isWhole = (try? openLog(cut, seed: 7)) != nil
      operations += 1
      for image in [cut.killImage(), cut.crashImage(seed: 1), cut.crashImage(seed: 2)] {
        let after = try openLog(image, seed: 8)
        let found = Set(after.visited.map(\.record))
        let lost = subject.written.count { !found.contains($0) }
        #expect(lost <= 20, "cut off at operation \(operations), lost \(lost)")
      }
    }
    #expect(operations > 20)
  }

  /// A reader of a running node meets the damage: a typed error, and nothing changes.
  @Test func aReaderReportsDamage() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    let positions = try commitEach(log, (0..<8).map { record($0) })
    let name = log.openSegment
    let path = log.segmentPath(name)
    try disk.flip(bit: UInt64((64 + 3 * 128 + 100) * 8), of: path)
    let damage = LogError.damaged(path: path, at: Offset(64 + 3 * 128), .badChecksum)
    #expect(throws: damage) { try log.read(name, from: .zero, maxBytes: 1 << 20) }
    #expect(throws: damage) { try log.record(at: positions[3]) }
    #expect(throws: damage) { try log.forEachRecord(in: name) { _, _, _ in } }
    #expect(try log.record(at: positions[2]) == record(2))
    #expect(try log.read(name, from: Offset(64 + 4 * 128), maxBytes: 1 << 20).count == 4 * 128)
    try commitEach(log, [record(9)])
  }
}
