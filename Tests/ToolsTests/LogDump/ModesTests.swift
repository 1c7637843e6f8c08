import RolesCore
import Testing

import class Foundation.FileManager

@testable import LogStore
@testable import rpcv_logdump

/// Filters, statistics, comparison, following and repair, on real directories.
@Suite("Log dump: modes")
struct ModesTests {
  private let hash = Hash256(a: 1, b: 2, c: 3, d: 4)
  private let server = NodeID(ID128(high: 7, low: 7))

  private func call(_ number: UInt64) -> CallName {
    CallName(session: Facts.session, counter: CallCounter(number))
  }

  private func submitted(_ number: UInt64, at time: UInt64) -> Record {
    var spec = CallSpec()
    spec.service = "exec"
    return Record(
      .submitted(Submitted(call: call(number), digest: hash, spec: spec, wallTime: time)))
  }

  private func released(_ first: UInt64, _ last: UInt64) -> Record {
    Record(
      .released(
        Released(session: Facts.session, ranges: [CallCounter(first)...CallCounter(last)])))
  }

  /// Opened, four calls a minute apart, and the release of the first two.
  private func write(_ node: NodeFixture) throws -> SegmentName {
    let owner = try node.lock()
    defer { owner.close() }
    let (log, _) = try node.open(owner.node)
    try log.append(Facts.opened("render"))
    for number in UInt64(1)...4 { try log.append(submitted(number, at: number * 60_000)) }
    try log.append(released(1, 2))
    try log.append(Record(kind: RecordKind(999), payload: [1]))
    try log.commit()
    try log.close()
    return log.openSegment
  }

  private func select(
    _ node: NodeFixture, limit: UInt64? = nil, _ change: (inout RecordFilter) throws -> Void
  ) throws -> [Int] {
    var filter = RecordFilter()
    try change(&filter)
    let printed = Printed()
    var run = try RecordsRun(
      LogPlace.find(node.directory), filter, limit: limit,
      printer: Printer(isJSON: true, to: printed), on: PosixFileSystem(),
      complain: { printed.complaints.append($0) })
    run.run()
    #expect(run.failure == 0)
    #expect(printed.complaints == [])
    return try printed.objects("record").compactMap { $0["ordinal"] as? Int }
  }

  @Test func filtersSelectRecords() throws {
    try NodeFixture.run { node in
      let name = try write(node)
      #expect(try select(node) { _ in } == Array(0...6))
      #expect(try select(node, limit: 2) { _ in } == [0, 1])
      #expect(
        try select(node) { $0.kinds = try RecordFilter.kinds("submitted,24") } == [1, 2, 3, 4, 5])
      #expect(try select(node) { $0.calls = [try CallPattern("2")] } == [2, 5])
      #expect(try select(node) { $0.calls = [try CallPattern("3-9")] } == [3, 4])
      #expect(try select(node) { $0.calls = [try CallPattern("aaaaaaaa/bbbbbbbb/4")] } == [4])
      #expect(try select(node) { $0.calls = [try CallPattern("other/4")] } == [])
      #expect(try select(node) { $0.sessions = [SessionPattern("bbbbbbbb")] } == Array(0...5))
      #expect(try select(node) { $0.segments = [SegmentPattern("\(name)")] }.count == 7)
      #expect(try select(node) { $0.segments = [SegmentPattern("\(name.nonce)")] }.count == 7)
      #expect(try select(node) { $0.segments = [SegmentPattern("feed")] } == [])
      // What tells no time was appended after what does.
      #expect(try select(node) { $0.since = .time(180_000) } == [3, 4, 5, 6])
      #expect(
        try select(node) { $0.since = .position(SegmentPattern("\(name)"), Ordinal(5)) } == [5, 6])
      #expect(
        try select(node) {
          $0.since = .time(120_000)
          $0.calls = [try CallPattern("1-2")]
          $0.kinds = [.submitted]
        } == [2])
      #expect(throws: Denial.self) {
        try select(node) { $0.since = .position(SegmentPattern("feed"), .zero) }
      }
    }
  }

  @Test func wordsOfTheCommandLine() throws {
    #expect(throws: Denial.self) { try RecordFilter.kinds("submited") }
    #expect(throws: Denial.self) { try CallPattern("9-7") }
    #expect(throws: Denial.self) { try CallPattern("x/") }
    #expect(throws: Denial.self) { try RecordFilter.since("yesterday", now: 0) }
    #expect(try RecordFilter.since("1h30m", now: 6_000_000) == .time(600_000))
    #expect(try RecordFilter.since("1970-01-02", now: 0) == .time(86_400_000))
    #expect(try RecordFilter.since("2024-02-29T00:00:00Z", now: 0) == .time(1_709_164_800_000))
    #expect(UTCTime("2023-02-29") == nil)
    #expect(UTCTime("2023-02-28T24:00") == nil)
    #expect(Quantity.bytes(1536) == "1.5 KiB")
    #expect(Quantity.age(milliseconds: 90_061_000) == "1d 1h")
    #expect(Quantity.duration("5") == nil)
  }

  /// The same live and dead bytes as the engine's examination of the same segment.
  @Test func statisticsAgreeWithTheCleaner() throws {
    try NodeFixture.run { node in
      let name = try write(node)
      var ledger = Ledger()
      let owner = try node.lock()
      defer { owner.close() }
      let (log, _) = try node.open(owner.node)
      var records: [Record] = []
      try log.forEachRecord(in: name) {
        records.append(Record(kind: $1, payload: [UInt8]($2)))
      }
      _ = ledger.fold(
        FactBatch(segment: name, firstOrdinal: .zero, records: records, sequence: .zero))
      let examined = try #require(
        try log.examine([name], isDead: { ledger.isDeadForEver($0, $1) }).first)
      #expect(examined.deadBytes > 0)
      var statistics = Statistics(on: PosixFileSystem())
      let places = try LogPlace.find(node.directory)
      try statistics.gather(places, facts: Session.facts(for: places))
      #expect(statistics.total.dead == examined.deadBytes)
      #expect(statistics.total.live == examined.liveBytes)
      #expect(statistics.kinds[.submitted]?.records == 4)
      #expect(statistics.weights.oldest == 60_000)
      #expect(statistics.weights.newest == 240_000)
      #expect(statistics.sessions.map(\.session) == ["render", ""])
      // A second copy of a live record, later in the order of names, covers the first.
      let live = submitted(3, at: 180_000)
      try log.append(live)
      try log.close()
      var later = Statistics(on: PosixFileSystem())
      try later.gather(places, facts: Session.facts(for: places))
      #expect(later.total.covered == UInt64(live.payload.count + 6))
      #expect(later.segments.first?.tally.covered == later.total.covered)
      #expect(later.total.dead == examined.deadBytes)
    }
  }

  private func compare(
    _ a: NodeFixture, _ b: NodeFixture, portion: Int = 2
  ) throws -> (Comparison, [String]) {
    var comparison = Comparison(on: PosixFileSystem())
    comparison.portion = portion
    var emitted: [String] = []
    for (a, b) in Session.pairs(try LogPlace.find(a.directory), try LogPlace.find(b.directory)) {
      try comparison.compare(a, b, RecordFilter()) { side, position, _, _ in
        emitted.append("\(side.mark)\(position.ordinal)")
      }
    }
    return (comparison, emitted)
  }

  @Test func comparisonFindsWhatOneSideLacks() throws {
    try NodeFixture.run { a in
      let name = try a.writeFiveFrames()
      try NodeFixture.run { b in
        let bytes = try a.bytes(a.path(name))
        let file = b.facts + "/" + name.fileName
        try PosixFileSystem().makeDirectory(b.facts)
        b.write(bytes, to: file)
        var (found, emitted) = try compare(a, b)
        #expect(!found.isDifferent)
        // B has three frames of it.
        let frames = try Printed.dump(a.directory, json: true).objects("frame")
        let third = try #require(frames[3]["offset"] as? Int)
        b.write(Array(bytes[..<third]), to: file)
        (found, emitted) = try compare(a, b)
        #expect(found.pairs.map(\.difference) == [.longerA])
        #expect(emitted == ["<3", "<4"])
        (found, emitted) = try compare(b, a)
        #expect(found.pairs.map(\.difference) == [.longerB])
        #expect(emitted == [">3", ">4"])
        // A record that B has in another segment is not lacking.
        let owner = try b.lock()
        defer { owner.close() }
        let (log, _) = try b.open(owner.node)
        try log.append(Facts.opened("session 4"))
        try log.append(Facts.opened("session 6"))
        try log.close()
        (found, emitted) = try compare(a, b)
        #expect(found.pairs.map(\.difference).contains(.onlyB))
        #expect(emitted == ["<4", ">1"])
        #expect(found.lacking == [.a: 1, .b: 1])
      }
    }
  }

  @Test func followingShowsWhatComes() throws {
    try NodeFixture.run { node in
      _ = try node.writeFiveFrames()
      let owner = try node.lock()
      defer { owner.close() }
      let (log, _) = try node.open(owner.node) { $0.segmentLimit = 2048 }
      let printed = Printed()
      var follower = try Follower(
        LogPlace.find(node.directory), RecordFilter(), limit: 42, skipping: true,
        printer: Printer(isJSON: true, to: printed), on: PosixFileSystem(),
        complain: { printed.complaints.append($0) })
      try follower.look()
      #expect(printed.lines == [])
      for number in UInt64(1)...40 {
        try log.append(submitted(number, at: number))
        try log.write()
        try follower.look()
        #expect(printed.lines.count == Int(number))
      }
      #expect(log.openSegment.serial.value > 3)
      #expect(!follower.isDone)
      try log.append(
        RecordBatch([submitted(41, at: 1), submitted(42, at: 1), submitted(43, at: 1)]))
      try log.commit()
      try follower.look()
      #expect(follower.isDone)
      #expect(printed.lines.count == 42)
      #expect(printed.complaints == [])
      #expect(
        try printed.objects("record").compactMap { $0["call"] as? Int } == Array(1...42))
    }
  }

  /// A directory with a corrupt segment and a torn one.
  private func damage(_ node: NodeFixture) throws -> (corrupt: SegmentName, original: [UInt8]) {
    let name = try node.writeFiveFrames()
    let path = try node.path(name)
    let original = try node.bytes(path)
    var bytes = original
    let frames = try Printed.dump(path, json: true).objects("frame")
    bytes[try #require(frames[2]["offset"] as? Int) + 90] ^= 4
    node.write(bytes, to: path)
    return (name, original)
  }

  @Test func aDryRunTellsWhatARepairDoes() throws {
    try NodeFixture.run { node in
      let (name, _) = try damage(node)
      let before = try node.everything()
      var told = Repair(node.directory, .dryRun, on: PosixFileSystem())
      try told.run()
      #expect(try node.everything() == before)
      #expect(told.status == Status.damaged)
      let target = node.directory + ".repaired"
      defer { try? FileManager.default.removeItem(atPath: target) }
      var done = Repair(node.directory, .into(target), on: PosixFileSystem())
      try done.run()
      #expect(try node.everything() == before)
      #expect(done.status == Status.damaged)
      #expect(done.findings.map(\.decision) == [.quarantine])
      #expect(done.findings.first?.kept == "\(target)/facts/\(name.fileName).damaged")
      var expected = done.findings
      for index in expected.indices { expected[index].kept = nil }
      #expect(told.findings == expected)
      // Two records before the damage, two of the three frames behind it hold one each.
      #expect(done.findings.first?.salvagedRecords == 2)
      let kept = try Printed.dump(target, json: true).objects("record")
      #expect(kept.count == 4)
      #expect(throws: Denial.self) { try done.run() }
    }
  }

  @Test func aRepairInPlaceKeepsACopy() throws {
    try NodeFixture.run { node in
      let (name, _) = try damage(node)
      let bytes = try node.bytes(node.path(name))
      let backup = node.directory + ".backup"
      defer { try? FileManager.default.removeItem(atPath: backup) }
      var repair = Repair(node.directory, .inPlace(backup: backup), on: PosixFileSystem())
      try repair.run()
      #expect(try node.bytes("\(backup)/facts/\(name.fileName)") == bytes)
      #expect(try node.bytes("\(node.facts)/\(name.fileName).damaged") == bytes)
      #expect(try Printed.dump(node.directory, json: true).objects("record").count == 4)
      // What waits for another node is told again, and nothing more is done.
      var again = Repair(node.directory, .dryRun, on: PosixFileSystem())
      try again.run()
      #expect(again.unhealed == [name])
      #expect(again.status == Status.damaged)
    }
  }

  @Test func aDirectoryInUseIsNotRepaired() throws {
    try NodeFixture.run { node in
      _ = try node.writeFiveFrames()
      let owner = try node.lock()
      defer { owner.close() }
      for target in [Repair.Target.dryRun, .into(node.directory + ".x")] {
        var repair = Repair(node.directory, target, on: PosixFileSystem())
        let refusal = #expect(throws: Denial.self) { try repair.run() }
        #expect(refusal?.status == Status.inUse)
      }
      #expect(!FileManager.default.fileExists(atPath: node.directory + ".x.partial"))
    }
  }
}
