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
  /// Covered records whose covers may themselves go soon: all of them stand in segments that are
  /// retired or examined too, or in another node's that is earlier in the common order of names.
  /// They don't bar a deletion; a retirer appends them again, and they are no dead weight.
  public var weaklyCovered: [Record] = []
  /// Bytes of the weakly covered records; part of `coveredBytes`.
  public var weakBytes: UInt64 = 0
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
    var isWeak = true
  }

  private var wanted: [Wanted] = []
  private var heads: [UInt64: Int] = [:]
  private let victims: [SegmentName]
  private let node: NodeID
  private let isRetired: (SegmentName) -> Bool

  init(victims: [SegmentName], of node: NodeID, isRetired: @escaping (SegmentName) -> Bool) {
    self.victims = victims
    self.node = node
    self.isRetired = isRetired
  }

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
      let victim = victims[item.victim]
      let isVictim = victims.contains(segment)
      guard item.cover == nil || item.isWeak, item.record.kind == kind, segment != victim,
        !isVictim || segment > victim,
        item.record.payload.withUnsafeBytes({ $0.equals(payload) })
      else { continue }
      let isWeak = isVictim || isRetired(segment) || (segment < victim && segment.node != node)
      guard item.cover == nil || !isWeak else { continue }
      wanted[at].cover = segment
      wanted[at].isWeak = isWeak
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
        if item.isWeak {
          examinations[item.victim].weakBytes += size
          examinations[item.victim].weaklyCovered.append(item.record)
        }
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
