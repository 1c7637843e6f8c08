// A seeded life of one node's log: batches, commits, rolls, another writer's segments by ingest,
// releases, retirement and drain in every careful and careless order, restarts by kill, power cut
// and orderly close. Photographs of the disk are taken at random operations on the way.

@testable import LogStore

struct CrashSettings {
  var steps = 60
  var boots = 3
  var photographsPerBoot = 12
  var bugs: PlantedBugs = []
  /// A fault of the disk in each boot, struck at a random operation.
  var fault: (@Sendable (inout SplitMix64) -> DiskFault)?
  /// Every restart is the death of the process alone.
  var onlyKills = false
}

final class CrashWorkload {
  static let node = NodeID(ID128(high: 1, low: 1))
  static let writer = NodeID(ID128(high: 2, low: 2))
  static let directory = "/n/facts"

  let seed: UInt64
  let settings: CrashSettings
  var dice: SplitMix64
  var truth = CrashTruth(node: CrashWorkload.node)
  var violations: [String] = []
  /// Photographs of all boots: when, and the disk then.
  var photographs: [(moment: Moment, disk: SimulatedDisk)] = []
  /// The most operations in one boot, for callers who inject a fault at each.
  private(set) var operations = 0
  /// Typed errors that were met.
  private(set) var refusals = 0

  private(set) var disk = SimulatedDisk()
  private var log: Log?
  var drainer: Drainer?
  var checkpoints = 0
  var cleaned = 0
  private var boot = 0
  private let foreignDisk = SimulatedDisk()
  private var foreign: Log?
  private var nextNumber: UInt64 = 1
  /// What this node's log holds, as it learned it.
  private var released: Set<UInt64> = []
  /// Own batches of this boot that are not acknowledged yet.
  private var waiting: [(sequence: LogSequence, keys: [UInt64])] = []

  init(seed: UInt64, _ settings: CrashSettings) {
    self.seed = seed
    self.settings = settings
    dice = SplitMix64(seed: seed)
  }

  var moment: Moment { Moment(boot: boot, operation: disk.operationCount) }

  static func options(_ bugs: PlantedBugs) -> LogOptions {
    var options = LogOptions()
    options.segmentLimit = 64 * 1024
    options.frameLimit = 32 * 1024
    options.recordLimit = 16 * 1024
    options.reserve = 0
    options.plantedBugs = bugs
    return options
  }

  func violate(_ text: String) {
    violations.append("seed \(seed), \(moment): \(text)")
  }

  // MARK: - The life

  func run() {
    do {
      foreign = try openLog(foreignDisk, "/m/facts", Self.writer, [], &dice) { _, _, _ in }.0
      for index in 0..<settings.boots {
        boot = index
        try live()
        collectPhotographs()
        if index + 1 < settings.boots { try restart() }
      }
    } catch {
      violate("the workload itself failed: \(error)")
    }
  }

  private func live() throws {
    photographAtRandom()
    if let fault = settings.fault { disk.inject(fault(&dice)) }
    do {
      try recover()
      for _ in 0..<settings.steps {
        do { try step() } catch let error as LogError {
          refusals += 1
          switch error {
          case .poisoned, .io: throw error
          default: break
          }
        }
      }
    } catch let error as LogError {
      refusals += 1
      guard settings.fault != nil else { throw error }
    }
    operations = max(operations, disk.operationCount)
    waiting = []
  }

  private func photographAtRandom() {
    var at = 0
    let spacing = UInt64(max(2, settings.steps * 8 / settings.photographsPerBoot))
    disk.photograph(
      beforeOperations: (0..<settings.photographsPerBoot).map { _ in
        at += Int(dice.next() % spacing)
        return at
      })
  }

  private func collectPhotographs() {
    for (operation, disk) in disk.takePhotographs() {
      photographs.append((Moment(boot: boot, operation: operation), disk))
    }
    photographs.append((moment, disk.killImage()))
  }

  private func restart() throws {
    let how = settings.onlyKills ? 0 : dice.next() % 4
    if how == 1 { try? log?.close() }
    log = nil
    disk = how >= 2 ? disk.crashImage(seed: dice.next()) : disk.killImage()
  }

  private func recover() throws {
    released = []
    var found: [UInt64] = []
    let (opened, report) = try openLog(
      disk, Self.directory, Self.node, settings.bugs, &dice
    ) { _, kind, payload in
      found.append(CrashRecord.key(kind, payload))
      self.learn(kind, payload)
    }
    log = opened
    drainer = Drainer(of: opened, Self.drainOptions)
    for finding in report.findings where finding.isCorruption {
      violate("I10: a crash was taken for corruption: \(finding)")
    }
    // Whatever recovery shows is durable, and the vector says so.
    for key in found { truth.acknowledge(key, at: moment) }
  }

  func learn(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    if kind == CrashRecord.release, let number = CrashRecord.number(payload) {
      released.insert(number)
    }
  }

  func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    kind == CrashRecord.datum && CrashRecord.number(payload).map(released.contains) == true
  }

  // MARK: - Steps

  private func step() throws {
    guard let log else { return }
    switch dice.next() % 100 {
    case 0..<38: try append(log)
    case 38..<50: try log.write()
    case 50..<62: try commit(log)
    case 62..<84: try exchange(log)
    case 84..<87: try log.idle()
    case 87..<89: log.seal()
    case 89..<91: try retireOne(log)
    case 91..<93: try drainCarelessly(log)
    case 93..<98: try clean(log)
    default: try heal(log)
    }
    observe(log)
  }

  /// Others read what is written (they may be sent it), and hear what is durable.
  private func observe(_ log: Log) {
    acknowledgeOwn(log)
    for end in log.vector() {
      let known = truth.bytes[end.name]?.count ?? 0
      if end.end.value > UInt64(known), dice.next() % 4 != 0 { see(log, end.name, from: known) }
      guard end.name.node != Self.node, let keys = truth.records[end.name] else { continue }
      for key in keys.prefix(Int(end.durableRecords.value)) { truth.acknowledge(key, at: moment) }
    }
  }

  func see(_ log: Log, _ name: SegmentName, from known: Int) {
    guard let end = log.end(of: name), end.end.value > UInt64(known) else { return }
    let new: [UInt8]
    do throws(LogError) {
      new = try log.read(name, from: Offset(UInt64(known)), maxBytes: Int(end.end.value))
    } catch {
      if settings.fault != nil, case .io = error {
        refusals += 1
        return
      }
      return violate("I2: \(name) can't be read from \(known): \(error)")
    }
    if !truth.see(new, of: name, at: known, moment) {
      violate("I2: \(name) changed under its readers")
    }
  }

  private func acknowledgeOwn(_ log: Log) {
    let durable = log.durable
    while let first = waiting.first, first.sequence <= durable {
      waiting.removeFirst()
      for key in first.keys { truth.acknowledge(key, at: moment) }
    }
  }

  private func append(_ log: Log) throws {
    var batch: [Record] = []
    for _ in 0..<(1 + dice.next() % 6) {
      if dice.next() % 10 == 0, nextNumber > 3 {
        batch.append(CrashRecord.release(1 + dice.next() % (nextNumber - 1)))
      } else {
        batch.append(CrashRecord.datum(nextNumber))
        nextNumber += 1
      }
    }
    try append(batch, to: log)
  }

  private func append(_ batch: [Record], to log: Log) throws {
    var open = RecordBatch()
    var records: [Record] = []
    func flush() throws {
      guard !open.isEmpty else { return }
      let appended = try log.append(open)
      noteOwn(records, appended.first, appended.sequence)
      open.removeAll()
      records = []
    }
    for record in batch {
      if open.size + record.payload.count + 6 > 30_000 { try flush() }
      open.append(record)
      records.append(record)
    }
    try flush()
  }

  func noteOwn(_ records: [Record], _ first: Position, _ sequence: LogSequence) {
    truth.appended(records, at: first)
    waiting.append((sequence, records.map(CrashRecord.key)))
    for record in records { record.payload.withUnsafeBytes { learn(record.kind, $0) } }
  }

  func commit(_ log: Log) throws {
    defer { acknowledgeOwn(log) }
    try log.commit()
  }

  // MARK: - The other writer

  private func exchange(_ log: Log) throws {
    guard let foreign else { return }
    for _ in 0..<(dice.next() % 4) {
      var batch: [Record] = []
      for _ in 0..<(1 + dice.next() % 5) {
        batch.append(CrashRecord.datum(nextNumber))
        nextNumber += 1
      }
      if dice.next() % 12 == 0 { batch.append(CrashRecord.release(1 + dice.next() % nextNumber)) }
      if dice.next() % 10 == 0 { batch += retirementFromAfar(log) }
      appendForeign(batch, foreign)
      if dice.next() % 2 == 0 { try foreign.commit() } else { try foreign.write() }
      if dice.next() % 20 == 0 { foreign.seal() }
    }
    for end in foreign.vector() {
      let held = log.end(of: end.name)?.end.value ?? 0
      if end.end.value > held, dice.next() % 4 != 0 { try ship(end.name, from: foreign, to: log) }
    }
  }

  /// Somebody else says that a segment may go; mostly it isn't covered here.
  private func retirementFromAfar(_ log: Log) -> [Record] {
    let names = log.vector().map(\.name).filter { $0 != log.openSegment }
    guard !names.isEmpty else { return [] }
    return [Retirement.retired(names[Int(dice.next() % UInt64(names.count))]).record]
  }

  private func appendForeign(_ batch: [Record], _ foreign: Log) {
    guard let appended = try? foreign.append(RecordBatch(batch)) else {
      return violate("the foreign writer can't append")
    }
    truth.appended(batch, at: appended.first)
  }

  private func ship(_ name: SegmentName, from foreign: Log, to log: Log) throws {
    let end = log.end(of: name)?.end ?? .zero
    // Now and then from the start again: what is known is skipped.
    let start = dice.next() % 8 == 0 ? Offset.zero : end
    let size = Int(dice.next() % 40_000)
    let bytes = try foreign.read(name, from: start, maxBytes: size)
    if !truth.see(bytes, of: name, at: Int(start.value), moment) {
      violate("I2: the foreign writer's bytes changed")
    }
    try ingest(bytes, of: name, at: start, log)
  }

  private func ingest(
    _ bytes: [UInt8], of name: SegmentName, at start: Offset, _ log: Log
  ) throws {
    do {
      try bytes.withUnsafeBytes { bytes in
        _ = try log.ingest(name, at: start, bytes) { _, kind, payload in
          self.learn(kind, payload)
        }
      }
    } catch let error as IngestError {
      refusals += 1
      switch error {
      case .retired: break
      case .log(let error): throw error
      default: violate("I2: an honest offer of \(name) from \(start) is refused: \(error)")
      }
    }
  }

  /// What this node lost of its own older segments comes back from those who hold more.
  private func heal(_ log: Log) throws {
    for name in truth.bytes.keys.sorted() where name.node == Self.node {
      let held = log.end(of: name)?.end.value ?? 0
      let known = truth.bytes[name] ?? []
      guard name.serial < log.openSegment.serial, UInt64(known.count) > held else { continue }
      // A segment of this boot is here as a whole.
      if records(of: name, arePartOf: log) { continue }
      try ingest(Array(known[Int(held)...]), of: name, at: Offset(held), log)
    }
  }

  private func records(of name: SegmentName, arePartOf log: Log) -> Bool {
    log.end(of: name).map { $0.end.value >= UInt64(truth.bytes[name]?.count ?? 0) } ?? false
  }

  // MARK: - Retirement

  private func candidate(_ log: Log) -> SegmentName? {
    let names = log.vector().map(\.name).filter { $0 != log.openSegment }
    return names.isEmpty ? nil : names[Int(dice.next() % UInt64(names.count))]
  }

  /// By the rule: cover, durable, licence, durable, check, delete.
  private func retireOne(_ log: Log) throws {
    guard let name = candidate(log), log.isComplete(name) == true else { return }
    for examination in try log.examine([name], isDead: isDead) {
      try append(examination.uncovered, to: log)
    }
    try commit(log)
    try append([Retirement.retired(name).record], to: log)
    try commit(log)
    try deleteIfDrained(name, log)
  }

  /// Without one of the steps: the log must refuse whatever isn't safe.
  private func drainCarelessly(_ log: Log) throws {
    guard let name = candidate(log) else { return }
    let how = dice.next() % 4
    if how < 2 {
      for examination in try log.examine([name], isDead: isDead) {
        try append(examination.uncovered, to: log)
      }
      if how == 0 { try log.write() }
    }
    if how < 3 { try append([Retirement.retired(name).record], to: log) }
    if dice.next() % 2 == 0 { try log.write() }
    try deleteIfDrained(name, log)
  }

  private func deleteIfDrained(_ name: SegmentName, _ log: Log) throws {
    for examination in try log.examine([name], isDead: isDead) {
      see(log, name, from: truth.bytes[name]?.count ?? 0)
      truth.beginDeletion(of: name, at: moment)
      do {
        try log.delete(examination)
        truth.endDeletion(at: moment)
      } catch {
        if case .notDrained = error { truth.endDeletion(at: nil) }
        throw error
      }
    }
  }
}
