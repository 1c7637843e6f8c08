import Testing

@testable import LogStore

/// Segments: bounded, finished when left, never written to again, each with a serial of its own.
struct RollTests {
  private let options = smallOptions { $0.segmentLimit = 1000 }

  @Test func aSegmentIsLeftBeforeItGrowsBeyondItsLimit() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk, options: options).log
    var positions: [Position] = []
    for index in 0..<40 {
      positions.append(try log.append(record(index, size: 100)).first)
      if index % 3 == 2 { try log.commit() }
    }
    try log.commit()
    let vector = log.vector()
    #expect(vector.count > 4)
    #expect(vector.map(\.name.serial.value) == Array(1...UInt64(vector.count)))
    #expect(Set(vector.map(\.name.nonce)).count == vector.count)
    for end in vector {
      #expect(end.end.value <= 1000)
      #expect(end.durableRecords == end.records)
      // Finished ones are cut to their length.
      if end.name != log.openSegment {
        #expect(end.durableEnd == end.end)
        #expect(disk.contents(of: log.segmentPath(end.name))?.count == Int(end.end.value))
      }
    }
    for (index, position) in positions.enumerated() {
      #expect(try log.record(at: position) == record(index, size: 100))
    }
    let after = try openLog(disk.crashImage(seed: 3), seed: 2, options: options)
    #expect(after.visited.map(\.position) == positions)
    #expect(after.report.incidents.isEmpty)
  }

  @Test func positionsAreFinalWhateverIsWrittenWhen() throws {
    // The same appends, with writes in other places, give each record its place as it was told.
    for seed in UInt64(0)..<50 {
      var dice = SplitMix64(seed: seed)
      let log = try openLog(SimulatedDisk(), options: options).log
      var positions: [Position] = []
      for index in 0..<60 {
        positions.append(try log.append(record(index, size: 20 + Int(dice.next() % 200))).first)
        switch dice.next() % 6 {
        case 0: try log.write()
        case 1: try log.commit()
        case 2: log.seal()
        default: break
        }
      }
      try log.commit()
      for (index, position) in positions.enumerated() {
        #expect(try log.record(at: position).payload.prefix(2) == record(index).payload.prefix(2))
      }
    }
  }

  @Test func sealingTestifiesTheDurableEnd() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, [record(0), record(1)])
    let first = log.openSegment
    let before = try #require(log.end(of: first))
    log.seal()
    log.seal()
    #expect(log.openSegment.serial == first.serial.next)
    try log.write()
    let sealed = try #require(log.end(of: first))
    #expect(sealed.end == before.end + 80)
    #expect(sealed.durableEnd == sealed.end)
    let header = try FrameHeader(of: log, first, at: before.end)
    #expect(header.count == 0)
    #expect(header.durableEnd == before.end.value)
    // The next segment's first frame tells the whole length.
    try commitEach(log, [record(2)])
    let next = try FrameHeader(of: log, log.openSegment, at: Offset(64))
    #expect(next.previousSegmentEnd == sealed.end.value)
  }

  @Test func anIdleLogTestifiesOnce() throws {
    let log = try openLog(SimulatedDisk()).log
    try log.idle()
    #expect(log.vector().isEmpty)
    try log.append(record(0))
    try log.write()
    try log.idle()
    let name = log.openSegment
    #expect(log.end(of: name)?.end.value == 64 + 128)
    try log.commit()
    try log.idle()
    #expect(log.end(of: name)?.end.value == 64 + 128 + 80)
    try log.idle()
    try log.commit()
    try log.idle()
    #expect(log.end(of: name)?.end.value == 64 + 128 + 80)
    #expect(log.end(of: name)?.durableRecords == Ordinal(1))
  }

  @Test func aRestartNeverWritesToAnOldSegment() throws {
    let disk = SimulatedDisk()
    var names: [SegmentName] = []
    for start in UInt64(0)..<5 {
      let log = try openLog(disk, seed: start).log
      try commitEach(log, [record(Int(start))])
      names.append(log.openSegment)
      try log.close()
      #expect(throws: LogError.closed) { try log.append(record(1)) }
    }
    #expect(names.map(\.serial.value) == [1, 2, 3, 4, 5])
    let log = try openLog(disk, seed: 9, knownSerial: Serial(20)).log
    #expect(log.openSegment.serial == Serial(21))
    #expect(log.vector().map(\.records.value) == [1, 1, 1, 1, 1])
  }

  @Test func aSerialIsAboveEveryRetirementAndFloor() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    let lost = SegmentName(node: testNode, log: .facts, serial: Serial(7), nonce: Nonce(1))
    try log.append(Retirement.retired(lost).record)
    log.seal()
    #expect(log.openSegment.serial == Serial(8))
    try log.append(Retirement.floor(testNode, .facts, below: Serial(30)).record)
    // The floor covers the open segment: what comes next goes into another one.
    let next = try log.append(record(1))
    #expect(next.first.segment.serial == Serial(30))
    #expect(next.first.ordinal == .zero)
    try log.commit()
    let after = try openLog(disk.killImage(), seed: 2)
    #expect(after.log.openSegment.serial == Serial(31))
  }
}

extension FrameHeader {
  init(of log: Log, _ name: SegmentName, at offset: Offset) throws {
    let bytes = try log.read(name, from: offset, maxBytes: 1)
    self = try bytes.withUnsafeBytes { try FrameHeader(decoding: $0) }
  }
}
