import Testing

@testable import LogStore

// Each row of the recovery table on files: what is done to them, what is told, what is left.

/// A disk with eight frames of one record each in one segment, held as own or as a copy, and the
/// process gone. Frames are 128 bytes: 80 of header, 46 of record, 2 of padding.
private struct Scene {
  static let frame = 128
  static let frames = 8

  var disk: SimulatedDisk
  var name: SegmentName
  var path: String
  /// An independent copy, to heal from.
  var healthy: Log

  static func end(_ frames: Int) -> Int { 64 + frames * frame }

  /// The last frame is not testified by another, except through notes or a later segment.
  static func own() throws -> Scene {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, (0..<frames).map { record($0) })
    let healthy = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    try log.ship(log.openSegment, to: healthy)
    let name = log.openSegment
    return Scene(
      disk: disk.killImage(), name: name, path: log.segmentPath(name), healthy: healthy)
  }

  /// The first `noted` frames were committed here, the others only written.
  static func foreign(noted: Int) throws -> Scene {
    let healthy = try openLog(SimulatedDisk(), node: otherNode, seed: 5).log
    try commitEach(healthy, (0..<frames).map { record($0) })
    let name = healthy.openSegment
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    let bytes = try healthy.read(name, from: .zero, maxBytes: 1 << 20)
    if noted > 0 {
      _ = try log.takeBytes(name, at: .zero, Array(bytes[..<end(noted)]))
      try log.commit()
    }
    if noted < frames {
      let from = noted == 0 ? 0 : end(noted)
      _ = try log.takeBytes(name, at: Offset(UInt64(from)), Array(bytes[from...]))
    }
    return Scene(
      disk: disk.killImage(), name: name, path: log.segmentPath(name), healthy: healthy)
  }

  func change(_ body: (FileHandle) throws -> Void) throws {
    let file = try disk.open(path, .update)
    defer { disk.close(file) }
    try body(file)
  }

  func cut(to length: Int) throws {
    try change { try disk.truncate($0, to: UInt64(length)) }
  }

  func extend(to length: Int) throws {
    try change { try disk.allocate($0, to: UInt64(length)) }
  }

  func flip(_ byte: Int) throws { try disk.flip(bit: UInt64(byte) * 8, of: path) }

  func recover(seed: UInt64 = 2) throws -> LogFixture { try openLog(disk, seed: seed) }

  /// The rows' common checks, and that a neighbour makes the copy whole again.
  func check(
    _ decision: RecoveryDecision, framesLeft: Int, isComplete: Bool = true,
    heals: Bool = true, salvaged: Int = 0
  ) throws {
    let after = try recover()
    let finding = try #require(after.report.findings.first { $0.segment == name })
    #expect(finding.decision == decision)
    #expect(after.log.durable == after.log.sequence)
    let numbers = Array(0..<framesLeft) + Array((Scene.frames - salvaged)..<Scene.frames)
    #expect(after.visited.map(\.record) == numbers.map { record($0) })
    #expect(finding.salvagedRecords == salvaged)
    if framesLeft > 0 {
      let end = try #require(after.log.end(of: name))
      #expect(end.end.value == UInt64(Scene.end(framesLeft)))
      #expect(end.durableEnd == end.end)
      #expect(after.log.isComplete(name) == isComplete)
      #expect(disk.contents(of: path)?.count == Scene.end(framesLeft))
    }
    #expect((finding.quarantine != nil) == (decision == .quarantine))
    #expect(after.report.incidents.isEmpty == [.keep, .trim, .discard].contains(decision))
    guard heals else { return }
    try healthy.ship(name, to: after.log)
    #expect(after.log.isComplete(name) == true)
    #expect(try records(after.log, name) == (0..<Scene.frames).map { record($0) })
  }
}

/// Own segments.
struct OwnRecoveryRowTests {
  @Test func aWholeFileIsKept() throws {
    let scene = try Scene.own()
    try scene.cut(to: Scene.end(8))
    try scene.check(.keep, framesLeft: 8)
  }

  @Test func allocatedSpaceIsGivenBack() throws {
    let scene = try Scene.own()
    #expect(scene.disk.contents(of: scene.path)?.count == 1 << 20)
    try scene.check(.trim, framesLeft: 8)
  }

  /// The last frame is testified by nothing but itself: damage there is a torn tail.
  @Test func aTornTailIsCut() throws {
    let scene = try Scene.own()
    try scene.flip(Scene.end(7) + 100)
    try scene.check(.cutTornTail, framesLeft: 7)
  }

  @Test func aFileShorterThanItsDurableEndAwaitsHealing() throws {
    let scene = try Scene.own()
    let first = try scene.recover()
    try commitEach(first.log, [record(100)])
    // The next segment testifies the end of this one.
    let later = Scene(
      disk: scene.disk.killImage(), name: scene.name, path: scene.path, healthy: scene.healthy)
    try later.cut(to: Scene.end(5))
    try later.disk.remove("/facts/notes")
    let after = try later.recover(seed: 3)
    let finding = try #require(after.report.incidents.first)
    #expect(finding.decision == .awaitHealing)
    #expect(finding.durable.value == UInt64(Scene.end(8)))
    #expect(after.log.isComplete(scene.name) == false)
    #expect(after.visited.map(\.record) == ((0..<5) + [100]).map { record($0) })
    // It stays known, and heals.
    let again = try openLog(later.disk.killImage(), seed: 4)
    #expect(again.log.isComplete(scene.name) == false)
    try scene.healthy.ship(scene.name, to: again.log)
    #expect(again.log.isComplete(scene.name) == true)
  }

  @Test func zerosBeforeTheDurableEndAwaitHealing() throws {
    let scene = try Scene.own()
    _ = try scene.recover()
    try scene.cut(to: Scene.end(6))
    try scene.extend(to: 8192)
    // The start noted all eight frames as durable.
    try scene.check(.awaitHealing, framesLeft: 6, isComplete: false)
  }

  @Test func damageBeforeTheDurableEndIsQuarantined() throws {
    let scene = try Scene.own()
    try scene.flip(Scene.end(3) + 100)
    try scene.check(.quarantine, framesLeft: 3, isComplete: false, salvaged: 4)
  }

  /// Only the last frame is damaged, but the next segment's first frame knows better.
  @Test func aLaterSegmentTestifiesToo() throws {
    let scene = try Scene.own()
    let first = try scene.recover()
    try commitEach(first.log, [record(100)])
    try scene.disk.remove("/facts/notes")
    try scene.flip(Scene.end(7) + 100)
    let after = try openLog(scene.disk.killImage(), seed: 3)
    #expect(after.report.incidents.map(\.decision) == [.quarantine])
  }

  @Test func aFileThatWasNeverUsedGoes() throws {
    for length in [0, 4096] {
      let scene = try Scene.own()
      try scene.disk.remove("/facts/notes")
      try scene.cut(to: 0)
      try scene.extend(to: length)
      try scene.check(.discard, framesLeft: 0)
    }
  }

  @Test func aDamagedHeaderIsQuarantinedAndAllSalvaged() throws {
    let scene = try Scene.own()
    try scene.flip(20)
    try scene.check(.quarantine, framesLeft: 0, salvaged: 8)
  }

  @Test func aDamagedHeaderWithoutTestimonyIsQuarantinedToo() throws {
    let scene = try Scene.own()
    try scene.cut(to: Scene.end(1))
    try scene.flip(20)
    try scene.flip(64 + 100)
    let after = try scene.recover()
    #expect(after.report.incidents.map(\.decision) == [.quarantine])
    #expect(after.visited.isEmpty)
  }

  /// Without a header and shorter than noted: nothing, zeros or damage, it is kept aside.
  @Test(arguments: ["nothing", "zeros", "damage"])
  func anUnreadableFileThatWasDurableIsQuarantined(_ tail: String) throws {
    let scene = try Scene.own()
    _ = try scene.recover()
    switch tail {
    case "nothing": try scene.cut(to: 0)
    case "zeros":
      try scene.cut(to: 0)
      try scene.extend(to: 4096)
    default: try scene.flip(9)
    }
    try scene.check(.quarantine, framesLeft: 0, salvaged: tail == "damage" ? 8 : 0)
  }

  @Test func aNewerVersionIsAClearError() throws {
    let scene = try Scene.own()
    var header = SegmentHeader(name: scene.name, previous: nil).encoded()
    header[8] = 9
    header.withUnsafeMutableBytes { raw in
      raw.putLittle(XXH64.hash(UnsafeRawBufferPointer(raw).part(0..<56)), at: 56)
    }
    try scene.change { try scene.disk.write($0, header) }
    let before = scene.disk.contents(of: scene.path)
    #expect(throws: LogError.newerVersion(path: scene.path, version: 9)) { try scene.recover() }
    #expect(scene.disk.contents(of: scene.path) == before)
  }
}

/// Copies of another's segments.
struct ForeignRecoveryRowTests {
  @Test func aWholeCopyIsKept() throws {
    try Scene.foreign(noted: 8).check(.keep, framesLeft: 8)
    try Scene.foreign(noted: 3).check(.keep, framesLeft: 8)
  }

  @Test func zerosBehindACopyGo() throws {
    let scene = try Scene.foreign(noted: 8)
    try scene.extend(to: 8192)
    try scene.check(.trim, framesLeft: 8)
  }

  /// Its frames testify that its writer had all of it durable; that says nothing about this disk.
  @Test func damageBeyondTheNotedEndIsCutAndFetched() throws {
    let scene = try Scene.foreign(noted: 3)
    try scene.flip(Scene.end(5) + 100)
    try scene.check(.cutAndFetch, framesLeft: 5)
  }

  @Test func damageBeforeTheNotedEndIsQuarantined() throws {
    let scene = try Scene.foreign(noted: 8)
    try scene.flip(Scene.end(5) + 100)
    try scene.check(.quarantine, framesLeft: 5, isComplete: false, salvaged: 2)
  }

  @Test func withoutNotesItIsFetchedAgain() throws {
    let scene = try Scene.foreign(noted: 8)
    try scene.disk.remove("/facts/notes")
    try scene.flip(Scene.end(5) + 100)
    try scene.check(.cutAndFetch, framesLeft: 5)
  }

  @Test func aCopyShorterThanNotedAwaitsHealing() throws {
    let scene = try Scene.foreign(noted: 8)
    try scene.cut(to: Scene.end(5))
    try scene.check(.awaitHealing, framesLeft: 5, isComplete: false)
  }

  @Test func zerosBeforeTheNotedEndAwaitHealing() throws {
    let scene = try Scene.foreign(noted: 8)
    try scene.cut(to: Scene.end(5))
    try scene.extend(to: 8192)
    try scene.check(.awaitHealing, framesLeft: 5, isComplete: false)
  }

  @Test(arguments: ["nothing", "zeros", "damage"])
  func anUnreadableCopyThatWasNeverNotedGoes(_ tail: String) throws {
    let scene = try Scene.foreign(noted: 0)
    switch tail {
    case "nothing": try scene.cut(to: 0)
    case "zeros":
      try scene.cut(to: 0)
      try scene.extend(to: 4096)
    default: try scene.flip(9)
    }
    try scene.check(.discard, framesLeft: 0)
  }

  @Test(arguments: ["nothing", "zeros", "damage"])
  func anUnreadableCopyThatWasNotedIsQuarantined(_ tail: String) throws {
    let scene = try Scene.foreign(noted: 8)
    switch tail {
    case "nothing": try scene.cut(to: 0)
    case "zeros":
      try scene.cut(to: 0)
      try scene.extend(to: 4096)
    default: try scene.flip(9)
    }
    try scene.check(.quarantine, framesLeft: 0, salvaged: tail == "damage" ? 8 : 0)
  }

  /// What damage cut short is healed by others, so its frames testify nothing about this disk: a
  /// power cut in the middle of healing is not corruption.
  @Test func anOwnSegmentThatIsBeingHealedIsLikeACopy() throws {
    let scene = try Scene.own()
    try scene.flip(Scene.end(3) + 100)
    let after = try scene.recover()
    let bytes = try scene.healthy.read(
      scene.name, from: Offset(UInt64(Scene.end(3))), maxBytes: 1 << 20)
    _ = try after.log.takeBytes(scene.name, at: Offset(UInt64(Scene.end(3))), bytes)
    let image = Scene(
      disk: scene.disk.killImage(), name: scene.name, path: scene.path, healthy: scene.healthy)
    try image.flip(Scene.end(4) + 100)
    let again = try openLog(image.disk, seed: 3)
    let finding = try #require(again.report.findings.first { $0.segment == scene.name })
    #expect(finding.decision == .cutAndFetch)
    #expect(again.log.isComplete(scene.name) == false)
    try scene.healthy.ship(scene.name, to: again.log)
    #expect(again.log.isComplete(scene.name) == true)
  }
}
