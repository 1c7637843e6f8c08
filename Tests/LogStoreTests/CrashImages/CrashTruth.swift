// What really happened in a crash workload, noted beside the log under test: every record, the
// bytes that each writer wrote, what was acknowledged as durable and when, what was deleted.

@testable import LogStore

/// A moment: operations done on the disk of one boot.
struct Moment: Comparable, Sendable {
  var boot: Int
  var operation: Int
  static func < (a: Moment, b: Moment) -> Bool { (a.boot, a.operation) < (b.boot, b.operation) }
}

/// Records of the workloads. A datum's content follows from its number; a release makes a datum
/// dead for ever; LogStore's own records are known by the hash of their payload.
enum CrashRecord {
  static let datum = RecordKind(100)
  static let release = RecordKind(101)

  static func datum(_ number: UInt64) -> Record {
    var dice = SplitMix64(seed: number)
    let shape = dice.next() % 16
    let filler = Int(shape < 12 ? dice.next() % 300 : dice.next() % (shape < 15 ? 2_000 : 9_000))
    var payload = [UInt8](repeating: 0, count: 8 + filler)
    payload.withUnsafeMutableBytes { bytes in
      bytes.putLittle(number, at: 0)
      // Half of it compresses.
      for index in stride(from: 8, to: 8 + filler, by: 2) {
        bytes[index] = UInt8(dice.next() & 255)
      }
    }
    return Record(kind: datum, payload: payload)
  }

  static func release(_ number: UInt64) -> Record {
    var payload = [UInt8](repeating: 0, count: 8)
    payload.withUnsafeMutableBytes { $0.putLittle(number, at: 0) }
    return Record(kind: release, payload: payload)
  }

  /// Names the record's content in the books.
  static func key(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> UInt64 {
    XXH64.hash(payload) ^ (UInt64(kind.value) &* 0x9e37_79b9_7f4a_7c15)
  }

  static func key(_ record: Record) -> UInt64 {
    record.payload.withUnsafeBytes { key(record.kind, $0) }
  }

  static func number(_ payload: UnsafeRawBufferPointer) -> UInt64? {
    payload.count >= 8 ? payload.little(0, as: UInt64.self) : nil
  }
}

struct CrashTruth {
  struct Batch {
    var segment: SegmentName
    var first: Int
    var count: Int
  }

  let node: NodeID
  /// Keys of all records of a segment, by ordinal.
  private(set) var records: [SegmentName: [UInt64]] = [:]
  private(set) var batches: [Batch] = []
  /// The longest known bytes of each segment; they never change.
  private(set) var bytes: [SegmentName: [UInt8]] = [:]
  /// When a record was first said to be durable here.
  private(set) var acknowledged: [UInt64: Moment] = [:]
  /// Which release makes a datum dead: datum's key -> release's key.
  private(set) var releases: [UInt64: UInt64] = [:]
  /// Own serials whose bytes others may have seen, and since when.
  private(set) var visible: [(moment: Moment, serial: Serial)] = []
  /// When a deletion began and ended.
  private(set) var deletions: [(begun: Moment, done: Moment?, segment: SegmentName)] = []
  /// LogStore's own records may be superseded by floors, so they aren't demanded one by one.
  private var demanded: Set<UInt64> = []

  init(node: NodeID) { self.node = node }

  mutating func note(_ record: Record) {
    let key = CrashRecord.key(record)
    if record.kind == CrashRecord.datum || record.kind == CrashRecord.release {
      demanded.insert(key)
    }
    if record.kind == CrashRecord.release,
      let number = record.payload.withUnsafeBytes({ CrashRecord.number($0) })
    {
      releases[CrashRecord.key(CrashRecord.datum(number))] = key
    }
  }

  func isDatumOrRelease(_ key: UInt64) -> Bool { demanded.contains(key) }

  mutating func appended(_ batch: [Record], at first: Position) {
    for record in batch { note(record) }
    let keys = batch.map(CrashRecord.key)
    records[first.segment, default: []] += keys
    batches.append(
      Batch(segment: first.segment, first: Int(first.ordinal.value), count: batch.count))
  }

  mutating func acknowledge(_ key: UInt64, at moment: Moment) {
    guard demanded.contains(key), acknowledged[key] == nil else { return }
    acknowledged[key] = moment
  }

  /// What must be found in an image taken at `moment`, if no release of it is found.
  func isDemanded(_ key: UInt64, at moment: Moment) -> Bool {
    (acknowledged[key] ?? Moment(boot: .max, operation: 0)) <= moment
  }

  /// Takes note of bytes that somebody read; false if they contradict earlier ones (I2).
  mutating func see(_ new: [UInt8], of segment: SegmentName, at offset: Int, _ moment: Moment)
    -> Bool
  {
    var known = bytes.removeValue(forKey: segment) ?? []
    defer { bytes[segment] = known }
    if segment.node == node, known.isEmpty { visible.append((moment, segment.serial)) }
    guard offset <= known.count else { return false }
    let overlap = min(known.count - offset, new.count)
    guard known[offset..<offset + overlap] == new[..<overlap] else { return false }
    known += new[overlap...]
    return true
  }

  /// A segment's bytes agree with its writer's, as far as both reach.
  func agrees(_ held: [UInt8], with segment: SegmentName) -> Bool {
    let known = bytes[segment] ?? []
    return known.count >= held.count
      ? known[..<held.count] == held[...] : held[..<known.count] == known[...]
  }

  mutating func beginDeletion(of segment: SegmentName, at moment: Moment) {
    deletions.append((moment, nil, segment))
  }

  /// Of several deletions under way.
  mutating func endDeletions(of segments: [SegmentName], at moment: Moment) {
    for index in deletions.indices
    where deletions[index].done == nil && segments.contains(deletions[index].segment) {
      deletions[index].done = moment
    }
  }

  mutating func endDeletion(at moment: Moment?) {
    guard let last = deletions.indices.last else { return }
    if let moment { deletions[last].done = moment } else { deletions.removeLast() }
  }
}
