import LogStore
import Testing

@testable import ReplicationCore

@Suite struct SegmentVectorTests {
  private func end(
    _ node: UInt64, _ serial: UInt64, _ end: UInt64, log: LogKind = .facts, chain: UInt64 = 7
  ) -> SegmentEnd {
    SegmentEnd(
      name: SegmentName(
        node: NodeID(ID128(high: 0, low: node)), log: log, serial: Serial(serial),
        nonce: Nonce(serial * 10)),
      end: Offset(end), chain: Checksum(chain), records: Ordinal(end / 10),
      durableEnd: Offset(end / 2), durableRecords: Ordinal(end / 20))
  }

  @Test func staysSortedWhateverTheOrder() {
    var dice = Dice(seed: 5)
    let ends: [SegmentEnd] = (0..<60).map { (index: UInt64) in
      let log: LogKind = index % 2 == 0 ? .facts : .archives
      return end(index % 5, index, 100, log: log)
    }
    let vector = SegmentVector(ends.shuffled(using: &dice))
    #expect(vector == SegmentVector(ends))
    #expect(vector.segmentCount == 60)
    #expect(vector.groups.map(\.owner) == vector.groups.map(\.owner).sorted())
    for group in vector.groups {
      #expect(group.ends.map(\.name) == group.ends.map(\.name).sorted())
    }
    for end in ends { #expect(vector.end(of: end.name) == end) }
    #expect(vector.newest(of: ends[50].name.owner) == ends[50])
  }

  @Test func removingTheLastSegmentRemovesTheOwnerUnlessItHasAFloor() {
    var vector = SegmentVector([end(1, 1, 64), end(2, 1, 64)])
    vector.raiseFloor(of: end(2, 1, 0).name.owner, to: Serial(3))
    vector.raiseFloor(of: end(2, 1, 0).name.owner, to: Serial(2))
    vector.remove(end(1, 1, 0).name)
    vector.remove(end(2, 1, 0).name)
    vector.remove(end(2, 1, 0).name)
    #expect(vector.groups.map(\.floor) == [Serial(3)])
    #expect(vector.groups.map(\.ends.count) == [0])
  }

  @Test func digestTellsAllButDurableEnds() {
    let base = SegmentVector([end(1, 1, 64), end(1, 2, 128)]).digests(archives: true)
    func differs(_ vector: SegmentVector) -> Bool { vector.digests(archives: true) != base }
    var other = end(1, 2, 128)
    other.durableEnd = Offset(0)
    #expect(!differs(SegmentVector([end(1, 1, 64), other])))
    #expect(differs(SegmentVector([end(1, 1, 64), end(1, 2, 136)])))
    #expect(differs(SegmentVector([end(1, 1, 64), end(1, 2, 128, chain: 8)])))
    #expect(differs(SegmentVector([end(1, 1, 64), end(1, 3, 128)])))
    #expect(differs(SegmentVector([end(1, 1, 64)])))
    var floor = SegmentVector([end(1, 1, 64), end(1, 2, 128)])
    floor.raiseFloor(of: end(1, 1, 0).name.owner, to: Serial(1))
    #expect(differs(floor))
  }

  /// Other languages and versions compute it too: wire.proto tells how.
  @Test func digestIsPinned() {
    #expect(OwnerVector(owner: end(1, 1, 0).name.owner).digest == 0x9e37_79b9_7f4a_7c15)
    let vector = OwnerVector(
      owner: end(1, 1, 0).name.owner, floor: Serial(2), ends: [end(1, 3, 4096, chain: 99)])
    var h: UInt64 = 0
    for number: UInt64 in [2, 3, 30, 4096, 99] {
      var z = h ^ number
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      h = (z ^ (z >> 31)) &+ 0x9e37_79b9_7f4a_7c15
    }
    #expect(vector.digest == h)
  }

  @Test func archivesCanBeLeftOut() {
    let vector = SegmentVector([end(1, 1, 64), end(1, 1, 64, log: .archives)])
    #expect(vector.digests(archives: true).count == 2)
    #expect(vector.digests(archives: false).map(\.owner.log) == [.facts])
  }

  @Test func whatIsEqualIsReconstructed() {
    let told = SegmentVector([end(1, 1, 64), end(2, 1, 640), end(3, 1, 100), end(4, 1, 100)])
    var response = SyncResponse(
      from: PeerInfo(node: NodeID(ID128(high: 0, low: 9)), address: "", incarnation: 0))
    var behind = end(2, 1, 640)
    behind.durableEnd = Offset(64)
    behind.durableRecords = Ordinal(1)
    response.lagging = [behind]
    response.owners = [
      OwnerVector(owner: end(3, 1, 0).name.owner, ends: [end(3, 1, 50)]),
      OwnerVector(owner: end(7, 1, 0).name.owner, ends: [end(7, 1, 70)]),
    ]
    response.omitted = [end(4, 1, 0).name.owner]
    let theirs = PeerVector(told: told, response, archives: true)
    let ends = Dictionary(uniqueKeysWithValues: theirs.ends.map { ($0.name, $0) })
    #expect(ends.count == 4)
    #expect(ends[end(1, 1, 0).name]?.durableEnd == Offset(64), "equal and not lagging is durable")
    #expect(ends[end(2, 1, 0).name]?.durableEnd == Offset(64))
    #expect(ends[end(2, 1, 0).name]?.durableRecords == Ordinal(1))
    #expect(ends[end(3, 1, 0).name]?.end == Offset(50))
    #expect(ends[end(4, 1, 0).name] == nil, "what was omitted is unknown")
    #expect(ends[end(7, 1, 0).name]?.end == Offset(70))
  }
}

@Suite struct KnownRetirementsTests {
  private func name(_ serial: UInt64) -> SegmentName {
    SegmentName(
      node: NodeID(ID128(high: 0, low: 1)), log: .facts, serial: Serial(serial), nonce: Nonce(1))
  }

  @Test func floorsStandForWhatTheyCover() {
    let retired = Record(kind: RecordKind(1), payload: [1])
    let floor = Record(kind: RecordKind(2), payload: [2])
    var known = KnownRetirements()
    known.insert(RetiredSegment(name: name(2), record: retired))
    known.insert(RetiredSegment(name: name(9), record: retired))
    #expect(known.record(retiring: name(2)) == retired)
    #expect(!known.contains(name(3)))
    known.insert(OwnerFloor(owner: name(1).owner, floor: Serial(5), record: floor))
    known.insert(OwnerFloor(owner: name(1).owner, floor: Serial(4), record: retired))
    #expect(known.record(retiring: name(2)) == floor)
    #expect(known.record(retiring: name(4)) == floor)
    #expect(!known.contains(name(5)))
    #expect(known.record(retiring: name(9)) == retired)
  }
}
