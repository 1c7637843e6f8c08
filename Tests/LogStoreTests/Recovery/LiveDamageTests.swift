import Testing

@testable import LogStore

/// Damage that is met while the log is in use: set aside, and healed by verified bytes, while
/// everything else goes on.
struct LiveDamageTests {
  private let options = smallOptions { $0.segmentLimit = 3_000 }

  /// A log of several segments and a faithful copy of it at another node.
  private func pair(_ disk: SimulatedDisk) throws -> (log: Log, other: Log) {
    let log = try openLog(disk, options: options).log
    try commitEach(log, (0..<60).map { record($0) })
    let other = try openLog(SimulatedDisk(), node: otherNode, seed: 9, options: options).log
    for end in log.vector() { try log.ship(end.name, to: other) }
    try other.commit()
    return (log, other)
  }

  private func all(_ log: Log) throws -> [Record] {
    try log.vector().flatMap { try records(log, $0.name) }
  }

  @Test(arguments: [Offset(64 + 128 + 90), Offset(64 + 7), Offset(20)])
  func theFileIsKeptAsideAndHealedAndTheLogGoesOn(at offset: Offset) throws {
    let disk = SimulatedDisk()
    let (log, other) = try pair(disk)
    let victim = try #require(log.vector().first)
    let path = log.segmentPath(victim.name)
    try disk.flip(bit: offset.value * 8, of: path)
    #expect(throws: LogError.self) { try log.forEachRecord(in: victim.name) { _, _, _ in } }
    #expect(log.segment(at: path) == victim.name)
    var salvaged: [Record] = []
    let found = try log.setAsideDamage(in: victim.name) { position, kind, payload in
      salvaged.append(Record(kind: kind, payload: [UInt8](payload)))
      #expect(position.segment != victim.name)
    }
    let finding = try #require(found)
    #expect(finding.decision == .quarantine)
    #expect(finding.durable == victim.end)
    #expect(disk.contents(of: path + ".damaged") != nil)
    // Only the record of the damaged frame is wanting.
    let here = Set(try all(log))
    #expect(Set((0..<60).map { record($0) }).subtracting(here).count <= 1)
    #expect(finding.salvagedRecords == salvaged.count)
    #expect(log.isComplete(victim.name) != true)
    try commitEach(log, [record(100)])
    // Whoever wrote it: others' verified bytes are taken now.
    try other.ship(victim.name, to: log)
    try log.commit()
    #expect(log.isComplete(victim.name) == true)
    #expect(log.end(of: victim.name) == other.end(of: victim.name))
    #expect(
      try log.read(victim.name, from: .zero, maxBytes: .max)
        == other.read(victim.name, from: .zero, maxBytes: .max))
    let after = try openLog(disk.crashImage(seed: 4), seed: 5, options: options)
    #expect(after.report.incidents.isEmpty)
    #expect(Set(after.visited.map(\.record)) == Set((0..<60).map { record($0) } + [record(100)]))
  }

  @Test func theOpenSegmentIsLeft() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, (0..<10).map { record($0) })
    let open = log.openSegment
    try disk.flip(bit: (64 + 3 * 128 + 100) * 8, of: log.segmentPath(open))
    let finding = try #require(try log.setAsideDamage(in: open) { _, _, _ in })
    #expect(finding.salvagedRecords == 6)
    #expect(log.openSegment != open)
    #expect(log.end(of: open)?.records == Ordinal(3))
    try commitEach(log, [record(11)])
    let here = try Set(all(log))
    #expect(here == Set((0..<12).filter { $0 != 3 && $0 != 10 }.map { record($0) }))
  }

  /// The caller knows what the damaged frame held, and says it again before the file goes.
  @Test func whatIsRescuedIsDurableBeforeTheFileGoes() throws {
    let disk = SimulatedDisk()
    let (log, _) = try pair(disk)
    let victim = try #require(log.vector().first)
    try disk.flip(bit: (64 + 128 + 90) * 8, of: log.segmentPath(victim.name))
    let start = disk.operationCount
    disk.photograph(beforeOperations: Array(start..<(start + 60)))
    _ = try #require(
      try log.setAsideDamage(
        in: victim.name, visit: { _, _, _ in },
        rescue: { ordinal throws(LogError) in
          #expect(ordinal == Ordinal(1))
          try log.append(record(1))
        }))
    #expect(try Set(all(log)) == Set((0..<60).map { record($0) }))
    for image in disk.takePhotographs() {
      // The disk that rots keeps what it still has; as soon as the file goes, the copy is there.
      let names = try image.disk.list("/facts")
      guard names.contains(where: { $0.hasSuffix(".damaged") }) else { continue }
      let after = try openLog(image.disk.crashImage(seed: 3), seed: 7, options: options)
      #expect(after.visited.map(\.record).contains(record(1)))
    }
  }

  /// A full disk: nothing changes, live or at a start, and all that is intact stays readable.
  @Test func withoutSpaceTheFileStaysInItsPlace() throws {
    let disk = SimulatedDisk()
    let (log, other) = try pair(disk)
    let victim = try #require(log.vector().first)
    try disk.flip(bit: (64 + 128 + 90) * 8, of: log.segmentPath(victim.name))
    disk.resize(capacity: 1)
    let isFull = { (error: any Error) in
      if case LogError.full = error { true } else { false }
    }
    do {
      _ = try log.setAsideDamage(in: victim.name) { _, _, _ in }
      Issue.record("there was space")
    } catch { #expect(isFull(error)) }
    #expect(log.end(of: victim.name) == victim)
    let image = disk.crashImage(seed: 4)
    let after = try openLog(image, seed: 5, options: options)
    let finding = try #require(after.report.incidents.first { $0.segment == victim.name })
    #expect(finding.decision == .quarantine && finding.quarantine == nil)
    #expect("\(finding)".contains("no space"))
    #expect(after.log.isComplete(victim.name) == false)
    #expect(after.visited.contains { $0.record == record(59) })
    image.resize(capacity: nil)
    try after.log.commit()
    try other.ship(victim.name, to: after.log)
    try after.log.commit()
    #expect(after.log.isComplete(victim.name) == true)
  }

  /// However little space a start had for what it found damaged: what it left undone the next one
  /// does, and nothing more is lost than the damaged frame.
  @Test func aStartWithoutSpaceCostsTheNextOneNothing() throws {
    let disk = SimulatedDisk()
    let (log, _) = try pair(disk)
    let victim = try #require(log.vector().first)
    try disk.flip(bit: (64 + 128 + 90) * 8, of: log.segmentPath(victim.name))
    let wanted = Set((0..<60).map { record($0) })
    for pages in 0...16 as ClosedRange<UInt64> {
      let image = disk.killImage()
      image.resize(capacity: image.usedBytes + pages * 4096)
      _ = try? openLog(image, seed: 5, options: options)
      let later = image.killImage()
      later.resize(capacity: nil)
      let after = try openLog(later, seed: 6, options: options)
      let lost = wanted.subtracting(after.visited.map(\.record))
      #expect(lost.count <= 1, "\(pages) pages: \(lost.count) records are lost")
    }
  }

  /// A quota doesn't keep out what takes the place of something that goes.
  @Test func aQuotaDoesNotKeepANodeFromStarting() throws {
    let disk = SimulatedDisk()
    let (log, _) = try pair(disk)
    let victim = try #require(log.vector().first)
    try disk.flip(bit: (64 + 128 + 90) * 8, of: log.segmentPath(victim.name))
    var tight = options
    tight.capacity = log.bytesUsed + 100
    tight.reserve = 50
    let after = try openLog(disk.crashImage(seed: 4), seed: 5, options: tight)
    let missing = Set((0..<60).map { record($0) }).subtracting(after.visited.map(\.record))
    #expect(missing == [record(1)])
  }

  @Test func whatReadsWellIsLeftAsItIs() throws {
    let disk = SimulatedDisk()
    let (log, _) = try pair(disk)
    let before = log.vector()
    let finding = try log.setAsideDamage(in: before[0].name) { _, _, _ in }
    #expect(finding == nil)
    #expect(Array(log.vector().prefix(before.count - 1)) == Array(before.dropLast()))
  }

  /// A power cut at any moment of it leaves what recovery can go on from.
  @Test func aPowerCutAtAnyMomentLosesNothingMore() throws {
    let disk = SimulatedDisk()
    let (log, _) = try pair(disk)
    let victim = try #require(log.vector().first)
    try disk.flip(bit: (64 + 128 + 90) * 8, of: log.segmentPath(victim.name))
    let start = disk.operationCount
    disk.photograph(beforeOperations: Array(start..<(start + 60)))
    _ = try #require(try log.setAsideDamage(in: victim.name) { _, _, _ in })
    let images = disk.takePhotographs()
    #expect(images.count > 10)
    for image in images {
      for seed in UInt64(0)..<4 {
        let after = try openLog(image.disk.crashImage(seed: seed), seed: 7, options: options)
        let missing = Set((0..<60).map { record($0) }).subtracting(after.visited.map(\.record))
        #expect(missing.count <= 1, "cut before operation \(image.operation), seed \(seed)")
      }
    }
  }

  /// Where the damaged file could not be set aside, healing writes over what can't be read: what is
  /// intact behind it stays until it is there again.
  @Test func withoutSpaceAnUnreadableHeaderIsWrittenOver() throws {
    let disk = SimulatedDisk()
    let (log, other) = try pair(disk)
    let victim = try #require(log.vector().first)
    let path = log.segmentPath(victim.name)
    try disk.flip(bit: 20 * 8, of: path)
    let full = disk.killImage()
    full.resize(capacity: 0)
    let after = try openLog(full, seed: 5, options: options)
    #expect(after.log.end(of: victim.name) == nil)
    #expect(full.contents(of: path + ".damaged") == nil)
    #expect(throws: IngestError.self) { try other.ship(victim.name, to: after.log) }
    #expect(full.contents(of: path)?.count == disk.contents(of: path)?.count)
    full.resize(capacity: nil)
    try after.log.idle()
    try other.ship(victim.name, to: after.log)
    try after.log.commit()
    #expect(after.log.isComplete(victim.name) == true)
    #expect(try records(after.log, victim.name) == records(other, victim.name))
    let last = try openLog(full.killImage(), seed: 6, options: options)
    #expect(last.report.incidents.isEmpty)
    #expect(Set(last.visited.map(\.record)) == Set((0..<60).map { record($0) }))
  }

  /// A copy that is short of what it once held is corrupt, whatever else a start would do with it.
  @Test func aTornTailDoesNotHideThatACopyIsShort() throws {
    let disk = SimulatedDisk()
    let (log, _) = try pair(disk)
    let victim = try #require(log.vector().first)
    let path = log.segmentPath(victim.name)
    try disk.flip(bit: (64 + 128 + 90) * 8, of: path)
    _ = try log.setAsideDamage(in: victim.name) { _, _, _ in }
    let image = disk.killImage()
    func state() throws -> LogInspection.State? {
      let seen = try LogInspection.read("/facts", node: log.node, on: image)
      return seen.segments.first { $0.name == victim.name }?.state
    }
    #expect(try state() == .corrupt)
    let file = try image.open(path, .update)
    try image.write(file, [UInt8](repeating: 7, count: 50), at: UInt64(64 + 128))
    image.close(file)
    #expect(try state() == .corrupt)
  }
}
