// What an examination of a segment found. It is evidence, not permission: `Log.delete` checks that
// it still holds.

public struct Examination: Sendable {
  public var segment: SegmentName
  /// Every frame was read, verified and decoded, and no unhealed damage cut this copy short.
  public var complete: Bool
  /// Live records without a cover, in order: what has to be appended again before this may go.
  public var uncovered: [Record] = []
  /// Bytes of the uncovered records.
  public var liveBytes: UInt64 = 0
  /// Bytes of records that are dead for ever.
  public var deadBytes: UInt64 = 0
  /// Bytes of live records that have a cover in another segment.
  public var coveredBytes: UInt64 = 0
  /// All that liveness and covers rest on happened at or before this; sorted segments that hold
  /// the covers.
  public var asOf = LogSequence.zero
  public var coveredBy: [SegmentName] = []
  /// The copy as it was examined.
  public var end: SegmentEnd

  init(of end: SegmentEnd, complete: Bool) {
    segment = end.name
    self.end = end
    self.complete = complete
  }

  public var isDrained: Bool { complete && uncovered.isEmpty }
}

/// The live records of segments under examination, and which of them other segments hold. Bytes
/// decide; the hash only proposes.
struct CoverSearch {
  private struct Wanted {
    var victim: Int
    var record: Record
    var hash: UInt64
    /// The next wanted record with the same hash.
    var next: Int?
    var cover: SegmentName?
  }

  private var wanted: [Wanted] = []
  private var heads: [UInt64: Int] = [:]
  private let victims: [SegmentName]

  init(victims: [SegmentName]) { self.victims = victims }

  private static func hash(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> UInt64 {
    XXH64.hash(payload, seed: UInt64(kind.value))
  }

  mutating func want(_ victim: Int, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    let hash = CoverSearch.hash(kind, payload)
    let record = Record(kind: kind, payload: [UInt8](payload))
    wanted.append(Wanted(victim: victim, record: record, hash: hash, next: heads[hash]))
    heads[hash] = wanted.count - 1
  }

  var isEmpty: Bool { wanted.isEmpty }

  /// A verified, durable record of `segment`. One segment under examination covers another only if
  /// its name is later: two must not rest on each other.
  mutating func offer(
    _ segment: SegmentName, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer
  ) {
    var index = heads[CoverSearch.hash(kind, payload)]
    while let at = index {
      index = wanted[at].next
      let item = wanted[at]
      guard item.cover == nil, item.record.kind == kind, segment != victims[item.victim],
        !victims.contains(segment) || segment > victims[item.victim],
        item.record.payload.withUnsafeBytes({ $0.equals(payload) })
      else { continue }
      wanted[at].cover = segment
    }
  }

  /// Puts what was found into the examinations, in the victims' order.
  func report(into examinations: inout [Examination]) {
    var covers: [Int: Set<SegmentName>] = [:]
    for item in wanted {
      let size = UInt64(item.record.payload.count + Format.recordHeaderSize)
      if let cover = item.cover {
        examinations[item.victim].coveredBytes += size
        covers[item.victim, default: []].insert(cover)
      } else {
        examinations[item.victim].liveBytes += size
        examinations[item.victim].uncovered.append(item.record)
      }
    }
    for index in examinations.indices {
      examinations[index].coveredBy = (covers[index] ?? []).sorted()
    }
  }
}
