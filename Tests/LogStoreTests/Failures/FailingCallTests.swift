import Testing

@testable import LogStore

/// F5, F6, F16: every call to the file system fails once, with every errno.
/// Against I1, I9, I10 and docs/FORMAT.md's table of failures.
struct FailingCallTests {
  static let codes: [Int32] = [
    Errno.inputOutput, Errno.noSpace, Errno.quota, Errno.tooManyFiles, Errno.noMemory,
    Errno.interrupted, Errno.readOnly, Errno.noEntry,
  ]

  @Test(arguments: codes)
  func everyCallFailsOnce(code: Int32) throws {
    let calls = try Self.callsOfAHealthyLife()
    var told: [FailingLife.Told: Int] = [:]
    for call in calls {
      let disk = SimulatedDisk()
      disk.inject(DiskFault(after: call.index, code: code))
      let life = try FailingLife(on: disk)
      life.run()
      for (what, _) in life.told { told[what, default: 0] += 1 }
      let violations = life.violations + Self.contradictions(call, code, life)
      #expect(violations.isEmpty, "\(call), errno \(code)")
      disk.clearFaults()
      try Self.check(life, disk, "\(call), errno \(code)")
    }
    print("failing calls: \(calls.count) with \(errnoText(code)): \(told)")
    #expect(told.values.reduce(0, +) > 50)
  }

  /// The long lives of the crash images, with a call that fails in every start.
  @Test func callsOfLongLivesFail() {
    var dice = SplitMix64(seed: 404)
    var images = 0
    for number in 0..<TestAmount.failingCalls {
      let call = Int(dice.next() % 500)
      let code = Self.codes[number % Self.codes.count]
      var settings = CrashSettings()
      settings.photographsPerBoot = 2
      settings.fault = { _ in DiskFault(after: call, code: code) }
      let life = CrashImageTests.campaign(UInt64(number) << 20 | 5, settings, seeds: 1)
      images += life.images
      #expect(life.violations.isEmpty, "life \(number), call \(call), errno \(code)")
    }
    print("failing calls: \(TestAmount.failingCalls) long lives, \(images) images")
  }

  private static func callsOfAHealthyLife() throws -> [DiskOperation] {
    let disk = SimulatedDisk(keepsLog: true)
    let life = try FailingLife(on: disk)
    let before = disk.operations.count
    life.run()
    try #require(life.violations.isEmpty && life.told.isEmpty, "\(life.violations) \(life.told)")
    try #require(life.durable.count >= 15 && life.archive != nil && life.released.count > 2)
    return Array(disk.operations[before...])
  }

  /// What the table in docs/FORMAT.md says of a call and an errno, against what was told.
  private static func contradictions(
    _ call: DiskOperation, _ code: Int32, _ life: FailingLife
  ) -> [String] {
    let isFull = code == Errno.noSpace || code == Errno.quota
    let kinds = Set(life.told.map(\.what))
    let isChange: Bool =
      switch call.operation {
      case .write, .synchronize, .truncate, .synchronizeDirectory: true
      default: false
      }
    let isOfSegment = call.path.hasSuffix(".seg")
    var found: [String] = []
    if kinds.contains(.poisoned), !isChange { found.append("poisoned by a harmless call") }
    if kinds.contains(.poisoned), call.operation == .write, isFull {
      found.append("poisoned by a full disk")
    }
    if kinds.contains(.full), !isFull { found.append("full without a reason") }
    if isOfSegment, kinds.isEmpty, call.operation == .synchronize {
      found.append("a failed sync was swallowed")
    }
    if isOfSegment, kinds.isEmpty, call.operation == .write, !isFull {
      found.append("a failed write was swallowed")
    }
    return found.map { "\($0): \(life.told)" }
  }

  /// I1 after the death of the process and after power cuts.
  private static func check(_ life: FailingLife, _ disk: SimulatedDisk, _ place: String) throws {
    for image in [disk.killImage(), disk.crashImage(seed: 1)] {
      var dice = SplitMix64(seed: 5)
      var found: Set<UInt64> = []
      var releases: Set<UInt64> = []
      var isWhole = true
      let (log, report) = try Log.open(
        "/n/facts", on: image, node: testNode, log: .facts, options: FailingLife.options,
        entropy: &dice
      ) { _, kind, payload in
        guard let number = CrashRecord.number(payload) else { return }
        if kind == CrashRecord.release { releases.insert(number) }
        guard kind == CrashRecord.datum else { return }
        found.insert(number)
        isWhole =
          isWhole && FailingLife.datum(number).payload.withUnsafeBytes { $0.equals(payload) }
      }
      #expect(life.durable.subtracting(found).isSubset(of: releases), "I1: \(place)")
      #expect(isWhole, "I2: \(place)")
      #expect(report.findings.allSatisfy { !$0.isCorruption }, "I10: \(place)")
      try log.append(FailingLife.datum(1))
      try log.commit()
      guard let id = life.archive else { continue }
      let store = try ArchiveStore.open(
        "/n/archives", on: image, node: testNode, options: FailingLife.options, entropy: &dice
      ).0
      #expect(try store.chunk(0, of: id) == FailingLife.content, "I1: \(place)")
    }
  }
}
