import Testing

@testable import LogStore

/// Records of kinds 1 to 3 and their fold.
struct RetirementTests {
  private func name(_ serial: UInt64, nonce: UInt64 = 5) -> SegmentName {
    SegmentName(node: otherNode, log: .archives, serial: Serial(serial), nonce: Nonce(nonce))
  }

  private func decode(_ record: Record) -> Retirement? {
    record.payload.withUnsafeBytes { Retirement(kind: record.kind, payload: $0) }
  }

  private func fold(_ table: inout RetirementTable, _ items: [Retirement], at sequence: UInt64 = 0)
  {
    for item in items {
      item.record.payload.withUnsafeBytes {
        table.fold(item.record.kind, $0, sequence: LogSequence(sequence))
      }
    }
  }

  @Test func recordsComeBack() {
    for item in [
      Retirement.retired(name(300, nonce: .max)),
      .floor(otherNode, .facts, below: Serial(Format.largestSerial)),
      .closed(NodeID(ID128(high: 0, low: 0)), .facts, Serial(1)),
    ] {
      #expect(decode(item.record) == item)
    }
  }

  @Test func thePayloadIsProtobuf() {
    let record = Retirement.retired(
      SegmentName(
        node: NodeID(ID128(high: 1, low: 2)), log: .facts, serial: Serial(300), nonce: Nonce(3))
    ).record
    #expect(
      record.payload == [
        0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x11, 2, 0, 0, 0, 0, 0, 0, 0, 0x18, 1, 0x20, 0xac, 0x02,
        0x29, 3, 0, 0, 0, 0, 0, 0, 0,
      ])
  }

  @Test func unknownFieldsAreSkippedAndGarbageIsNoRetirement() {
    var record = Retirement.retired(name(4)).record
    record.payload += [0x32, 3, 1, 2, 3, 0x38, 1, 0x45, 1, 2, 3, 4]
    #expect(decode(record) == .retired(name(4)))
    for size in 1..<record.payload.count {
      let cut = Record(kind: .retired, payload: Array(record.payload[..<size]))
      if let found = decode(cut) { #expect(decode(Record(found)) == found) }
    }
    var dice = SplitMix64(seed: 3)
    for _ in 0..<20_000 {
      let noise = (0..<Int(dice.next() % 40)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
      _ = decode(Record(kind: .retired, payload: noise))
    }
    #expect(decode(Record(kind: RecordKind(4), payload: record.payload)) == nil)
  }

  @Test func aFloorTakesTheExceptionsBelow() {
    var table = RetirementTable()
    fold(&table, [.retired(name(1)), .retired(name(3)), .closed(otherNode, .archives, Serial(2))])
    #expect(table.isRetired(name(1)) == Retirement.retired(name(1)).record)
    #expect(table.isRetired(name(2)) == nil)
    #expect(table.closed(of: otherNode, .archives) == [Serial(2)])
    #expect(table.highestSerial(of: otherNode, .archives) == Serial(3))
    let floor = Retirement.floor(otherNode, .archives, below: Serial(3))
    fold(&table, [floor])
    #expect(table.retired == [name(3)])
    #expect(table.closed(of: otherNode, .archives).isEmpty)
    #expect(table.isRetired(name(2, nonce: 99)) == floor.record)
    #expect(table.floor(of: otherNode, .archives) == Serial(3))
    #expect(table.floor(of: otherNode, .facts) == nil)
    fold(&table, [.floor(otherNode, .archives, below: Serial(2))])
    #expect(table.floor(of: otherNode, .archives) == Serial(3))
  }

  @Test func orderDoesNotMatter() {
    let items: [Retirement] =
      (1...6).map { .retired(name($0)) } + [
        .floor(otherNode, .archives, below: Serial(3)),
        .floor(otherNode, .archives, below: Serial(5)), .closed(otherNode, .archives, Serial(4)),
        .closed(otherNode, .archives, Serial(9)),
      ]
    var dice = SplitMix64(seed: 8)
    var expected = RetirementTable()
    fold(&expected, items)
    for _ in 0..<200 {
      var table = RetirementTable()
      fold(&table, items.shuffled(using: &dice) + items.prefix(Int(dice.next() % 5)))
      #expect(table == expected)
      #expect(table.closed(of: otherNode, .archives) == [Serial(9)])
      #expect(table.highestSerial(of: otherNode, .archives) == Serial(9))
    }
  }

  @Test func durabilityIsThatOfTheFirstRecord() {
    var table = RetirementTable()
    fold(&table, [.retired(name(1))], at: 5)
    fold(&table, [.retired(name(1))], at: 9)
    #expect(!table.isDurablyRetired(name(1), through: LogSequence(4)))
    #expect(table.isDurablyRetired(name(1), through: LogSequence(5)))
  }

  /// The log folds what it appends, what it takes and what it finds.
  @Test func theLogFoldsFromEverySource() throws {
    let writer = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    let item = Retirement.closed(otherNode, .facts, Serial(77))
    try commitEach(writer, [item.record])
    #expect(writer.retirements.closed(of: otherNode, .facts) == [Serial(77)])
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try writer.ship(writer.openSegment, to: log)
    #expect(log.retirements.closed(of: otherNode, .facts) == [Serial(77)])
    let after = try openLog(disk.killImage(), seed: 2).log
    #expect(after.retirements.closed(of: otherNode, .facts) == [Serial(77)])
  }
}

extension Record {
  fileprivate init(_ retirement: Retirement) { self = retirement.record }
}
