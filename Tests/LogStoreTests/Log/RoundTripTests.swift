import Testing

@testable import LogStore

/// What is appended comes back, from the same log and after a restart, under every codec.
struct RoundTripTests {
  @Test(arguments: Codec.allCases)
  func recordsComeBack(codec: Codec) throws {
    let disk = SimulatedDisk()
    let options = smallOptions { $0.codec = codec }
    let written = (0..<200).map { record($0, size: $0 * 7 % 900) }
    let first = try openLog(disk, options: options)
    var positions: [Position] = []
    for (index, item) in written.enumerated() {
      positions.append(try first.log.append(item).first)
      if index % 17 == 0 { try first.log.write() }
      if index % 41 == 0 { try first.log.commit() }
    }
    for (position, item) in zip(positions, written) {
      #expect(try first.log.record(at: position) == item)
    }
    try first.log.commit()
    #expect(first.log.durable == first.log.sequence)
    let name = first.log.openSegment
    #expect(try records(first.log, name) == written)

    let second = try openLog(disk.killImage(), seed: 2, options: options)
    #expect(second.visited.map(\.record) == written)
    #expect(second.visited.map(\.position) == positions)
    #expect(second.log.openSegment.serial == name.serial.next)
    #expect(second.report.incidents.isEmpty)
    #expect(second.log.end(of: name)?.durableEnd == second.log.end(of: name)?.end)
  }

  @Test func aBatchIsOneFrameAndPositionsAreFinal() throws {
    let fixture = try openLog(SimulatedDisk())
    let batch = RecordBatch((0..<5).map { record($0) })
    let first = try fixture.log.append(batch)
    let second = try fixture.log.append(record(9))
    #expect(first.count == 5)
    #expect(first.first.ordinal == .zero)
    #expect(second.first.ordinal == Ordinal(5))
    #expect(second.sequence == first.sequence.next)
    #expect(fixture.log.vector().isEmpty)
    try fixture.log.write()
    #expect(fixture.log.vector().first?.records == Ordinal(6))
    #expect(fixture.log.durable == .zero)
    try fixture.log.commit()
    #expect(fixture.log.durable == second.sequence)
  }

  @Test func compressedFramesAreSmallerAndIncompressibleOnesAreRaw() throws {
    for codec in [Codec.lz4, .zlib] {
      let fixture = try openLog(SimulatedDisk(), options: smallOptions { $0.codec = codec })
      try fixture.log.append(
        Record(kind: RecordKind(16), payload: .init(repeating: 7, count: 5000)))
      try fixture.log.commit()
      let compressed = try #require(fixture.log.vector().first).end.value
      #expect(compressed < 500)
      var dice = SplitMix64(seed: 4)
      let noise = (0..<5000).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
      try fixture.log.append(Record(kind: RecordKind(16), payload: noise))
      try fixture.log.commit()
      let both = try #require(fixture.log.vector().first).end.value
      #expect(both == compressed + UInt64(Format.frameBound(raw: 5006)))
    }
  }

  @Test func limitsAreRefusedWithTypedErrors() throws {
    let options = smallOptions {
      $0.recordLimit = 100
      $0.frameLimit = 300
      $0.bufferLimit = 500
    }
    let log = try openLog(SimulatedDisk(), options: options).log
    #expect(throws: LogError.emptyBatch) { try log.append(RecordBatch()) }
    #expect(throws: LogError.recordTooLarge(size: 101, limit: 100)) {
      try log.append(record(1, size: 101))
    }
    #expect(throws: LogError.batchTooLarge(size: 4 * 106, limit: 300)) {
      try log.append(RecordBatch((0..<4).map { record($0, size: 100) }))
    }
    for index in 0..<4 { try log.append(record(index, size: 100)) }
    #expect(throws: LogError.bufferFull(limit: 500)) { try log.append(record(1, size: 100)) }
    try log.commit()
    try log.append(record(1, size: 100))
  }

  @Test func readGivesWholeFramesFromAnyBoundary() throws {
    let log = try openLog(SimulatedDisk()).log
    try commitEach(log, (0..<20).map { record($0) })
    let end = try #require(log.vector().first)
    let whole = try log.read(end.name, from: .zero, maxBytes: 1 << 20)
    #expect(whole.count == Int(end.end.value))
    var joined: [UInt8] = []
    while joined.count < whole.count {
      joined += try log.read(end.name, from: Offset(UInt64(joined.count)), maxBytes: 300)
    }
    #expect(joined == whole)
    #expect(try log.read(end.name, from: .zero, maxBytes: 1).count == 64)
    #expect(try log.read(end.name, from: Offset(64), maxBytes: 1).count == 80 + 48)
    #expect(try log.read(end.name, from: end.end, maxBytes: 100).isEmpty)
    #expect(throws: LogError.notAFrameBoundary(end.name, Offset(65))) {
      try log.read(end.name, from: Offset(65), maxBytes: 100)
    }
    #expect(throws: LogError.notAFrameBoundary(end.name, Offset(72))) {
      try log.read(end.name, from: Offset(72), maxBytes: 100)
    }
    #expect(throws: LogError.beyondEnd(end.name, asked: end.end + 1, end: end.end)) {
      try log.read(end.name, from: end.end + 1, maxBytes: 100)
    }
  }
}
