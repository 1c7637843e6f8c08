// The live records of segments under examination, and which of them other segments hold. Bytes
// decide; the hash only proposes.

struct CoverSearch: Sendable {
  private struct Wanted: Sendable {
    var victim: Int
    var record: Record
    /// The next wanted record with the same hash.
    var next: Int?
    var cover: SegmentName?
    var isWeak = true
  }

  private var wanted: [Wanted] = []
  private var heads: [UInt64: Int] = [:]
  /// Wanted records without a strong cover so far.
  private(set) var open = 0
  /// Bytes of the records that it holds.
  private(set) var size: UInt64 = 0
  private let victims: [SegmentName]
  private let node: NodeID

  init(victims: [SegmentName], of node: NodeID) {
    self.victims = victims
    self.node = node
  }

  static func hash(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> UInt64 {
    XXH64.hash(payload, seed: UInt64(kind.value))
  }

  mutating func want(_ victim: Int, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    let hash = CoverSearch.hash(kind, payload)
    let record = Record(kind: kind, payload: [UInt8](payload))
    wanted.append(Wanted(victim: victim, record: record, next: heads[hash]))
    heads[hash] = wanted.count - 1
    open += 1
    size += UInt64(payload.count + Format.recordHeaderSize)
  }

  var hashes: some Sequence<UInt64> { heads.keys }

  /// A verified, durable record of `segment`. One segment under examination covers another only if
  /// its name is later: two must not rest on each other.
  mutating func offer(
    _ segment: SegmentName, _ kind: RecordKind, _ payload: UnsafeRawBufferPointer,
    isRetired: Bool
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
      let isWeak = isVictim || isRetired || (segment < victim && segment.node != node)
      guard item.cover == nil || !isWeak else { continue }
      wanted[at].cover = segment
      wanted[at].isWeak = isWeak
      if !isWeak { open -= 1 }
    }
  }

  /// Puts what was found into the examinations, in the victims' order. `keepsWeak`: the weakly
  /// covered records too, beside their number of bytes.
  func report(into examinations: inout [Examination], keepsWeak: Bool) {
    var covers: [Int: Set<SegmentName>] = [:]
    for item in wanted {
      let size = UInt64(item.record.payload.count + Format.recordHeaderSize)
      if let cover = item.cover {
        examinations[item.victim].coveredBytes += size
        covers[item.victim, default: []].insert(cover)
        if item.isWeak {
          examinations[item.victim].weakBytes += size
          if keepsWeak { examinations[item.victim].weaklyCovered.append(item.record) }
        }
      } else {
        examinations[item.victim].liveBytes += size
        examinations[item.victim].uncovered.append(item.record)
      }
    }
    for (index, found) in covers {
      examinations[index].coveredBy = found.union(examinations[index].coveredBy).sorted()
    }
  }
}
