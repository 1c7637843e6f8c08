import Testing

@testable import LogStore

/// I4, the drain rule: a file goes only when every record in it is dead for ever or has a durable
/// cover in another segment, read back, and its retirement is durable.
struct DrainTests {
  private func neverDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool { false }

  /// A foreign segment of three records, committed.
  private func scene(
    _ disk: SimulatedDisk = SimulatedDisk(), bugs: PlantedBugs = []
  ) throws -> (log: Log, name: SegmentName) {
    let writer = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    try commitEach(writer, (0..<3).map { record($0) })
    let log = try openLog(disk, options: smallOptions { $0.plantedBugs = bugs }).log
    try writer.ship(writer.openSegment, to: log)
    try log.commit()
    return (log, writer.openSegment)
  }

  private func examine(_ log: Log, _ name: SegmentName) throws -> Examination {
    try #require(try log.examine([name], isDead: neverDead).first)
  }

  @Test func liveRecordsKeepASegment() throws {
    let (log, name) = try scene()
    try commitEach(log, [Retirement.retired(name).record])
    let found = try examine(log, name)
    #expect(found.complete)
    #expect(found.uncovered == (0..<3).map { record($0) })
    #expect(found.liveBytes == 3 * 46)
    #expect(throws: LogError.notDrained(name, .uncoveredRecords(3))) { try log.delete(found) }
    #expect(log.end(of: name) != nil)
  }

  @Test func deadOnesDont() throws {
    let disk = SimulatedDisk()
    let (log, name) = try scene(disk)
    try commitEach(log, [Retirement.retired(name).record])
    let found = try #require(try log.examine([name]) { _, _ in true }.first)
    #expect(found.deadBytes == 3 * 46)
    try log.delete(found)
    #expect(log.end(of: name) == nil)
    #expect(!disk.paths.contains(log.segmentPath(name)))
    #expect(disk.crashImage(seed: 1).contents(of: log.segmentPath(name)) == nil)
    #expect(throws: LogError.unknownSegment(name)) { try log.delete(found) }
  }

  @Test func aCoverCountsOnceItIsDurable() throws {
    for bugs in [PlantedBugs(), .undurableCoversCount] {
      let (log, name) = try scene(bugs: bugs)
      try commitEach(log, [Retirement.retired(name).record])
      try log.append(RecordBatch((0..<3).map { record($0) }))
      try log.write()
      let early = try examine(log, name)
      #expect(early.uncovered.isEmpty == (bugs == .undurableCoversCount))
      try log.commit()
      let found = try examine(log, name)
      #expect(found.isDrained)
      #expect(found.coveredBytes == 3 * 46)
      #expect(found.coveredBy == [log.openSegment])
      try log.delete(found)
    }
  }

  /// Kind and payload both: another kind with the same bytes is no cover.
  @Test func aCoverIsByteIdentical() throws {
    let (log, name) = try scene()
    try commitEach(log, [Retirement.retired(name).record])
    for index in 0..<3 {
      var other = record(index)
      if index == 1 { other.kind = RecordKind(200) }
      if index == 2 { other.payload.append(0) }
      try commitEach(log, [other])
    }
    #expect(try examine(log, name).uncovered == [record(1), record(2)])
  }

  @Test func aDamagedCoverIsNone() throws {
    let disk = SimulatedDisk()
    let (log, name) = try scene(disk)
    try commitEach(log, (0..<3).map { record($0) })
    try commitEach(log, [Retirement.retired(name).record])
    try disk.flip(bit: UInt64((64 + 128 + 90) * 8), of: log.segmentPath(log.openSegment))
    #expect(try examine(log, name).uncovered == [record(1), record(2)])
  }

  @Test func aDamagedVictimIsNotDrained() throws {
    let disk = SimulatedDisk()
    let (log, name) = try scene(disk)
    try commitEach(log, (0..<3).map { record($0) })
    try commitEach(log, [Retirement.retired(name).record])
    try disk.flip(bit: UInt64((64 + 90) * 8), of: log.segmentPath(name))
    let found = try examine(log, name)
    #expect(!found.complete)
    #expect(throws: LogError.notDrained(name, .damageNotHealed)) { try log.delete(found) }
    // After recovery the copy is shorter and sound: what is left of it goes by the rule.
    let after = try openLog(disk.killImage(), seed: 2).log
    #expect(after.isComplete(name) == false)
    let again = try #require(try after.examine([name]) { _, _ in false }.first)
    #expect(again.isDrained)
    try after.commit()
    try after.delete(again)
    #expect(after.end(of: name) == nil)
  }

  /// Without a retirement what is missing may be needed: it is healed first.
  @Test func aCopyThatIsNotWholeStaysUntilItsSegmentIsRetired() throws {
    let disk = SimulatedDisk()
    let (log, name) = try scene(disk)
    try commitEach(log, (0..<3).map { record($0) })
    try disk.flip(bit: UInt64((64 + 90) * 8), of: log.segmentPath(name))
    let after = try openLog(disk.killImage(), seed: 2).log
    let found = try #require(try after.examine([name]) { _, _ in true }.first)
    #expect(!found.complete)
    #expect(throws: LogError.notDrained(name, .damageNotHealed)) { try after.delete(found) }
  }

  @Test func nothingGoesWithoutADurableRetirement() throws {
    let (log, name) = try scene()
    let found = try #require(try log.examine([name]) { _, _ in true }.first)
    #expect(throws: LogError.notDrained(name, .notRetired)) { try log.delete(found) }
    try log.append(Retirement.retired(name).record)
    try log.write()
    #expect(throws: LogError.notDrained(name, .notRetired)) { try log.delete(found) }
    let later = try #require(try log.examine([name]) { _, _ in true }.first)
    #expect(throws: LogError.notDrained(name, .notDurable)) { try log.delete(later) }
    try log.commit()
    try log.delete(later)
  }

  @Test func aFloorIsALicenceToo() throws {
    let (log, name) = try scene()
    try commitEach(log, [Retirement.floor(otherNode, .facts, below: name.serial.next).record])
    let found = try examine(log, name)
    #expect(found.uncovered.count == 3)
    #expect(throws: LogError.notDrained(name, .uncoveredRecords(3))) { try log.delete(found) }
    try log.delete(try #require(try log.examine([name]) { _, _ in true }.first))
  }

  @Test func twoSegmentsDontRestOnEachOther() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    var names: [SegmentName] = []
    for node in [UInt64(1), 2] {
      let writer = try openLog(
        SimulatedDisk(), node: NodeID(ID128(high: 9, low: node)), seed: node
      ).log
      try commitEach(writer, (0..<3).map { record($0) })
      try writer.ship(writer.openSegment, to: log)
      names.append(writer.openSegment)
    }
    try commitEach(log, names.map { Retirement.retired($0).record })
    let found = try log.examine(names, isDead: neverDead)
    #expect(found[0].isDrained)
    #expect(found[0].coveredBy == [names[1]])
    #expect(found[1].uncovered.count == 3)
    // Each alone finds its cover in the other; once one is gone, the other's examination is void.
    let alone = try names.map { try examine(log, $0) }
    try log.delete(alone[1])
    #expect(throws: LogError.notDrained(names[0], .coverGone(names[1]))) {
      try log.delete(alone[0])
    }
  }

  @Test func aCopyThatGrewIsExaminedAgain() throws {
    let writer = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    try commitEach(writer, [record(0)])
    let log = try openLog(SimulatedDisk()).log
    try writer.ship(writer.openSegment, to: log)
    try log.commit()
    let found = try #require(try log.examine([writer.openSegment]) { _, _ in true }.first)
    try commitEach(writer, [record(1)])
    try writer.ship(writer.openSegment, to: log)
    try commitEach(log, [Retirement.retired(writer.openSegment).record])
    #expect(throws: LogError.notDrained(writer.openSegment, .changedSinceExamined)) {
      try log.delete(found)
    }
  }

  @Test func theOpenSegmentStaysAndEmptyOwnOnesMayGo() throws {
    let disk = SimulatedDisk()
    let first = try openLog(disk).log
    try commitEach(first, [record(0)])
    let open = try #require(try first.examine([first.openSegment]) { _, _ in true }.first)
    #expect(throws: LogError.notDrained(first.openSegment, .stillWritten)) {
      try first.delete(open)
    }
    // A torn first frame leaves a segment of this node without records.
    try disk.flip(bit: UInt64((64 + 90) * 8), of: first.segmentPath(first.openSegment))
    let second = try openLog(disk.killImage(), seed: 2).log
    let name = first.openSegment
    #expect(second.end(of: name)?.records == .zero)
    let empty = try examine(second, name)
    if empty.complete { try second.delete(empty) }
    #expect(second.end(of: name) == nil)
  }

  /// B8: the check that is skipped deletes a live record; the examination says it may.
  @Test func theSkippedCheckIsTheBug() throws {
    let (log, name) = try scene(bugs: .drainCheckSkipped)
    try commitEach(log, [Retirement.retired(name).record])
    try log.delete(try examine(log, name))
    #expect(log.end(of: name) == nil)
  }

  /// LogStore's own records: a retirement dies under a floor that covers it, a floor under a
  /// greater one; kinds that nobody knows live.
  @Test func ownKindsJudgeThemselves() throws {
    let disk = SimulatedDisk()
    let first = try openLog(disk).log
    let retired = (1...3).map { serial in
      Retirement.retired(
        SegmentName(
          node: otherNode, log: .facts, serial: Serial(UInt64(serial)), nonce: Nonce(1)))
    }
    let floor = Retirement.floor(otherNode, .facts, below: Serial(2))
    let unknown = Record(kind: RecordKind(9), payload: [1])
    try commitEach(first, retired.map(\.record) + [floor.record, unknown])
    let name = first.openSegment
    let log = try openLog(disk.killImage(), seed: 2).log
    let found = try #require(try log.examine([name]) { _, _ in true }.first)
    #expect(found.uncovered == [retired[1].record, retired[2].record, floor.record, unknown])
    let greater = Retirement.floor(otherNode, .facts, below: Serial(3))
    try commitEach(log, [greater.record])
    let later = try #require(try log.examine([name]) { _, _ in true }.first)
    #expect(later.uncovered == [retired[2].record, unknown])
  }
}
