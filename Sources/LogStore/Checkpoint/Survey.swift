// What a checkpoint's pass found: how much of each segment is live, and an index of the live
// records by hash, which proposes where covers stand. What is dead stays dead, so live bytes are
// an upper bound of those at any later time, as far as a mark reaches.

public struct Survey: Sendable {
  private let names: [SegmentName]
  private let numbers: [SegmentName: Int]
  var marks: [SegmentName: SegmentMark] = [:]
  private var live: [UInt64]

  /// One live record each: which name, its bytes, the next with the same hash.
  private var places: [UInt32] = []
  private var sizes: [UInt32] = []
  private var nexts: [Int32] = []
  private var heads: [UInt64: Int32] = [:]

  init(_ names: [SegmentName]) {
    self.names = names
    numbers = Dictionary(
      names.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first })
    live = [UInt64](repeating: 0, count: names.count)
  }

  mutating func note(_ name: Int, _ hash: UInt64, _ payloadSize: UInt32) {
    let size = payloadSize + UInt32(Format.recordHeaderSize)
    live[name] += UInt64(size)
    guard places.count < Int(Int32.max) else { return }
    nexts.append(heads[hash] ?? -1)
    heads[hash] = Int32(places.count)
    places.append(UInt32(name))
    sizes.append(size)
  }

  /// Live records, each as often as it is held.
  public var records: Int { places.count }

  /// Bytes of all live records, before compression.
  public var liveBytes: UInt64 { live.reduce(0, +) }

  /// Bytes of a segment's records before compression, and those of its live ones; nil if the
  /// survey doesn't know it.
  public func bytes(of name: SegmentName) -> (all: UInt64, live: UInt64)? {
    guard let mark = marks[name], let index = numbers[name] else { return nil }
    return (mark.rawBytes, live[index])
  }

  /// Whether it has seen every record of a segment.
  func knowsAll(of end: SegmentEnd) -> Bool { marks[end.name]?.cursor.records == end.records }

  /// Where live records with any of these hashes stand.
  func segments(with hashes: some Sequence<UInt64>) -> Set<SegmentName> {
    var found: Set<UInt32> = []
    for hash in hashes {
      var at = heads[hash] ?? -1
      while at >= 0 {
        found.insert(places[Int(at)])
        at = nexts[Int(at)]
      }
    }
    return Set(found.map { names[Int($0)] })
  }

  /// For each segment the bytes of its live records that `isCover` says another segment covers
  /// (first the record's segment, then the other). An estimate: it goes by hashes.
  func coveredBytes(
    by isCover: (_ victim: SegmentName, _ other: SegmentName) -> Bool
  ) -> [SegmentName: UInt64] {
    var covered: [SegmentName: UInt64] = [:]
    for head in heads.values where nexts[Int(head)] >= 0 {
      var members: [Int] = []
      var at = head
      while at >= 0 {
        members.append(Int(at))
        at = nexts[Int(at)]
      }
      for member in members {
        let victim = names[Int(places[member])]
        let hasCover = members.contains {
          let other = names[Int(places[$0])]
          return other != victim && isCover(victim, other)
        }
        if hasCover { covered[victim, default: 0] += UInt64(sizes[member]) }
      }
    }
    return covered
  }
}
