// The cleaner: victims by what they free for what they write, within bounds under a steady stream,
// and on a log without space.

import Testing

@testable import LogStore

@Suite struct CleanerTests {
  private final class Bench {
    let disk = SimulatedDisk()
    let log: Log
    var drainer: Drainer
    var released: Set<UInt64> = []
    var now: UInt64 = 0
    var deleted: [SegmentName] = []
    var retired: [[SegmentName]] = []

    init(
      capacity: UInt64? = nil, reserve: UInt64 = 0, groupBytes: UInt64 = DrainOptions().groupBytes
    ) throws {
      var options = LogOptions()
      options.segmentLimit = 16 * 1024
      options.frameLimit = 12 * 1024
      options.codec = .none
      options.capacity = capacity
      options.reserve = reserve
      options.reserveKinds = [CrashRecord.release]
      var drain = DrainOptions()
      drain.surveyLeast = 8 * 1024
      drain.idleLeast = 1
      drain.sealLeast = 1024
      drain.stepBytes = 8 * 1024
      drain.groupBytes = groupBytes
      var dice = SplitMix64(seed: 1)
      log = try Log.open(
        "/facts", on: disk, node: NodeID(ID128(high: 1, low: 1)), log: .facts, options: options,
        entropy: &dice
      ) { _, _, _ in }.0
      drainer = Drainer(of: log, drain)
    }

    func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
      let number = CrashRecord.number(payload) ?? 0
      return kind == CrashRecord.datum ? released.contains(number) : kind == CrashRecord.release
    }

    func append(_ numbers: some Sequence<UInt64>) throws {
      for number in numbers { try log.append(CrashRecord.datum(number)) }
      try log.commit()
    }

    func release(_ numbers: some Sequence<UInt64>) throws {
      for number in numbers {
        try log.append(CrashRecord.release(number))
        released.insert(number)
      }
      try log.commit()
    }

    @discardableResult
    func step() throws -> DrainStep {
      let step = try drainer.step(
        log, at: now,
        Drainer.Questions(caughtUp: true, mayRetire: { _ in false }, isDead: isDead))
      deleted += step.deleted
      if !step.retired.isEmpty { retired.append(step.retired) }
      if step.waitsFor != nil || log.hasPendingCheckpoint { try log.commit() }
      return step
    }

    /// Until nothing is left to do, with time passing.
    func rest() throws {
      var idle = 0
      while idle < 20 {
        let step = try step()
        idle = step.hasMore || step.waitsFor != nil ? 0 : idle + 1
        now += 1_000_000_000
      }
    }

    func liveBytes() throws -> UInt64 {
      var seen: Set<UInt64> = []
      var live: UInt64 = 0
      for end in log.vector() {
        try log.forEachRecord(in: end.name) { _, kind, payload in
          guard !kind.isLogStores, !self.isDead(kind, payload) else { return }
          if seen.insert(CrashRecord.key(kind, payload)).inserted {
            live += UInt64(payload.count + Format.recordHeaderSize)
          }
        }
      }
      return live
    }
  }

  @Test func aSteadyStreamNeverFillsTheLog() throws {
    let bench = try Bench(capacity: 512 * 1024, reserve: 64 * 1024)
    var longest: UInt64 = 0
    for number in stride(from: UInt64(0), to: 12_000, by: 10) {
      try bench.append(number..<(number + 10))
      if number >= 100 { try bench.release((number - 100)..<(number - 90)) }
      for _ in 0..<20 { try bench.step() }
      bench.now += 20_000_000
      longest = max(longest, bench.log.bytesUsed)
    }
    // Far more than the log may hold.
    #expect(bench.log.bytesWritten > 10 * 512 * 1024)
    #expect(longest < 300 * 1024)
    try bench.rest()
    let live = try bench.liveBytes()
    #expect(bench.log.bytesUsed < 2 * live + 32 * 1024, "\(live)")
    // It has come to rest.
    let written = bench.log.bytesWritten
    try bench.rest()
    #expect(bench.log.bytesWritten == written)
  }

  /// More lives in a segment than may be held in memory: it is appended again in several rounds.
  @Test func whatLivesIsAppendedAgainWithinABound() throws {
    let bench = try Bench(groupBytes: 1_000)
    try bench.append(0..<2_000)
    try bench.release((0..<2_000).filter { $0 % 3 != 0 })
    let before = try bench.liveBytes()
    var largest = 0
    var idle = 0
    while idle < 20 {
      let step = try bench.step()
      largest = max(largest, step.appended.reduce(0) { $0 + $1.size })
      idle = step.hasMore || step.waitsFor != nil ? 0 : idle + 1
      bench.now += 1_000_000_000
    }
    // What one step reads comes on top.
    #expect(before > 20 * 1_000 && largest > 0 && largest < 10_000, "\(largest)")
    #expect(try bench.liveBytes() == before, "nothing that lives is lost")
    #expect(bench.deleted.count > 5)
    #expect(bench.log.bytesUsed < 2 * before + 48 * 1024)
  }

  @Test func aFullLogIsCleanedOutOfItsReserve() throws {
    let bench = try Bench(capacity: 256 * 1024, reserve: 48 * 1024)
    var number: UInt64 = 0
    var isFull = false
    while !isFull {
      do { try bench.append([number]) } catch LogError.full { isFull = true }
      number += 1
    }
    try bench.rest()
    // Nothing is garbage yet.
    #expect(bench.deleted.isEmpty)
    #expect(throws: LogError.self) { try bench.append([number]) }
    try bench.release((0..<number).filter { $0 % 8 != 0 })
    try bench.rest()
    #expect(!bench.deleted.isEmpty)
    try bench.append((number + 1)..<(number + 40))
    for kept in stride(from: UInt64(0), to: number - 1, by: 8) {
      var found = false
      for end in bench.log.vector() {
        try bench.log.forEachRecord(in: end.name) { _, kind, payload in
          if kind == CrashRecord.datum, CrashRecord.number(payload) == kept { found = true }
        }
      }
      #expect(found, "\(kept)")
    }
  }

  @Test func theSegmentThatGivesMostGoesFirst() throws {
    let bench = try Bench()
    // A segment about every 40 data.
    try bench.append(0..<400)
    let segments = bench.log.vector().map(\.name)
    try #require(segments.count >= 6)
    var members: [SegmentName: [UInt64]] = [:]
    for name in segments {
      try bench.log.forEachRecord(in: name) { _, kind, payload in
        if kind == CrashRecord.datum {
          members[name, default: []].append(CrashRecord.number(payload) ?? 0)
        }
      }
    }
    // Of the second all is garbage, of the fourth two thirds; the third loses too little.
    try bench.release(members[segments[1]] ?? [])
    let fourth = (members[segments[3]] ?? []).sorted {
      CrashRecord.datum($0).payload.count > CrashRecord.datum($1).payload.count
    }
    try bench.release(fourth.prefix(fourth.count * 2 / 3))
    let third = (members[segments[2]] ?? []).sorted {
      CrashRecord.datum($0).payload.count < CrashRecord.datum($1).payload.count
    }
    try bench.release(third.prefix(third.count / 5))
    try bench.rest()
    #expect(bench.retired.first?.contains(segments[1]) == true)
    #expect(bench.deleted.contains(segments[1]) && bench.deleted.contains(segments[3]))
    #expect(!bench.deleted.contains(segments[2]))
    #expect(!bench.deleted.contains(segments[0]))
  }

  @Test func anIdleOpenSegmentOfGarbageIsLeftAndCleaned() throws {
    let bench = try Bench()
    try bench.append(0..<20)
    let open = bench.log.openSegment
    try bench.release(0..<19)
    try bench.rest()
    #expect(bench.log.openSegment != open)
    #expect(bench.deleted.contains(open))
    #expect(bench.log.bytesUsed < 8 * 1024)
  }

  /// Rot in what nobody reads is found, and a start without the checkpoint sets it aside.
  @Test func aScrubFindsRot() throws {
    let bench = try Bench()
    try bench.append(0..<400)
    try bench.rest()
    bench.now += 120_000_000_000
    try bench.rest()
    let name = bench.log.vector()[1].name
    try bench.disk.flip(bit: 8_000 * 8, of: "/facts/" + SegmentFileName.file(name))
    bench.now += 7 * 3_600_000_000_000
    var found: LogError?
    for _ in 0..<2_000 where found == nil {
      do { try bench.step() } catch let error as LogError { found = error }
      bench.now += 100_000_000
    }
    guard case .damaged(let path, _, _)? = found else {
      Issue.record("\(String(describing: found))")
      return
    }
    #expect(path.hasSuffix(SegmentFileName.file(name)))
    bench.log.dropCheckpoint()
    var dice = SplitMix64(seed: 2)
    let report = try Log.open(
      "/facts", on: bench.disk.killImage(), node: bench.log.node, log: .facts, entropy: &dice
    ) { _, _, _ in }.1
    #expect(report.findings.contains { $0.segment == name && $0.decision == .quarantine })
  }

  /// A step reads about what it may, whatever the log holds.
  @Test func aStepReadsLittle() throws {
    let bench = try Bench()
    try bench.append(0..<2_000)
    try bench.release(0..<1_500)
    var steps = 0
    while true {
      let step = try bench.step()
      steps += 1
      if !step.hasMore && step.waitsFor == nil { break }
    }
    #expect(UInt64(steps) * 40 * 1024 > bench.log.bytesWritten)
  }

  /// A survey meets damage: the segment stays, its owner is told at each survey, and the rest is
  /// cleaned as ever.
  @Test func whatCannotBeReadStaysAndIsTold() throws {
    let bench = try Bench()
    try bench.append(0..<2_000)
    let victim = try #require(bench.log.vector().dropFirst().first)
    let path = bench.log.segmentPath(victim.name)
    try bench.disk.flip(bit: (victim.end.value / 2) * 8, of: path)
    try bench.release(0..<2_000)
    var told = 0
    for _ in 0..<400 {
      let step = try bench.step()
      told += step.unsound.count
      #expect(step.unsound.allSatisfy { $0 == victim.name })
      bench.now += 100_000_000
    }
    #expect((1...3).contains(told))
    #expect(bench.log.end(of: victim.name) != nil)
    #expect(bench.deleted.count > 3 && !bench.deleted.contains(victim.name))
  }
}
