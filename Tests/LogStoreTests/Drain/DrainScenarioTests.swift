// The drain rule, case by case.

import Testing

@testable import LogStore

private let second: UInt64 = 1_000_000_000

@Suite struct DrainScenarioTests {
  private func node(
    _ number: UInt64, drain: DrainOptions = DrainOptions(),
    _ change: (inout LogOptions) -> Void = { _ in }
  ) throws -> DrainNode {
    var options = DrainNode.options()
    change(&options)
    return try DrainNode(number, options: options, drain: drain)
  }

  private func retired(_ name: SegmentName) -> Record { Retirement.retired(name).record }

  @Test func aRestartMergesOlderSegments() throws {
    let a = try node(1)
    try a.appendData(1...120)
    try a.append((1...60).map { CrashRecord.release($0) })
    try a.commit()
    let old = a.ownNames
    #expect(old.count > 2)
    try a.restart()
    try a.drain(at: 0)
    #expect(a.violations.isEmpty)
    #expect(Set(a.deleted) == Set(old))
    #expect(try a.liveData().keys.sorted() == Array(61...120))
    #expect(try a.liveData().values.allSatisfy { $0 == 1 })
    #expect(a.log.retirements.floor(of: a.id, .facts) == old.last?.serial.next)
    // A second drain finds nothing; a second start keeps the floor and the data.
    let appended = a.appendedByDrain
    try a.drain(at: 1)
    #expect(a.appendedByDrain == appended)
    try a.restart(crash: 7)
    try a.drain(at: 2)
    #expect(try a.liveData().keys.sorted() == Array(61...120))
    #expect(a.violations.isEmpty)
  }

  @Test func nothingHappensBeforeItHasCaughtUp() throws {
    let a = try node(1)
    try a.appendData(1...20)
    try a.commit()
    try a.restart()
    a.isCaughtUp = false
    for time in 0..<10 { #expect(try a.step(at: UInt64(time) * 100 * second).appended.isEmpty) }
    #expect(a.deleted.isEmpty)
    a.isCaughtUp = true
    try a.drain(at: 0)
    #expect(!a.deleted.isEmpty)
  }

  @Test func aHolderWaitsForTheRetirersCovers() throws {
    let (a, b, c) = (try node(1), try node(2), try node(3))
    try a.appendData(1...10)
    try a.commit()
    let name = a.log.openSegment
    try a.ship(to: b)
    try c.append([retired(name)])
    try c.commit()
    try c.ship(to: b)
    try b.commit()
    for time in [0, 15, 30, 45, 59] {
      try b.drain(at: UInt64(time) * second)
      #expect(b.appendedByDrain == 0, "at \(time) s")
      #expect(b.lastStep.wakeAt ?? 0 <= 60 * second)
    }
    try b.drain(at: 60 * second)
    #expect(b.appendedByDrain == 10)
    #expect(b.deleted == [name])
    #expect(try b.liveData().keys.sorted() == Array(1...10))
    #expect(b.violations.isEmpty)
  }

  @Test func coversThatArriveInTimeCostNothing() throws {
    let (a, b) = (try node(1), try node(2))
    try a.appendData(1...10)
    try a.commit()
    let name = a.log.openSegment
    try a.ship(to: b)
    try b.commit()
    try a.restart()
    try a.drain(at: 0)
    #expect(a.deleted == [name])
    try a.ship(to: b)
    try b.commit()
    try b.drain(at: 1)
    #expect(b.appendedByDrain == 0)
    #expect(b.deleted == [name])
    #expect(try b.liveData().keys.sorted() == Array(1...10))
    #expect(a.violations.isEmpty && b.violations.isEmpty)
  }

  @Test func fallingBehindStartsTheGraceAgain() throws {
    let (a, b) = (try node(1), try node(2))
    try a.appendData(1...3)
    try a.commit()
    try a.ship(to: b)
    try b.append([retired(a.log.openSegment)])
    try b.commit()
    try b.drain(at: 0)
    b.isCaughtUp = false
    try b.drain(at: 59 * second)
    b.isCaughtUp = true
    try b.drain(at: 61 * second)
    #expect(b.appendedByDrain == 0)
    try b.drain(at: 121 * second)
    #expect(b.appendedByDrain == 3)
  }

  @Test func whatOthersRetiredOfOnesOwnIsAppendedAtOnce() throws {
    let (a, b) = (try node(1), try node(2))
    try a.appendData(1...5)
    try a.commit()
    let name = a.log.openSegment
    try b.append([retired(name)])
    try b.commit()
    try b.ship(to: a)
    try a.appendData(6...6)
    try a.drain(at: 0)
    #expect(a.log.openSegment != name)
    #expect(a.deleted == [name])
    #expect(try a.liveData().keys.sorted() == Array(1...6))
    #expect(a.violations.isEmpty)
  }

  @Test func theSegmentsOfTheDeadAreTakenOver() throws {
    let (a, dead, b) = (try node(1), try node(2), try node(3))
    try dead.appendData(1...40)
    try dead.append([CrashRecord.release(1)])
    try dead.commit()
    try dead.ship(to: a)
    try dead.ship(to: b)
    try a.commit()
    try b.commit()
    try a.drain(at: 0)
    #expect(a.appendedByDrain == 0)
    a.adopts = [dead.id]
    try a.drain(at: 1)
    #expect(Set(a.names.map(\.node)) == [a.id])
    #expect(try a.liveData().keys.sorted() == Array(2...40))
    try a.ship(to: b)
    try b.commit()
    try b.drain(at: 2)
    #expect(b.appendedByDrain == 0)
    #expect(Set(b.names.map(\.node)) == [a.id])
    #expect(try b.liveData().keys.sorted() == Array(2...40))
    #expect(a.violations.isEmpty && b.violations.isEmpty)
  }

  @Test func aFullDiskDelaysAndLosesNothing() throws {
    let a = try node(1) { $0.capacity = 40_000 }
    try a.appendData(1...20)
    try a.commit()
    try a.restart()
    a.options.capacity = a.log.bytesUsed + 200
    try a.restart()
    #expect(throws: LogError.self) { try a.drain(at: 0) }
    #expect(a.deleted.isEmpty)
    a.options.capacity = nil
    try a.restart()
    try a.drain(at: 1)
    #expect(try a.liveData().keys.sorted() == Array(1...20))
    #expect(a.violations.isEmpty)
  }

  @Test func lostSerialsAreClosedAndPassed() throws {
    let a = try node(1)
    try a.appendData(1...3)
    try a.commit()
    try a.restart(knownSerial: Serial(5))
    #expect(a.log.openSegment.serial > Serial(5))
    try a.appendData(4...4)
    try a.commit()
    try a.drain(at: 0)
    #expect(a.log.retirements.floor(of: a.id, .facts) == a.log.openSegment.serial)
    // A jump is passed without a record for each.
    let before = a.appendedByDrain
    try a.restart(knownSerial: Serial(1 << 40))
    try a.appendData(5...5)
    try a.commit()
    try a.drain(at: 1)
    #expect(a.appendedByDrain - before < 20)
    #expect(a.log.retirements.floor(of: a.id, .facts) == a.log.openSegment.serial)
    #expect(try a.liveData().keys.sorted() == Array(1...5))
  }

  @Test func aDamagedCopyStays() throws {
    let (a, b) = (try node(1), try node(2))
    try a.appendData(1...10)
    try a.commit()
    let name = a.log.openSegment
    try a.ship(to: b)
    try b.append([retired(name)])
    try b.commit()
    let path = b.directory + "/" + SegmentFileName.file(name)
    try b.disk.flip(bit: 8 * 200, of: path)
    // Reading all that is held, it comes upon the damage and tells.
    var isTold = false
    for time in 0..<10 {
      do { try b.drain(at: UInt64(time) * 20 * second) } catch LogError.damaged { isTold = true }
    }
    #expect(isTold)
    #expect(b.deleted.isEmpty)
    #expect(b.disk.contents(of: path) != nil)
  }
}
