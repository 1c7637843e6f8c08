// A short life of a node's two logs on a disk that may fail at any call: appends, batches, rolls,
// copies, a cleaner with checkpoints, an archive, an orderly end, and a second start. What the disk
// does wrong has to come out as a typed error with a defined state; this life holds the engine to
// it and tells what was reported as durable.

@testable import LogStore

final class FailingLife {
  /// What the engine told of a failure, by its class.
  enum Told: String, Hashable {
    /// Nothing was lost; the same again may succeed.
    case failed
    case full
    case poisoned
    /// Anything else, which no failing call may cause.
    case other
  }

  private enum Ending: Error { case restart, lasting }

  let disk: SimulatedDisk
  private(set) var told: [(what: Told, error: String)] = []
  private(set) var violations: [String] = []
  /// Numbers of data that were reported as durable, and of those released for good.
  private(set) var durable: Set<UInt64> = []
  private(set) var released: Set<UInt64> = []
  /// The archive, once it was reported as durable.
  private(set) var archive: Hash256?

  private var log: Log?
  private var store: ArchiveStore?
  private var waiting: [UInt64] = []
  private var next: UInt64 = 1
  private var dice = SplitMix64(seed: 77)
  /// Bytes of another node's segment, in two parts.
  private let foreign: (name: SegmentName, parts: [[UInt8]])
  /// The fault goes on: what failed is not tried again.
  private let isLasting: Bool

  static let content = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }

  init(on disk: SimulatedDisk, lasting: Bool = false) throws {
    self.disk = disk
    isLasting = lasting
    let other = try openLog(SimulatedDisk(), node: otherNode, seed: 3).log
    try commitEach(other, (1...2).map { Self.datum(9_000 + $0) })
    let name = other.openSegment
    let first = try other.read(name, from: .zero, maxBytes: 500)
    let rest = try other.read(name, from: Offset(UInt64(first.count)), maxBytes: .max)
    foreign = (name, [first, rest])
  }

  static func datum(_ number: UInt64) -> Record {
    var payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 260)
    payload.withUnsafeMutableBytes { $0.putLittle(number, at: 0) }
    return Record(kind: CrashRecord.datum, payload: payload)
  }

  static let options = smallOptions {
    $0.segmentLimit = 2_000
    $0.codec = .lz4
    $0.reserve = 8_192
    $0.reserveKinds = [CrashRecord.release]
  }

  private static let drainOptions = {
    var options = CrashWorkload.drainOptions
    options.surveyLeast = 1
    return options
  }()

  private func violate(_ text: String) { violations.append(text) }

  // MARK: - The life

  func run() {
    for part in [first, second] {
      // What an earlier start did not report as durable, none may count on.
      waiting = []
      do { try part() } catch let error as Ending {
        log = nil
        store = nil
        if case .lasting = error { return }
      } catch { violate("I10: not a typed error: \(error)") }
      log = nil
      store = nil
    }
    if disk.openFileCount > 0 { violate("I9: \(disk.openFileCount) files were left open") }
  }

  private func first() throws {
    try open()
    try append([1, 1, 2, 1, 3, 1, 1])
    try copy()
    try clean()
    try putArchive()
    try attempt { try self.log?.idle() }
    self.log?.note(Uptimes(total: 5, seen: [otherNode: 3]))
    try append([1])
    try end()
  }

  private func second() throws {
    try open()
    try append([1, 1])
    try clean()
    try attempt { try self.log?.replay { _, _, _ in } }
    try end()
  }

  private func open() throws {
    try attempt {
      // Only a release that the log holds makes anything dead.
      self.released = []
      self.log =
        try Log.open(
          "/n/facts", on: self.disk, node: testNode, log: .facts, options: Self.options,
          entropy: &self.dice
        ) { _, kind, payload in
          if kind == CrashRecord.release, let number = CrashRecord.number(payload) {
            self.released.insert(number)
          }
        }.0
    }
    try attempt {
      self.store =
        try ArchiveStore.open(
          "/n/archives", on: self.disk, node: testNode, options: Self.options,
          entropy: &self.dice
        ).0
    }
  }

  private func append(_ counts: [Int]) throws {
    for count in counts {
      var batch = RecordBatch()
      for _ in 0..<count {
        batch.append(Self.datum(next))
        waiting.append(next)
        next += 1
      }
      if next % 3 == 0 {
        let number = next / 2
        batch.append(CrashRecord.release(number))
        released.insert(number)
      }
      try attempt { try self.log?.append(batch) }
      try commit()
      attemptToPrepare()
    }
  }

  /// Never fails: what it can't do the next write does, or tells.
  private func attemptToPrepare() { log?.prepareNextSegment() }

  private func commit() throws {
    try attempt { try self.log?.commit() }
    guard let log else { return }
    if log.durable != log.sequence { return violate("a commit returned and not all is durable") }
    durable.formUnion(waiting)
    waiting = []
  }

  private func copy() throws {
    for bytes in foreign.parts {
      try attempt {
        guard let log = self.log else { return }
        do throws(IngestError) {
          let at = log.end(of: self.foreign.name)?.end ?? .zero
          _ = try log.takeBytes(self.foreign.name, at: at, bytes)
        } catch {
          guard case .log(let error) = error else {
            return self.violate("an honest offer is refused: \(error)")
          }
          throw error
        }
      }
    }
    waiting += [9_001, 9_002]
    try commit()
  }

  private func clean() throws {
    guard let log else { return }
    var drainer = Drainer(of: log, Self.drainOptions)
    defer { drainer.stop(log) }
    for turn in 0..<14 {
      var step = DrainStep()
      try attempt {
        step = try drainer.step(
          log, at: UInt64(turn) * 1_000_000_000,
          Drainer.Questions(
            caughtUp: true, mayRetire: { _ in false },
            isDead: { kind, payload in
              kind == CrashRecord.datum
                && CrashRecord.number(payload).map(self.released.contains) == true
            }))
      }
      if step.waitsFor != nil || log.hasPendingCheckpoint {
        try commit()
      } else if !step.hasMore {
        return
      }
    }
  }

  private func putArchive() throws {
    let id = Hash256.of(Self.content)
    let manifest = ArchiveManifest(id: id, size: UInt64(Self.content.count), chunks: [id])
    try attempt { _ = try self.store?.offered(manifest, at: 0) }
    try attempt {
      guard let store = self.store else { return }
      if try !store.put(Self.content, as: 0, of: id) { self.violate("a good chunk is refused") }
    }
    try attempt { try self.store?.log.commit() }
    if store?.isDurable(id) == true { archive = id } else { violate("an archive isn't durable") }
    try attempt {
      guard let store = self.store else { return }
      if try store.chunk(0, of: id) != Self.content { self.violate("I1: a chunk reads otherwise") }
    }
  }

  private func end() throws {
    try attempt { try self.log?.close() }
    try attempt { try self.store?.log.close() }
  }

  // MARK: - Failures

  /// Runs `body`; after an error that lost nothing, again. A poisoned log ends this start.
  private func attempt(_ body: () throws -> Void) throws {
    for turn in 0..<3 {
      do { return try body() } catch let error as LogError {
        try take(error)
        if turn == 2 { violate("a call that fails once keeps failing: \(error)") }
      }
    }
    throw Ending.restart
  }

  private func take(_ error: LogError) throws {
    switch error {
    case .io: told.append((.failed, "\(error)"))
    case .full(let fullness):
      told.append((.full, "\(error)"))
      if case .quota = fullness { violate("a disk's fullness is taken for a quota's") }
      // Everything stays readable.
      for end in log?.vector() ?? [] where !isLasting {
        try? log?.forEachRecord(in: end.name) { _, _, _ in }
      }
      // As LogWriter does: a commit finds out whether space is back.
      if !isLasting { for log in [log, store?.log] { try? log?.commit() } }
    case .poisoned:
      told.append((.poisoned, "\(error)"))
      let poisoned = [log, store?.log].compactMap { $0 }.filter { $0.poisoned != nil }
      if poisoned.isEmpty { violate("a log says that it is poisoned and forgets it") }
      for log in poisoned { checkPoisoned(log) }
      throw isLasting ? Ending.lasting : Ending.restart
    default:
      told.append((.other, "\(error)"))
      violate("a failing call is told as: \(error)")
      throw Ending.restart
    }
    if isLasting { throw Ending.lasting }
  }

  /// Nothing more is taken, nothing more is reported durable.
  private func checkPoisoned(_ log: Log) {
    let before = log.durable
    var refusals = 0
    for call in [
      { try log.append(Self.datum(1)) as Any }, { try log.commit() as Any },
      { try log.write() as Any }, { try log.close() as Any },
    ] {
      do { _ = try call() } catch let error as LogError {
        if case .poisoned = error { refusals += 1 }
      } catch { violate("I10: not a typed error: \(error)") }
    }
    if refusals != 4 { violate("a poisoned log takes something") }
    if log.durable != before { violate("I1: a poisoned log reports something as durable") }
  }
}
