// One node of the drain tests: a log and its drainer on a simulated disk, with a release as the
// only thing that makes a record dead. Every deletion is checked against I4, every recovery
// against I1.

import Testing

@testable import LogStore

final class DrainNode {
  let id: NodeID
  let directory = "/facts"
  var options: LogOptions
  var drainOptions = DrainOptions()
  private(set) var disk = SimulatedDisk()
  private(set) var log: Log
  private(set) var drainer: Drainer
  private(set) var violations: [String] = []
  /// All that a drainer appended here so far.
  private(set) var appendedByDrain = 0
  private(set) var deleted: [SegmentName] = []
  private(set) var lastStep = DrainStep()
  var isCaughtUp = true
  /// The removed nodes that this one adopts.
  var adopts: Set<NodeID> = []

  private var released: Set<UInt64> = []
  /// Records that are durable here, by key.
  private var acknowledged: [UInt64: Record] = [:]
  private var dice: SplitMix64

  init(_ number: UInt64, options: LogOptions, drain: DrainOptions = DrainOptions()) throws {
    id = NodeID(ID128(high: number, low: number))
    self.options = options
    drainOptions = drain
    dice = SplitMix64(seed: number)
    log = try Self.open(disk, directory, id, options, &dice) { _, _, _ in }
    drainer = Drainer(of: log, drain)
  }

  private static func open(
    _ disk: SimulatedDisk, _ directory: String, _ id: NodeID, _ options: LogOptions,
    _ dice: inout SplitMix64, knownSerial: Serial? = nil, visit: Log.Visit
  ) throws -> Log {
    try Log.open(
      directory, on: disk, node: id, log: .facts, options: options, entropy: &dice,
      knownSerial: knownSerial, visit: visit
    ).0
  }

  static func options() -> LogOptions {
    var options = LogOptions()
    options.segmentLimit = 16 * 1024
    options.frameLimit = 16 * 1024
    options.recordLimit = 10 * 1024
    options.reserve = 0
    return options
  }

  // MARK: - Life

  /// Starts again: on the disk as it is, or on the image of a power cut.
  func restart(crash seed: UInt64? = nil, knownSerial: Serial? = nil) throws {
    disk = seed.map(disk.crashImage(seed:)) ?? disk.killImage()
    released = []
    var found: [UInt64: Record] = [:]
    log = try Self.open(disk, directory, id, options, &dice, knownSerial: knownSerial) {
      _, kind, payload in
      self.learn(kind, payload)
      found[CrashRecord.key(kind, payload)] = Record(kind: kind, payload: [UInt8](payload))
    }
    // A release that was found, or a floor, makes up for what is not there.
    let lost = acknowledged.filter { found[$0.key] == nil && !isGone($0.value) }
    if let first = lost.values.first {
      violations.append("I1: \(lost.count) durable records of \(id) are gone: \(first.kind)")
    }
    acknowledged.merge(found) { known, _ in known }
    drainer = Drainer(of: log, drainOptions)
  }

  func append(_ records: [Record]) throws {
    guard !records.isEmpty else { return }
    try log.append(RecordBatch(records))
    for record in records { record.payload.withUnsafeBytes { learn(record.kind, $0) } }
  }

  func appendData(_ numbers: some Sequence<UInt64>) throws {
    for number in numbers { try append([CrashRecord.datum(number)]) }
  }

  func commit() throws {
    try log.commit()
    for records in try durableRecords().values {
      acknowledged.merge(records) { known, _ in known }
    }
  }

  private func learn(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    if kind == CrashRecord.release, let number = CrashRecord.number(payload) {
      released.insert(number)
    }
  }

  private func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    kind == CrashRecord.datum && CrashRecord.number(payload).map(released.contains) == true
  }

  /// Whether a record is dead for ever by what the log holds.
  private func isGone(_ record: Record) -> Bool {
    record.payload.withUnsafeBytes { isGone(record.kind, $0) }
  }

  private func isGone(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    kind.isLogStores ? log.retirements.isDeadForEver(kind, payload) : isDead(kind, payload)
  }

  /// Gives `other` what it lacks of every segment held here; a refusal is learned from.
  func ship(to other: DrainNode, only names: [SegmentName]? = nil) throws {
    for end in log.vector() where names?.contains(end.name) ?? true {
      while true {
        let held = other.log.end(of: end.name)?.end ?? .zero
        guard held < end.end else { break }
        let bytes = try log.read(end.name, from: held, maxBytes: 8_000)
        guard try offer(bytes, of: end.name, at: held, to: other) else { break }
      }
    }
  }

  /// False if the other refuses the segment.
  private func offer(
    _ bytes: [UInt8], of name: SegmentName, at offset: Offset, to other: DrainNode
  ) throws -> Bool {
    var refusal: Record?
    do throws(IngestError) {
      try other.take(bytes, of: name, at: offset)
      return true
    } catch .retired(let record) {
      refusal = record
    } catch .ownAhead {
      return false
    }
    if let refusal, log.retirements.isRetired(name) == nil { try append([refusal]) }
    return false
  }

  private func take(
    _ bytes: [UInt8], of name: SegmentName, at offset: Offset
  ) throws(IngestError) {
    try bytes.withUnsafeBufferPointer { bytes throws(IngestError) in
      _ = try log.ingest(name, at: offset, UnsafeRawBufferPointer(bytes)) { _, kind, payload in
        self.learn(kind, payload)
      }
    }
  }

  // MARK: - Draining

  /// One step; I4 is checked for every file that went.
  @discardableResult
  func step(at now: UInt64) throws -> DrainStep {
    let before = try recordsBySegment()
    let step = try drainer.step(
      log, at: now,
      Drainer.Questions(
        caughtUp: isCaughtUp, mayRetire: { self.adopts.contains($0) }, isDead: isDead))
    for batch in step.appended {
      appendedByDrain += batch.records.count
      for record in batch.records { record.payload.withUnsafeBytes { learn(record.kind, $0) } }
    }
    deleted += step.deleted
    var covers: [UInt64: Record] = [:]
    if !step.deleted.isEmpty {
      for records in try durableRecords().values { covers.merge(records) { known, _ in known } }
    }
    for name in step.deleted {
      let bare = (before[name] ?? [:]).filter { covers[$0.key] == nil && !isGone($0.value) }
      if !bare.isEmpty {
        violations.append("I4: \(name) went at \(id) with \(bare.count) live records")
      }
    }
    lastStep = step
    return step
  }

  /// Steps and commits until nothing is left to do at this time.
  func drain(at now: UInt64) throws {
    for _ in 0..<200 {
      let step = try step(at: now)
      if step.waitsFor != nil { try commit() }
      if step.waitsFor == nil && !step.hasMore { return }
    }
    violations.append("L2: \(id.short) doesn't come to rest")
  }

  // MARK: - What is held

  /// All records by segment, durable or not. Of a damaged one what stands before the damage.
  private func recordsBySegment(
    where isWanted: (SegmentEnd, Position) -> Bool = { _, _ in true }
  ) throws -> [SegmentName: [UInt64: Record]] {
    var result: [SegmentName: [UInt64: Record]] = [:]
    for end in log.vector() {
      var records: [UInt64: Record] = [:]
      do {
        try log.forEachRecord(in: end.name) { position, kind, payload in
          guard isWanted(end, position) else { return }
          let key = CrashRecord.key(kind, payload)
          records[key] = Record(kind: kind, payload: [UInt8](payload))
        }
      } catch LogError.damaged {}
      result[end.name] = records
    }
    return result
  }

  private func durableRecords() throws -> [SegmentName: [UInt64: Record]] {
    try recordsBySegment { end, position in position.ordinal < end.durableRecords }
  }

  var names: [SegmentName] { log.vector().map(\.name) }
  var ownNames: [SegmentName] { names.filter { $0.node == id } }

  /// Numbers of the data that are held and not released, each as often as it is held.
  func liveData() throws -> [UInt64: Int] {
    var found: [UInt64: Int] = [:]
    for name in names {
      try log.forEachRecord(in: name) { _, kind, payload in
        guard kind == CrashRecord.datum, let number = CrashRecord.number(payload),
          !self.released.contains(number)
        else { return }
        found[number, default: 0] += 1
      }
    }
    return found
  }
}
