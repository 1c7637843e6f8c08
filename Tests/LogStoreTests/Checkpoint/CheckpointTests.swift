// A checkpoint gives what a replay gives, costs what lives, and is void wherever the log is not
// what it counted. A void one costs time, never data.

import Testing

@testable import LogStore

@Suite struct CheckpointTests {
  private let node = NodeID(ID128(high: 1, low: 1))

  private func open(
    _ disk: SimulatedDisk, seed: UInt64 = 1, bugs: PlantedBugs = []
  ) throws -> (log: Log, report: RecoveryReport, found: [Position: Record]) {
    var dice = SplitMix64(seed: seed)
    var options = LogOptions()
    options.segmentLimit = 16 * 1024
    options.frameLimit = 12 * 1024
    options.reserve = 0
    options.plantedBugs = bugs
    var found: [Position: Record] = [:]
    let (log, report) = try Log.open(
      "/facts", on: disk, node: node, log: .facts, options: options, entropy: &dice
    ) { position, kind, payload in
      found[position] = Record(kind: kind, payload: [UInt8](payload))
    }
    return (log, report, found)
  }

  private func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    kind == CrashRecord.datum && (CrashRecord.number(payload) ?? 0) % 10 != 0
  }

  private func fill(_ log: Log, _ numbers: ClosedRange<UInt64>) throws {
    for number in numbers { try log.append(CrashRecord.datum(number)) }
    try log.commit()
  }

  private func checkpoint(_ log: Log, budget: Int = 5_000) throws -> Survey {
    var pass = Checkpointer(of: log)
    while true {
      var budget = budget
      if let survey = try pass.advance(log, budget: &budget, isDead: isDead) {
        try log.commit()
        return survey
      }
    }
  }

  @Test func aStartReadsWhatLivesAndWhatCameAfter() throws {
    let disk = SimulatedDisk()
    let (log, _, _) = try open(disk)
    try fill(log, 1...200)
    let survey = try checkpoint(log)
    #expect(survey.records == 20)
    try fill(log, 201...205)
    let (after, report, found) = try open(disk.crashImage(seed: 7), seed: 2)
    #expect(report.checkpoint == .used(entries: 20))
    let numbers = found.values.compactMap { $0.payload.withUnsafeBytes(CrashRecord.number) }
    #expect(numbers.sorted() == (1...20).map { $0 * 10 } + [201, 202, 203, 204, 205])
    #expect(report.bytes < log.bytesUsed / 10)
    // Positions are those of the segments, and every record is still there to be read.
    for (position, record) in found { #expect(try after.record(at: position) == record) }
    var count = 0
    for end in after.vector() { try after.forEachRecord(in: end.name) { _, _, _ in count += 1 } }
    #expect(count == 205)
    var replayed = 0
    try after.replay { _, _, _ in replayed += 1 }
    #expect(replayed == 25)
  }

  /// A disk too small for one is not left full of it.
  @Test func oneThatFindsNoSpaceLeavesNothing() throws {
    let disk = SimulatedDisk()
    let (log, _, _) = try open(disk)
    for number in 1...400 as ClosedRange<UInt64> { try log.append(CrashRecord.datum(number * 10)) }
    try log.commit()
    let used = disk.usedBytes
    disk.resize(capacity: used + 8192)
    var pass = Checkpointer(of: log)
    var budget = Int.max
    #expect(try pass.advance(log, budget: &budget, isDead: isDead)?.records == 400)
    #expect(pass.couldNotStore && !log.hasPendingCheckpoint)
    #expect(disk.usedBytes == used)
    // The same for one that is given up.
    disk.resize(capacity: nil)
    pass = Checkpointer(of: log)
    budget = 5_000
    #expect(try pass.advance(log, budget: &budget, isDead: isDead) == nil)
    pass.abandon(log)
    #expect(disk.usedBytes == used)
  }

  /// The second pass reads the first one's entries and the new records, not the log.
  @Test func aPassCostsWhatLivesAndWhatIsNew() throws {
    let disk = SimulatedDisk()
    let (log, _, _) = try open(disk)
    try fill(log, 1...400)
    _ = try checkpoint(log)
    try fill(log, 401...410)
    var pass = Checkpointer(of: log)
    var budget = Int(log.bytesUsed)
    let before = budget
    let survey = try #require(try pass.advance(log, budget: &budget, isDead: isDead))
    #expect(before - budget < Int(log.bytesUsed) / 4)
    #expect(survey.records == 41)
    try log.commit()
    let (_, report, found) = try open(disk.crashImage(seed: 1), seed: 3)
    #expect(report.checkpoint == .used(entries: 41))
    #expect(found.count == 41)
  }

  @Test func segmentsThatWentByTheRuleDontVoidIt() throws {
    let disk = SimulatedDisk()
    let (log, _, _) = try open(disk)
    try fill(log, 1...100)
    let victim = log.vector()[0].name
    _ = try checkpoint(log)
    let first = try #require(try log.examine([victim], isDead: isDead).first)
    for record in first.uncovered { try log.append(record) }
    try log.commit()
    try log.append(Retirement.retired(victim).record)
    try log.commit()
    try log.delete(try #require(try log.examine([victim], isDead: isDead).first))
    let (_, report, found) = try open(disk.crashImage(seed: 1), seed: 2)
    guard case .used = report.checkpoint else {
      Issue.record("\(report.checkpoint)")
      return
    }
    #expect(!found.keys.contains { $0.segment == victim })
    let live = Set(found.values.compactMap { $0.payload.withUnsafeBytes(CrashRecord.number) })
    #expect(live.isSuperset(of: (1...10).map { $0 * 10 }))
  }

  enum Harm: CaseIterable, Sendable {
    case shorter, missing, otherFrame, cut, emptied, otherNode, newer
  }

  /// B10's other side: each is found, and everything is read from the segments.
  @Test(arguments: Harm.allCases)
  func itIsVoidWhereTheLogIsNotWhatItCounted(_ harm: Harm) throws {
    let disk = SimulatedDisk()
    let (log, _, _) = try open(disk)
    try fill(log, 1...100)
    _ = try checkpoint(log)
    let name = log.vector()[0].name
    let image = disk.killImage()
    try apply(harm, to: image, name, log.end(of: name)?.end.value ?? 0)
    let (after, report, found) = try open(image, seed: 2)
    guard case .void(let fault) = report.checkpoint else {
      Issue.record("\(harm): \(report.checkpoint)")
      return
    }
    switch (harm, fault) {
    case (.shorter, .shorter(name)), (.missing, .missing(name)), (.otherFrame, .differs(name)),
      (.cut, .damaged), (.emptied, .damaged), (.otherNode, .otherLog), (.newer, .newerVersion(2)):
      break
    default: Issue.record("\(harm) was taken for \(fault)")
    }
    #expect(report.description.contains("checkpoint was not used"))
    var held = 0
    for end in after.vector() { held += Int(end.records.value) }
    #expect(found.count == held)
    // The next pass makes a good one.
    _ = try checkpoint(after)
    guard case .used = try open(image.killImage(), seed: 3).report.checkpoint else {
      Issue.record("no new checkpoint after \(harm)")
      return
    }
  }

  private func apply(
    _ harm: Harm, to disk: SimulatedDisk, _ name: SegmentName, _ end: UInt64
  ) throws {
    let segment = "/facts/" + SegmentFileName.file(name)
    let checkpoint = "/facts/" + CheckpointFormat.fileName
    func edit(_ path: String, _ body: (FileHandle) throws -> Void) throws {
      let handle = try disk.open(path, .update)
      defer { disk.close(handle) }
      try body(handle)
    }
    func rewriteHeader(_ change: (UnsafeMutableRawBufferPointer) -> Void) throws {
      try edit(checkpoint) { handle in
        var bytes = [UInt8](repeating: 0, count: CheckpointFormat.headerSize)
        _ = try bytes.withUnsafeMutableBytes { try disk.read(handle, into: $0, at: 0) }
        try bytes.withUnsafeMutableBytes { bytes in
          change(bytes)
          bytes.putLittle(XXH64.hash(UnsafeRawBufferPointer(bytes).part(0..<56)), at: 56)
          try disk.write(handle, UnsafeRawBufferPointer(bytes), at: 0)
        }
      }
    }
    switch harm {
    case .shorter: try edit(segment) { try disk.truncate($0, to: end - 8) }
    case .missing: try disk.remove(segment)
    case .otherFrame: try disk.flip(bit: (end - 20) * 8, of: segment)
    case .cut: try edit(checkpoint) { try disk.truncate($0, to: try disk.size($0) - 1) }
    case .emptied: try edit(checkpoint) { try disk.truncate($0, to: 0) }
    case .otherNode: try rewriteHeader { $0[20] ^= 1 }
    case .newer: try rewriteHeader { $0[8] = 2 }
    }
  }

  /// Every bit of a checkpoint: the flip is found, or changes nothing.
  @Test func everyBitOfItCounts() throws {
    let disk = SimulatedDisk()
    let (log, _, whole) = try open(disk)
    _ = whole
    try fill(log, 1...30)
    _ = try checkpoint(log)
    let good = try open(disk.killImage(), seed: 2).found
    let path = "/facts/" + CheckpointFormat.fileName
    let handle = try disk.open(path, .read)
    let size = try disk.size(handle)
    disk.close(handle)
    var voids = 0
    for bit in 0..<(size * 8) {
      let image = disk.killImage()
      try image.flip(bit: bit, of: path)
      let (_, report, found) = try open(image, seed: 2)
      if case .void = report.checkpoint {
        voids += 1
        #expect(good.allSatisfy { found[$0.key] == $0.value }, "bit \(bit)")
      } else {
        #expect(found == good, "bit \(bit)")
      }
    }
    #expect(voids > Int(size * 8) * 9 / 10)
  }
}
