import Testing

@testable import LogStore

/// The next segment's file is there before it is needed, and only ever one.
struct PrepareTests {
  private let options = smallOptions { $0.segmentLimit = 2_000 }

  private func halfFull(_ disk: SimulatedDisk) throws -> Log {
    let log = try openLog(disk, options: options).log
    while !log.wantsNextSegment {
      try log.append(record(1, size: 200))
      try log.commit()
    }
    return log
  }

  private func files(_ disk: SimulatedDisk) throws -> [String] {
    try disk.list("/facts").filter { $0.hasSuffix(".seg") }
  }

  @Test func aRollTakesTheFileThatIsReady() throws {
    let disk = SimulatedDisk()
    let log = try halfFull(disk)
    let first = log.openSegment
    log.prepareNextSegment()
    #expect(!log.wantsNextSegment)
    #expect(log.openSegment == first)
    #expect(log.vector().map(\.name) == [first])
    let made = try files(disk)
    #expect(made.count == 2)
    let calls = disk.operationCount
    log.prepareNextSegment()
    #expect(disk.operationCount == calls)
    log.seal()
    try log.append(record(2))
    try log.commit()
    #expect(try files(disk) == made)
    #expect(made.contains(SegmentFileName.file(log.openSegment)))
    #expect(log.openSegment.serial == first.serial.next)
    let after = try openLog(disk.crashImage(seed: 1), seed: 2, options: options)
    #expect(after.report.incidents.isEmpty)
    #expect(after.visited.last?.record == record(2))
  }

  @Test func aCrashLeavesAnEmptySegmentThatTheNextStartStepsOver() throws {
    let disk = SimulatedDisk()
    let log = try halfFull(disk)
    log.prepareNextSegment()
    let count = try records(log, log.openSegment).count
    let after = try openLog(disk.crashImage(seed: 1), seed: 2, options: options)
    #expect(after.report.incidents.isEmpty)
    #expect(after.visited.count == count)
    #expect(after.log.openSegment.serial > log.openSegment.serial.next)
    // Nothing is in it: it goes without a retirement.
    let empty = try #require(after.log.vector().first { $0.records == .zero })
    let found = try after.log.examine([empty.name]) { _, _ in false }
    try after.log.delete(try #require(found.first))
    #expect(after.log.end(of: empty.name) == nil)
  }

  @Test func closingTakesItAway() throws {
    let disk = SimulatedDisk()
    let log = try halfFull(disk)
    log.prepareNextSegment()
    try log.close()
    #expect(try files(disk).count == 1)
    log.prepareNextSegment()
    #expect(try files(disk).count == 1)
  }

  /// A higher serial has become known meanwhile: what is ready would be below it.
  @Test func aFileThatDoesNotFollowAnyMoreIsTakenAway() throws {
    let disk = SimulatedDisk()
    let log = try halfFull(disk)
    log.prepareNextSegment()
    let ready = try files(disk)
    var far = log.openSegment
    far.serial = Serial(50)
    try log.append(Retirement.retired(far).record)
    log.seal()
    try log.append(record(2))
    try log.commit()
    #expect(log.openSegment.serial == Serial(51))
    let now = try files(disk)
    #expect(now.count == 2)
    #expect(now != ready)
  }

  @Test(arguments: [Int32(28), 24, 12])
  func whereItFailsNothingIsLostAndItIsNotTriedAgainForThisSegment(code: Int32) throws {
    let disk = SimulatedDisk()
    let log = try halfFull(disk)
    disk.inject(DiskFault(.open, code: code))
    log.prepareNextSegment()
    #expect(!log.wantsNextSegment)
    #expect(log.poisoned == nil)
    #expect(log.fullness == nil)
    log.seal()
    try log.append(record(2))
    try log.commit()
    #expect(try records(log, log.openSegment) == [record(2)])
  }

  @Test func theWriterMakesItBeforeItIsNeeded() throws {
    try DiskUnderTest.posix.run { disk, base in
      let options = smallOptions { $0.segmentLimit = 100_000 }
      let log = try openLog(disk, directory: base + "/facts", options: options).log
      let writer = LogWriter(log, policy: .group(maxDelay: .zero))
      for index in 0..<3_000 {
        let appended = try writer.append(RecordBatch([record(index, size: 200)]))
        if index % 100 == 0 { try writer.awaitDurable(appended.sequence) }
      }
      writer.stop()
      #expect(log.vector().count > 5)
      #expect(log.vector().reduce(0) { $0 + Int($1.records.value) } == 3_000)
      try log.close()
      let reopened = try openLog(disk, seed: 2, directory: base + "/facts", options: options)
      #expect(reopened.report.incidents.isEmpty)
      #expect(reopened.visited.count == 3_000)
    }
  }
}
