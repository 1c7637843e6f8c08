import Testing

@testable import LogStore

/// First looks at recovery: a torn tail goes, durable damage doesn't.
struct TornTailTests {
  /// Under the policy `never` a power cut takes what it takes, and that is no damage.
  @Test func whatWasNeverSyncedIsNotMissed() throws {
    let options = smallOptions {
      $0.syncPolicy = .never
      $0.segmentLimit = 3_000
    }
    let other = try openLog(SimulatedDisk(), node: otherNode, seed: 9, options: options).log
    try commitEach(other, (100..<140).map { record($0) })
    var lost = 0
    for seed in UInt64(0)..<100 {
      let disk = SimulatedDisk()
      let log = try openLog(disk, options: options).log
      try commitEach(log, (0..<40).map { record($0) })
      for end in other.vector() { try other.ship(end.name, to: log, step: 700) }
      try log.commit()
      #expect(log.durable == log.sequence, "acknowledged all the same")
      let after = try openLog(disk.crashImage(seed: seed), seed: 2, options: options)
      let kinds = Set(after.report.incidents.map(\.decision))
      #expect(kinds.isSubset(of: [.cutTornTail, .cutAndFetch, .discard]), "\(after.report)")
      lost += 80 - after.visited.count
    }
    #expect(lost > 0)
  }

  @Test func powerCutKeepsWhatWasCommitted() throws {
    for seed in UInt64(0)..<200 {
      let disk = SimulatedDisk()
      let log = try openLog(disk).log
      try commitEach(log, (0..<8).map { record($0, size: 300) })
      for index in 8..<20 {
        try log.append(record(index, size: 300))
        try log.write()
      }
      let image = disk.crashImage(seed: seed)
      let after = try openLog(image, seed: 2)
      let found = after.visited.map(\.record)
      #expect(found.count >= 8)
      #expect(found == Array((0..<20).map { record($0, size: 300) }.prefix(found.count)))
      #expect(after.report.incidents.allSatisfy { $0.decision == .cutTornTail })
    }
  }

  @Test func damageBeforeTheDurableEndIsQuarantinedAndSalvagedAndHealed() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, (0..<8).map { record($0) })
    let name = log.openSegment
    let healthy = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    try log.ship(name, to: healthy)
    let image = disk.killImage()
    try image.flip(bit: UInt64((64 + 3 * 128 + 90) * 8), of: log.segmentPath(name))
    let after = try openLog(image, seed: 2)
    let finding = try #require(after.report.incidents.first)
    #expect(finding.decision == .quarantine)
    #expect(finding.end.value == 64 + 3 * 128)
    #expect(finding.salvagedRecords == 4)
    let kept = try #require(finding.quarantine)
    #expect(image.contents(of: kept) != nil)
    #expect(Set(after.visited.map(\.record)) == Set((0..<8).filter { $0 != 3 }.map { record($0) }))
    #expect(after.log.isComplete(name) == false)
    #expect(after.log.durable == after.log.sequence)

    // A second start knows of the damage still; the neighbour heals it by offset.
    let again = try openLog(image.killImage(), seed: 3)
    #expect(again.log.isComplete(name) == false)
    #expect(again.report.unhealed == [name])
    try healthy.ship(name, to: again.log)
    #expect(again.log.isComplete(name) == true)
    #expect(try records(again.log, name) == (0..<8).map { record($0) })
  }
}
