import LogStore
import Testing

@testable import ReplicationCore

/// F12: clones and nodes that went back in time; F18: retirement that this node missed.
@Suite struct IdentityTests {
  private let own = Bench.name(1, 3)
  private let successor = Bench.peer(2, "c:1")

  private func conflict(holding theirs: SegmentEnd, own ends: [SegmentEnd]) -> IdentityConflict? {
    let bench = Bench()
    bench.start(ends)
    #expect(bench.answerSync(as: successor, holding: [theirs]))
    let conflict = bench.takeConflict()
    bench.pass(.seconds(1))
    _ = bench.answerSync(as: successor, holding: [theirs])
    #expect(bench.takeConflict() == nil, "once")
    return conflict
  }

  @Test func anUnknownSerialAtOrAboveOurOpenOne() {
    var twin = own
    twin.nonce = Nonce(99)
    #expect(
      conflict(holding: Bench.end(twin, 1), own: [Bench.end(own, 2)]) == .unknownSegment(twin))
    let later = Bench.name(1, 4)
    #expect(
      conflict(holding: Bench.end(later, 1), own: [Bench.end(own, 2)]) == .unknownSegment(later))
    #expect(conflict(holding: Bench.end(Bench.name(1, 2), 1), own: [Bench.end(own, 2)]) == nil)
  }

  @Test func bytesBeyondTheEndOfOurOpenSegment() {
    #expect(
      conflict(holding: Bench.end(own, 5), own: [Bench.end(own, 2)])
        == .bytesBeyondEnd(own, theirs: Offset(564), ours: Offset(264)))
  }

  @Test func otherBytesOfASegmentOfOurs() {
    #expect(
      conflict(holding: Bench.end(own, 2, history: 1), own: [Bench.end(own, 2)])
        == .otherBytes(own))
  }

  @Test func aFloorAboveWhatWeOpened() {
    for (floor, isConflict) in [(UInt64(4), false), (5, true)] {
      let bench = Bench()
      bench.start([Bench.end(own, 2)])
      guard let sync = bench.takeSync() else { return }
      var response = SyncResponse(from: successor)
      response.owners = [OwnerVector(owner: own.owner, floor: Serial(floor))]
      bench.feed(.response(sync.id, .sync(response)))
      let conflict = bench.takeConflict()
      #expect(conflict == (isConflict ? .floorAhead(own.owner, floor: Serial(floor)) : nil))
    }
  }

  @Test func anotherProcessThatAnswersAsWe() {
    let bench = Bench()
    bench.start([Bench.end(own, 2)])
    #expect(bench.answerSync(as: Bench.peer(1, "c:1", start: 77)))
    #expect(bench.takeConflict() == .twin(address: "c:1"))
  }

  @Test func aTwinThatShipsToUs() {
    let bench = Bench()
    bench.start([Bench.end(own, 2)])
    let later = Bench.name(1, 3)
    var twin = later
    twin.nonce = Nonce(5)
    let token = bench.ask(
      .ship(
        ShipRequest(
          from: Bench.peer(3, "a:1"), segment: twin, offset: .zero, more: false, bytes: [1])))
    #expect(bench.takeConflict() == .unknownSegment(twin))
    guard case .ship(let response)? = bench.takeReply(token), case .refused = response.outcome
    else {
      Issue.record("a twin's segment was taken")
      return
    }
  }

  /// Nobody gets more bytes under a name that two write.
  @Test func afterAConflictNothingOfOursIsShipped() {
    let bench = Bench()
    bench.start([Bench.end(own, 2)])
    #expect(bench.answerSync(as: successor, holding: [Bench.end(own, 5)]))
    #expect(bench.takeConflict() != nil)
    bench.feed(.logChanged([Bench.end(own, 9)]))
    #expect(bench.takeRead() == nil)
  }

  @Test func twoHistoriesOfAForeignSegmentBothStay() {
    let bench = Bench()
    let foreign = Bench.name(9, 1)
    bench.start([Bench.end(own, 0), Bench.end(foreign, 4)])
    #expect(
      bench.answerSync(
        as: successor, holding: [Bench.end(own, 0), Bench.end(foreign, 4, history: 1)]))
    #expect(bench.takeConflict() == nil)
    #expect(bench.take(.caughtUp), "it can't be had, so it is not waited for")
    bench.feed(.logChanged([Bench.end(foreign, 6)]))
    #expect(bench.takeRead() == nil && bench.takeFetch() == nil)
  }

  // MARK: - Retirement

  private let record = Record(kind: RecordKind(1), payload: [7])

  /// Ships the own segment and gets `outcome`.
  private func refused(_ ends: [SegmentEnd], _ outcome: ShipOutcome) -> Bench {
    let bench = Bench()
    bench.start(ends)
    #expect(bench.answerSync(as: successor))
    #expect(bench.performRead())
    if let ship = bench.takeShip() {
      bench.feed(.response(ship.id, .ship(ShipResponse(outcome))))
    } else {
      Issue.record("nothing shipped")
    }
    return bench
  }

  @Test func aRefusalTellsWhatWeMissed() {
    let older = Bench.name(1, 2)
    let bench = refused([Bench.end(older, 5), Bench.end(own, 0)].reversed(), .retired(record))
    // The open segment went first; it is closed, and the record is ours now.
    #expect(bench.take(.appendRetired(record, for: own)))
    #expect(bench.take(.sealOpenSegment(.facts)))
    bench.feed(.retired([RetiredSegment(name: own, record: record)]))
    #expect(!bench.take(.sealOpenSegment(.facts)), "once")
  }

  @Test func aRecordThatCannotRetireIsNotTaken() {
    let bench = refused([Bench.end(own, 5)], .retired(Record(kind: RecordKind(40), payload: [])))
    #expect(!bench.directives.contains { if case .appendRetired = $0 { true } else { false } })
    #expect(bench.takeRead() == nil, "and it is not offered again at once")
  }

  @Test func whatIsRetiredIsNeitherShippedNorFetchedNorReceived() {
    let older = Bench.name(1, 2)
    let foreign = Bench.name(9, 1)
    let bench = Bench()
    bench.start(
      [Bench.end(older, 5), Bench.end(own, 0)],
      retired: [older, foreign].map { RetiredSegment(name: $0, record: record) })
    #expect(
      bench.answerSync(as: successor, holding: [Bench.end(own, 0), Bench.end(foreign, 3)]))
    #expect(bench.takeRead() == nil && bench.takeFetch() == nil)
    #expect(bench.take(.caughtUp))
    let token = bench.ask(
      .ship(
        ShipRequest(
          from: Bench.peer(3, "a:1"), segment: foreign, offset: .zero, more: false, bytes: [1])))
    #expect(bench.takeReply(token) == .ship(ShipResponse(.retired(record))))
    let fetch = bench.ask(
      .fetch(
        FetchRequest(
          from: Bench.peer(3, "a:1"), segment: foreign, offset: .zero, maxBytes: 100)))
    #expect(bench.takeReply(fetch) == .fetch(FetchResponse(.retired(record))))
  }

  @Test func aFloorOverTheOpenSegmentSealsIt() {
    let bench = Bench()
    bench.start([Bench.end(own, 5)])
    bench.feed(.floors([OwnerFloor(owner: own.owner, floor: Serial(4), record: record)]))
    #expect(bench.take(.sealOpenSegment(.facts)))
    #expect(bench.takeConflict() == nil)
  }
}
