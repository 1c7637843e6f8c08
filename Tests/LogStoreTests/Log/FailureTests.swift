import Testing

@testable import LogStore

/// F6: failed operations. A failed write or sync stops the log for good; others lose nothing.
struct FailureTests {
  @Test func aFailedSyncPoisonsForGood() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, [record(0)])
    let durable = log.durable
    disk.inject(DiskFault(.synchronize, code: 5))
    try log.append(record(1))
    let poisoned = LogError.poisoned(FileError(.synchronize, log.segmentPath(log.openSegment), 5))
    #expect(throws: poisoned) { try log.commit() }
    disk.clearFaults()
    #expect(log.poisoned != nil)
    #expect(log.durable == durable)
    #expect(throws: poisoned) { try log.commit() }
    #expect(throws: poisoned) { try log.append(record(2)) }
    #expect(throws: poisoned) { try log.write() }
    #expect(throws: poisoned) { try log.idle() }
    #expect(throws: IngestError.log(poisoned)) {
      try log.takeBytes(log.openSegment, at: .zero, [1])
    }
    #expect(log.durable == durable)
    #expect(try records(log, log.openSegment).first == record(0))
    let after = try openLog(disk.crashImage(seed: 1), seed: 2)
    #expect(after.visited.first?.record == record(0))
  }

  /// The planted bug B3 is one: the sync that failed is asked again, and believed.
  @Test func theRetriedSyncIsTheBug() throws {
    let disk = SimulatedDisk()
    let log = try openLog(
      disk, options: smallOptions { $0.plantedBugs = .failedSyncRetried }
    ).log
    try commitEach(log, [record(0)])
    disk.inject(DiskFault(.synchronize, code: 5))
    try log.append(record(1))
    try log.commit()
    #expect(log.durable == log.sequence)
  }

  @Test func aFailedWritePoisons() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, [record(0)])
    disk.inject(DiskFault(.write, pathSuffix: ".seg", code: 5))
    try log.append(record(1))
    #expect(throws: LogError.self) { try log.write() }
    #expect(log.poisoned?.operation == .write)
  }

  /// After a failed sync the system shows bytes that it will never write. A start that finds them
  /// writes them again: what it shows survives a power cut. The first byte of a segment, or its
  /// name, may be what is missing, or a record behind durable ones.
  @Test(arguments: 0..<8)
  func aStartMakesDurableWhatAFailedSyncLeft(_ failing: Int) throws {
    let operation = failing % 2 == 0 ? FileOperation.synchronize : .synchronizeDirectory
    let disk = SimulatedDisk()
    let log = try openLog(disk, options: smallOptions { $0.segmentLimit = 600 }).log
    disk.inject(
      DiskFault(operation, pathSuffix: failing % 2 == 0 ? ".seg" : nil, after: failing / 2, code: 5)
    )
    do throws(LogError) {
      for index in 0..<9 {
        try log.append(record(index, size: 100))
        try log.commit()
      }
    } catch {
      guard case .poisoned = error else { throw error }
    }
    try #require(log.poisoned != nil)
    let restarted = disk.killImage()
    let shown = try openLog(restarted, seed: 2).visited.map(\.record)
    for seed in UInt64(0)..<8 {
      let after = try openLog(restarted.crashImage(seed: seed), seed: 3)
      #expect(after.visited.map(\.record) == shown, "seed \(seed)")
      #expect(after.report.findings.allSatisfy { !$0.isCorruption })
    }
  }
}

/// F5: a full disk and a used-up quota.
struct FullDiskTests {
  @Test func aFullDiskRefusesAndRecovers() throws {
    let disk = SimulatedDisk(capacity: 64 << 10)
    let log = try openLog(disk).log
    var kept: [Record] = []
    var refused = false
    for index in 0..<200 {
      let item = record(index, size: 1000)
      do throws(LogError) {
        try log.append(item)
        kept.append(item)
        try log.commit()
      } catch {
        guard case .full(.disk) = error else { throw error }
        refused = true
        break
      }
    }
    #expect(refused)
    #expect(log.fullness != nil)
    #expect(log.poisoned == nil)
    // All that is in the file is readable; the last one waits in the buffer.
    #expect(log.durable.value == log.sequence.value - 1)
    let end = try #require(log.vector().first)
    #expect(Int(end.records.value) == kept.count - 1)
    #expect(try log.record(at: Position(segment: end.name, ordinal: .zero)) == kept[0])
    #expect(throws: LogError.self) { try log.append(record(500)) }
    disk.resize(capacity: nil)
    try log.commit()
    #expect(log.fullness == nil)
    #expect(log.durable == log.sequence)
    try log.append(record(501))
    try log.commit()
    #expect(try records(log, end.name) == kept + [record(501)])
    let after = try openLog(disk.crashImage(seed: 1), seed: 2)
    #expect(after.visited.map(\.record) == kept + [record(501)])
  }

  @Test func aQuotaKeepsAReserveForWhatFreesSpace() throws {
    let release = RecordKind(24)
    let options = smallOptions {
      $0.capacity = 20_000
      $0.reserve = 4_000
      $0.reserveKinds = [release]
    }
    let log = try openLog(SimulatedDisk(), options: options).log
    var count = 0
    do throws(LogError) {
      while true {
        try log.append(Record(kind: RecordKind(16), payload: .init(repeating: 1, count: 500)))
        try log.commit()
        count += 1
      }
    } catch {
      guard case .full(.quota(let used, 20_000)) = error else { throw error }
      #expect(used > 15_000)
    }
    #expect(count > 20)
    #expect(log.bytesUsed <= 16_000)
    try log.append(Record(kind: release, payload: .init(repeating: 2, count: 500)))
    try log.append(Retirement.retired(log.openSegment).record)
    try log.commit()
    #expect(log.bytesUsed <= 20_000)
    #expect(throws: LogError.self) { try log.append(record(1, size: 500)) }
  }

  @Test func theReserveFileIsGivenUpAndTakenBack() throws {
    let disk = SimulatedDisk(capacity: 2 << 20)
    let release = RecordKind(24)
    let options = smallOptions {
      $0.reserve = 256 << 10
      $0.reserveKinds = [release]
      $0.segmentLimit = 256 << 10
    }
    let log = try openLog(disk, options: options).log
    #expect(disk.contents(of: "/facts/reserve")?.count == 256 << 10)
    var error: LogError?
    for index in 0..<400 where error == nil {
      do throws(LogError) {
        try log.append(record(index, size: 10_000))
        try log.commit()
      } catch let found { error = found }
    }
    guard case .full = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(disk.contents(of: "/facts/reserve")?.isEmpty == true)
    // What was accepted is durable, and what frees space still gets through.
    #expect(log.durable == log.sequence)
    try log.append(Record(kind: release, payload: [1, 2, 3]))
    do throws(LogError) { try log.commit() } catch { guard case .full = error else { throw error } }
    #expect(log.durable == log.sequence)
    disk.resize(capacity: nil)
    try log.idle()
    #expect(disk.contents(of: "/facts/reserve")?.count == 256 << 10)
    try log.append(record(999, size: 10_000))
    try log.commit()
  }

  @Test func aFullDiskRefusesForeignBytesToo() throws {
    let writer = try openLog(SimulatedDisk(), node: otherNode).log
    try commitEach(writer, (0..<50).map { record($0, size: 1000) })
    let disk = SimulatedDisk(capacity: 24 << 10)
    let log = try openLog(disk, seed: 2).log
    var refused = false
    do { try writer.ship(writer.openSegment, to: log, step: 3000) } catch {
      guard case IngestError.log(.full) = error else { throw error }
      refused = true
    }
    #expect(refused)
    let end = try #require(log.end(of: writer.openSegment))
    #expect(end.records > .zero)
    disk.resize(capacity: nil)
    try log.idle()
    try writer.ship(writer.openSegment, to: log, step: 3000)
    #expect(try records(log, end.name).count == 50)
  }
}
