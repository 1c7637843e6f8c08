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
    try a.appendData(1...60)
    try a.append((1...30).map { CrashRecord.release($0) })
    try a.commit()
    let old = a.ownNames
    #expect(old.count > 2)
    try a.restart()
    try a.drain(at: 0)
    #expect(a.violations.isEmpty)
    #expect(Set(a.deleted) == Set(old))
    #expect(try a.liveData().keys.sorted() == Array(31...60))
    #expect(try a.liveData().values.allSatisfy { $0 == 1 })
    #expect(a.log.retirements.floor(of: a.id, .facts) == old.last?.serial.next)
    // A second drain finds nothing; a second start keeps the floor and the data.
    let appended = a.appendedByDrain
    try a.drain(at: 1)
    #expect(a.appendedByDrain == appended)
    try a.restart(crash: 7)
    try a.drain(at: 2)
    #expect(try a.liveData().keys.sorted() == Array(31...60))
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

  /// B8: the adopter knew less of the dead node's segment than this holder does.
  @Test(arguments: [false, true])
  func aLongerCopyThanTheRetirersKeepsItsTail(withBug: Bool) throws {
    let dead = try node(1)
    let adopter = try node(2)
    let holder = try node(3) { if withBug { $0.plantedBugs = .drainCheckSkipped } }
    try dead.appendData(1...5)
    try dead.commit()
    try dead.ship(to: adopter)
    try dead.appendData(6...9)
    try dead.commit()
    try dead.ship(to: holder)
    try holder.commit()
    adopter.adopts = [dead.id]
    try adopter.drain(at: 0)
    try adopter.ship(to: holder)
    try holder.commit()
    for time in 0...5 { try holder.drain(at: UInt64(time) * 20 * second) }
    #expect(!holder.names.contains { $0.node == dead.id })
    #expect(try (holder.liveData().keys.sorted() == Array(1...9)) == !withBug)
    #expect(holder.violations.contains { $0.hasPrefix("I4") } == withBug)
    try holder.restart(crash: 1)
    #expect(holder.violations.contains { $0.hasPrefix("I1") } == withBug)
  }

  /// B7: the cover came a moment ago and is in the cache only.
  @Test(arguments: [false, true])
  func aCoverCountsOnlyWhenItIsDurable(withBug: Bool) throws {
    let a = try node(1) { if withBug { $0.plantedBugs = .undurableCoversCount } }
    let b = try node(2)
    try b.appendData(1...3)
    try b.commit()
    try b.ship(to: a)
    try a.append([retired(b.log.openSegment)])
    try a.commit()
    try a.appendData(1...3)
    try a.log.write()
    let examinations = try a.log.examine([b.log.openSegment]) { _, _ in false }
    var isDeleted = true
    do { for examination in examinations { try a.log.delete(examination) } } catch {
      isDeleted = false
    }
    #expect(isDeleted == withBug)
    var found: Set<Bool> = []
    for seed in 0..<20 {
      var dice = SplitMix64(seed: 1)
      var numbers: Set<UInt64> = []
      _ = try Log.open(
        a.directory, on: a.disk.crashImage(seed: UInt64(seed)), node: a.id, log: .facts,
        options: a.options, entropy: &dice
      ) { _, kind, payload in
        if kind == CrashRecord.datum, let number = CrashRecord.number(payload) {
          numbers.insert(number)
        }
      }
      found.insert(numbers == [1, 2, 3])
    }
    #expect(found.contains(false) == withBug)
  }

  /// B23: two nodes with equal facts, restarted again and again.
  @Test(arguments: [false, true])
  func twoNodesDontDrainIntoEachOther(withBug: Bool) throws {
    var drain = DrainOptions()
    drain.mergeLimit = 0
    if withBug { drain.plantedBugs = .anyCoverIsDeadWeight }
    let (a, b) = (try node(1, drain: drain), try node(2, drain: drain))
    for node in [a, b] {
      try node.appendData(1...20)
      try node.commit()
    }
    var written: [Int] = []
    var now: UInt64 = 0
    for _ in 0..<6 {
      try a.ship(to: b)
      try b.ship(to: a)
      for node in [a, b] {
        try node.commit()
        try node.restart()
        try node.drain(at: now)
      }
      for _ in 0..<8 {
        now += 20 * second
        try a.ship(to: b)
        try b.ship(to: a)
        for node in [a, b] {
          try node.commit()
          try node.drain(at: now)
        }
      }
      written.append(try a.liveData().values.reduce(0, +) + a.appendedByDrain + b.appendedByDrain)
    }
    #expect(try a.liveData().count == 20)
    #expect(try b.liveData().count == 20)
    #expect(a.violations.isEmpty && b.violations.isEmpty)
    let dataWritten = written.map { $0 - (written.first ?? 0) }
    print("drain B23: \(withBug ? "bug" : "rule"): written by round \(dataWritten)")
    #expect((dataWritten[5] - dataWritten[2] > 3 * 20) == withBug)
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
    for time in 0..<10 { try b.drain(at: UInt64(time) * 20 * second) }
    #expect(b.deleted.isEmpty)
    #expect(b.disk.contents(of: path) != nil)
  }
}
