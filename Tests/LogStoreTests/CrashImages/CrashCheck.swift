// Recovers crash images and holds what is found against the truth: I1, I2, I4 and I10, batches
// whole or absent, serials never twice, and the same again for a crash inside that very recovery.

@testable import LogStore

func openLog(
  _ disk: SimulatedDisk, _ directory: String, _ node: NodeID, _ bugs: PlantedBugs,
  _ dice: inout SplitMix64, _ visit: Log.Visit
) throws -> (Log, RecoveryReport) {
  try Log.open(
    directory, on: disk, node: node, log: .facts, options: CrashWorkload.options(bugs),
    entropy: &dice, visit: visit)
}

extension RecoveryReport.Finding {
  /// What a crash alone can never cause.
  var isCorruption: Bool {
    switch decision {
    case .quarantine, .awaitHealing: true
    case .keep, .trim, .cutTornTail, .cutAndFetch, .discard: false
    }
  }
}

struct CrashCheck {
  private var truth: CrashTruth
  let bugs: PlantedBugs
  private(set) var images = 0
  /// Recoveries that went by a checkpoint.
  private(set) var checkpointsUsed = 0
  /// Why checkpoints were not used.
  private(set) var voids: [String: Int] = [:]
  private(set) var violations: [String] = []
  private var dice = SplitMix64(seed: 0)
  private var place = ""

  /// What a recovery found.
  private struct Found {
    /// What it visited, and what the segments hold.
    var visited: [SegmentName: [(ordinal: Int, key: UInt64)]] = [:]
    var records: [SegmentName: [UInt64]] = [:]
    var keys: Set<UInt64> = []
    var usesCheckpoint = false
  }

  init(_ truth: CrashTruth, _ bugs: PlantedBugs) {
    self.truth = truth
    self.bugs = bugs
  }

  /// Takes an image of `disk` with this seed, recovers and checks it. Some images crash again
  /// while they recover.
  mutating func check(_ disk: SimulatedDisk, at moment: Moment, seed: UInt64, depth: Int = 0) {
    images += 1
    dice = SplitMix64(seed: seed)
    place = "image \(seed) of \(moment), depth \(depth)"
    let image = disk.crashImage(seed: seed)
    let crashesAgain = depth < 2 && dice.next() % 4 == 0
    if crashesAgain { image.photograph(beforeOperations: [Int(dice.next() % 60)]) }
    var photographs: [(operation: Int, disk: SimulatedDisk)] = []
    do {
      try checkRecovered(image, moment) { photographs = image.takePhotographs() }
    } catch {
      violate("I10: recovery failed: \(error)")
    }
    for (operation, photograph) in photographs {
      check(photograph, at: moment, seed: mix(seed, UInt64(operation)), depth: depth + 1)
    }
  }

  private mutating func violate(_ text: String) { violations.append("\(place): \(text)") }

  private mutating func checkRecovered(
    _ image: SimulatedDisk, _ moment: Moment, onRecovered: () -> Void
  ) throws {
    var (log, report, found) = try recover(image)
    onRecovered()
    for finding in report.findings where finding.isCorruption {
      violate("I10: a crash was taken for corruption: \(finding)")
    }
    checkRecords(found, moment)
    checkCheckpoint(found, log)
    checkSegments(log, found, moment)
    guard dice.next() % 3 == 0 else { return }
    // A record more, and a second recovery finds all of it again.
    let record = CrashRecord.datum(UInt64.max)
    let appended = try log.append(record)
    if appended.first.ordinal != .zero { violate("I2: an old segment is written to again") }
    try log.commit()
    found.records[appended.first.segment, default: []].append(CrashRecord.key(record))
    truth.note(record)
    found.keys.insert(CrashRecord.key(record))
    place += ", second recovery"
    let again = dice.next() % 2 == 0 ? image.killImage() : image.crashImage(seed: dice.next())
    let second = try recover(again)
    log = second.log
    if live(second.found.keys, log) != live(found.keys, log)
      || second.found.records != found.records
    {
      violate("I1: the second recovery finds something else")
    }
    for finding in second.report.incidents { violate("I1: not settled: \(finding)") }
  }

  private mutating func recover(
    _ image: SimulatedDisk
  ) throws -> (log: Log, report: RecoveryReport, found: Found) {
    var found = Found()
    var isInOrder = true
    let (log, report) = try openLog(
      image, CrashWorkload.directory, CrashWorkload.node, bugs, &dice
    ) { position, kind, payload in
      let key = CrashRecord.key(kind, payload)
      found.keys.insert(key)
      let ordinal = Int(position.ordinal.value)
      if let last = found.visited[position.segment]?.last, ordinal <= last.ordinal {
        isInOrder = false
      }
      found.visited[position.segment, default: []].append((ordinal, key))
    }
    if !isInOrder { violate("I2: records came out of order") }
    if case .void(let fault) = report.checkpoint { voids["\(fault)", default: 0] += 1 }
    if case .used = report.checkpoint {
      found.usesCheckpoint = true
      checkpointsUsed += 1
    }
    for end in log.vector() {
      try log.forEachRecord(in: end.name) { position, kind, payload in
        found.records[position.segment, default: []].append(CrashRecord.key(kind, payload))
      }
    }
    return (log, report, found)
  }

  /// Keys of what is not released, without LogStore's own records that floors cover.
  private func live(_ keys: Set<UInt64>, _ log: Log) -> Set<UInt64> {
    keys.filter { key in
      guard truth.isDatumOrRelease(key) else { return false }
      return truth.releases[key].map { !keys.contains($0) } ?? true
    }
  }

  /// I3: what a recovery visits is what the segments hold, less at most what is dead for ever.
  private mutating func checkCheckpoint(_ found: Found, _ log: Log) {
    var onDisk: Set<UInt64> = []
    for (segment, keys) in found.records {
      onDisk.formUnion(keys)
      let visited = found.visited[segment] ?? []
      if !found.usesCheckpoint, visited.count != keys.count {
        violate("I2: \(visited.count) records of \(segment) came, \(keys.count) are there")
      }
      for (ordinal, key) in visited where ordinal >= keys.count || keys[ordinal] != key {
        violate("I3: what came as \(segment)#\(ordinal) does not stand there")
        break
      }
    }
    for segment in found.visited.keys where found.records[segment] == nil {
      violate("I3: records of \(segment) came, which is not held")
    }
    if live(onDisk, log) != live(found.keys, log) {
      violate("I3: a checkpoint gives other live records than a replay")
    }
  }

  /// What was acknowledged is there; what is there was written.
  private mutating func checkRecords(_ found: Found, _ moment: Moment) {
    for (key, since) in truth.acknowledged where since <= moment && !found.keys.contains(key) {
      if let release = truth.releases[key], found.keys.contains(release) { continue }
      violate("I1: a record acknowledged at \(since) is gone")
      break
    }
    for (segment, keys) in found.records {
      let written = truth.records[segment] ?? []
      if keys.count > written.count || keys[...] != written[..<keys.count] {
        violate("I2: \(segment) holds records that its writer never wrote")
      }
    }
    for batch in truth.batches {
      let count = found.records[batch.segment]?.count ?? 0
      if count > batch.first, count < batch.first + batch.count {
        violate("a batch of \(batch.count) records at \(batch.segment)#\(batch.first) is torn")
      }
    }
  }

  private mutating func checkSegments(_ log: Log, _ found: Found, _ moment: Moment) {
    for end in log.vector() {
      let bytes = (try? log.read(end.name, from: .zero, maxBytes: Int(end.end.value))) ?? []
      if UInt64(bytes.count) != end.end.value {
        violate("I2: \(end.name) can't be read up to its end")
      }
      if !truth.agrees(bytes, with: end.name) {
        violate("I2: \(end.name) differs from its writer's")
      }
      if end.durableEnd != end.end { violate("I1: \(end.name) was recovered but is not durable") }
      if Int(end.records.value) != found.records[end.name]?.count ?? 0 {
        violate("I2: \(end.name) tells another number of records")
      }
    }
    for (since, serial) in truth.visible where since <= moment && serial >= log.openSegment.serial {
      violate("I2: serial \(log.openSegment.serial) again, \(serial) was seen at \(since)")
    }
    for deletion in truth.deletions {
      guard let done = deletion.done, done <= moment else { continue }
      if log.end(of: deletion.segment) != nil { violate("I4: \(deletion.segment) came back") }
    }
  }
}
