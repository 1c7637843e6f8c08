import LogStore
import Testing

@testable import ReplicationCore

/// Single rules, each with one core on the bench. The successor is node 2 at c:1.
@Suite struct ReplicatorTests {
  private let own = Bench.name(1, 3)
  private let successor = Bench.peer(2, "c:1")

  /// Started with one own open segment of ten frames; the successor has answered that it holds
  /// `frames` of it.
  private func shipping(
    _ frames: UInt64?, _ settings: ReplicationSettings = ReplicationSettings()
  ) -> Bench {
    let bench = Bench(settings)
    bench.start([Bench.end(own, 10)])
    let held = frames.map { [Bench.end(own, $0)] } ?? []
    #expect(bench.answerSync(as: successor, holding: held))
    return bench
  }

  // MARK: - Shipping

  @Test func whatTheSuccessorLacksIsShippedFromItsEnd() {
    let bench = shipping(4)
    let read = bench.takeRead()
    #expect(read?.segment == own)
    #expect(read?.offset == Offset(464))
    #expect(read?.maxBytes == 600)
    guard let read else { return }
    bench.feed(.read(read.id, .bytes([UInt8](repeating: 0, count: 600))))
    let ship = bench.takeShip()
    #expect(ship?.request.offset == Offset(464))
    #expect(ship?.request.more == false)
  }

  @Test func nothingIsShippedBeforeTheSuccessorIsKnown() {
    let bench = Bench()
    bench.start([Bench.end(own, 10)])
    #expect(bench.takeRead() == nil)
    #expect(bench.takeSync()?.route == "c:1")
  }

  /// One commit and one round trip: the answer tells the durable end, and the layer above hears it.
  @Test func acknowledgementsTellWhatIsSafe() {
    let bench = shipping(4)
    #expect(bench.take(.successorDurable(own, Ordinal(4), Offset(464))))
    #expect(bench.take(.caughtUp), "the successor lists nothing that we lack")
    #expect(bench.performRead())
    guard let ship = bench.takeShip() else {
      Issue.record("nothing shipped")
      return
    }
    bench.feed(.response(ship.id, .ship(ShipResponse(.accepted, end: Bench.end(own, 10)))))
    #expect(bench.take(.successorDurable(own, Ordinal(10), Offset(1_064))))
    #expect(bench.core.status.lag == .init(segments: 0, bytes: 0))
    #expect(bench.directives.isEmpty)
  }

  /// B6's rule.
  @Test func aGapRewindsToTheReceiversEnd() {
    let bench = shipping(4)
    #expect(bench.performRead())
    guard let ship = bench.takeShip() else {
      Issue.record("nothing shipped")
      return
    }
    bench.feed(.response(ship.id, .ship(ShipResponse(.gap, end: Bench.end(own, 2)))))
    #expect(bench.takeRead()?.offset == Offset(264))
  }

  @Test func aGapWithoutAnEndRewindsToTheStart() {
    let bench = shipping(4)
    #expect(bench.performRead())
    guard let ship = bench.takeShip() else {
      Issue.record("nothing shipped")
      return
    }
    bench.feed(.response(ship.id, .ship(ShipResponse(.gap))))
    #expect(bench.takeRead()?.offset == .zero)
  }

  @Test func aLostPieceIsSentAgainAfterTheNextSync() {
    let bench = shipping(4)
    #expect(bench.performRead())
    guard let ship = bench.takeShip() else {
      Issue.record("nothing shipped")
      return
    }
    bench.feed(.failed(ship.id, "connection reset"))
    #expect(bench.takeRead() == nil, "not before it answers")
    bench.pass(.milliseconds(300))
    #expect(bench.answerSync(as: successor, holding: [Bench.end(own, 4)]))
    #expect(bench.takeRead()?.offset == Offset(464))
  }

  @Test func whatIsRefusedAgainAndAgainRests() {
    let bench = shipping(4)
    var ships = 0
    while bench.performRead(), let ship = bench.takeShip() {
      ships += 1
      bench.feed(.response(ship.id, .ship(ShipResponse(.damaged, end: Bench.end(own, 4)))))
    }
    #expect(ships == 3)
    #expect(bench.take(.doubtCopy(own, at: Offset(464))))
    // It is tried again, ever more seldom: 1, 2, 4, 8, 16, 32, 64, 64... heartbeats.
    for _ in 0..<200 {
      bench.pass(.seconds(1))
      _ = bench.answerSync(as: successor, holding: [Bench.end(own, 4)])
      while bench.performRead(), let ship = bench.takeShip() {
        ships += 1
        bench.feed(.response(ship.id, .ship(ShipResponse(.damaged, end: Bench.end(own, 4)))))
      }
    }
    #expect((7...10).contains(ships - 3))
  }

  @Test func readsBeyondTheVectorAreNotShipped() {
    let bench = shipping(4)
    guard let read = bench.takeRead() else {
      Issue.record("no read")
      return
    }
    bench.feed(.read(read.id, .bytes([UInt8](repeating: 0, count: read.maxBytes + 100))))
    #expect(bench.takeShip() == nil)
  }

  @Test func theSuccessorsOwnOpenSegmentIsNotSentBack() {
    let bench = Bench()
    let theirs = Bench.name(2, 7)
    let older = Bench.name(2, 6)
    bench.start([Bench.end(own, 1), Bench.end(theirs, 9), Bench.end(older, 9)])
    #expect(
      bench.answerSync(
        as: successor,
        holding: [Bench.end(own, 1), Bench.end(theirs, 5), Bench.end(older, 8)]))
    // But an older one, of which it lost the tail, is.
    #expect(bench.takeRead()?.segment == older)
    #expect(bench.takeRead() == nil)
  }

  @Test func periodicModeShipsOnlyWhenItIsTime() {
    var settings = ReplicationSettings()
    settings.shipEvery = .seconds(30)
    let bench = shipping(10, settings)
    bench.feed(.logChanged([Bench.end(own, 12)]))
    #expect(bench.takeRead() == nil)
    for _ in 0..<29 {
      bench.pass(.seconds(1))
      #expect(bench.answerSync(as: successor, holding: [Bench.end(own, 10)]))
    }
    #expect(bench.takeRead() == nil)
    bench.pass(.seconds(2))
    #expect(bench.answerSync(as: successor, holding: [Bench.end(own, 10)]))
    #expect(bench.takeRead()?.maxBytes == 200)
  }

  @Test func archivesAreLeftAloneWhenSwitchedOff() {
    var settings = ReplicationSettings()
    settings.replicatesArchives = false
    let bench = Bench(settings)
    let archive = Bench.name(1, 1, .archives)
    let theirs = Bench.name(3, 1, .archives)
    bench.start([Bench.end(own, 1), Bench.end(archive, 5)])
    guard let sync = bench.takeSync() else {
      Issue.record("no Sync")
      return
    }
    #expect(sync.request.digests.map(\.owner) == [own.owner])
    #expect(!sync.request.archives)
    var response = SyncResponse(from: successor)
    response.archives = true
    response.owners = [OwnerVector(owner: theirs.owner, ends: [Bench.end(theirs, 3)])]
    bench.feed(.response(sync.id, .sync(response)))
    #expect(bench.takeRead() == nil && bench.takeFetch() == nil)
    #expect(bench.take(.caughtUp))
  }

  // MARK: - Receiving

  private func ship(
    _ name: SegmentName, from offset: UInt64, count: Int, more: Bool = false
  ) -> PeerRequest {
    .ship(
      ShipRequest(
        from: Bench.peer(3, "a:1"), segment: name, offset: Offset(offset), more: more,
        bytes: [UInt8](repeating: 0, count: count)))
  }

  @Test func theAnswerWaitsForTheDisk() {
    let bench = shipping(10)
    let foreign = Bench.name(3, 1)
    let token = bench.ask(ship(foreign, from: 0, count: 564))
    guard let ingest = bench.takeIngest() else {
      Issue.record("not ingested")
      return
    }
    bench.feed(.ingested(ingest.id, .accepted(Bench.end(foreign, 5, durable: 0))))
    #expect(bench.takeReply(token) == nil)
    bench.feed(.logChanged([Bench.end(foreign, 5, durable: 4)]))
    #expect(bench.takeReply(token) == nil)
    bench.feed(.logChanged([Bench.end(foreign, 5)]))
    #expect(
      bench.takeReply(token) == .ship(ShipResponse(.accepted, end: Bench.end(foreign, 5))))
  }

  @Test func theAnswerDoesNotWaitForeverNorWhenMoreIsToCome() {
    let bench = shipping(10)
    let foreign = Bench.name(3, 1)
    let end = Bench.end(foreign, 5, durable: 0)
    let token = bench.ask(ship(foreign, from: 0, count: 564))
    if let ingest = bench.takeIngest() { bench.feed(.ingested(ingest.id, .accepted(end))) }
    bench.pass(.milliseconds(990))
    #expect(bench.takeReply(token) == nil)
    bench.pass(.milliseconds(10))
    #expect(bench.takeReply(token) == .ship(ShipResponse(.accepted, end: end)))
    let hasty = bench.ask(ship(foreign, from: 0, count: 564, more: true))
    if let ingest = bench.takeIngest() { bench.feed(.ingested(ingest.id, .accepted(end))) }
    #expect(bench.takeReply(hasty) == .ship(ShipResponse(.accepted, end: end)))
  }

  /// I9: who sends more than we can sync is answered at once.
  @Test func heldAnswersAreBounded() {
    let bench = shipping(10)
    let foreign = Bench.name(3, 1)
    var answered = 0
    for _ in 0..<300 {
      let token = bench.ask(ship(foreign, from: 0, count: 564))
      guard let ingest = bench.takeIngest() else { break }
      bench.feed(.ingested(ingest.id, .accepted(Bench.end(foreign, 5, durable: 0))))
      if bench.takeReply(token) != nil { answered += 1 }
    }
    #expect(answered == 300 - 256)
  }

  @Test func refusalsNameOurEnd() {
    let bench = shipping(10)
    let foreign = Bench.name(3, 1)
    let end = Bench.end(foreign, 2)
    let outcomes: [(IngestOutcome, ShipResponse)] = [
      (.gap(end), ShipResponse(.gap, end: end)), (.gap(nil), ShipResponse(.gap)),
      (.damaged(end), ShipResponse(.damaged, end: end)),
      (.diverged(end), ShipResponse(.diverged, end: end)),
    ]
    for (outcome, response) in outcomes {
      let token = bench.ask(ship(foreign, from: 900, count: 100))
      if let ingest = bench.takeIngest() { bench.feed(.ingested(ingest.id, outcome)) }
      #expect(bench.takeReply(token) == .ship(response))
    }
  }

  @Test func fetchesAreServedUpToAKnownEndAndABound() {
    let bench = shipping(10)
    let from = Bench.peer(3, "a:1")
    func fetch(_ name: SegmentName, _ offset: UInt64) -> PeerRequest {
      .fetch(
        FetchRequest(from: from, segment: name, offset: Offset(offset), maxBytes: UInt64.max))
    }
    let token = bench.ask(fetch(own, 464))
    #expect(bench.takeRead()?.maxBytes == 600)
    _ = token
    let beyond = bench.ask(fetch(own, 5_000))
    #expect(
      bench.takeReply(beyond) == .fetch(FetchResponse(.bytes([]), end: Bench.end(own, 10))))
    let absent = bench.ask(fetch(Bench.name(8, 8), 0))
    #expect(bench.takeReply(absent) == .fetch(FetchResponse(.absent)))
    for _ in 0..<15 { _ = bench.ask(fetch(own, 64)) }
    let tooMany = bench.ask(fetch(own, 64))
    guard case .fetch(let response)? = bench.takeReply(tooMany), case .refused = response.outcome
    else {
      Issue.record("served without a bound")
      return
    }
  }

  @Test func beforeTheStartNothingIsServed() {
    let bench = Bench()
    let token = bench.ask(
      .fetch(FetchRequest(from: successor, segment: own, offset: .zero, maxBytes: 1)))
    guard case .unsupported? = bench.takeReply(token) else {
      Issue.record("served before it started")
      return
    }
  }
}
