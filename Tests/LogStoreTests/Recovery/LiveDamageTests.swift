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
}
