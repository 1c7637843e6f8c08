import LogStore
import Testing

@testable import ReplicationCore

/// Catching up and fetching, one core on the bench. The successor is node 2 at c:1.
@Suite struct PullingTests {
  private let own = Bench.name(1, 3)
  private let foreign = Bench.name(2, 1)
  private let successor = Bench.peer(2, "c:1")

  /// Answers the fetch under way with zeros up to frame `frames` and takes them in.
  private func bring(_ bench: Bench, _ name: SegmentName, upTo frames: UInt64) -> Bool {
    guard let fetch = bench.takeFetch(), fetch.request.segment == name else { return false }
    let end = Bench.end(name, frames)
    let count = Int(end.end.value - fetch.request.offset.value)
    bench.feed(
      .response(
        fetch.id,
        .fetch(FetchResponse(.bytes([UInt8](repeating: 0, count: count)), end: end))))
    guard let ingest = bench.takeIngest() else { return false }
    bench.feed(.ingested(ingest.id, .accepted(end)))
    return true
  }

  /// A full log refuses whatever is fetched: it is told once, and again after it took something.
  @Test func whatCannotBeStoredIsToldOnce() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    func refuse(_ reason: String) -> Int {
      guard let fetch = bench.takeFetch() else { return -1 }
      let bytes = FetchResponse(.bytes([0, 0]), end: Bench.end(foreign, 5))
      bench.feed(.response(fetch.id, .fetch(bytes)))
      guard let ingest = bench.takeIngest() else { return -2 }
      bench.notes = []
      bench.feed(.ingested(ingest.id, .refused(reason)))
      return bench.notes.count { $0.contains("can't be stored: \(reason)") }
    }
    func listAgain() {
      bench.pass(.seconds(1))
      #expect(bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)]))
    }
    #expect(bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)]))
    #expect(refuse("full") == 1)
    listAgain()
    #expect(refuse("full") == 0)
    listAgain()
    #expect(refuse("worse") == 1)
    listAgain()
    #expect(bring(bench, foreign, upTo: 2))
    #expect(refuse("worse") == 1)
  }

  @Test func whoKnowsNoOtherHasCaughtUpAtOnce() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)], members: [])
    #expect(bench.take(.caughtUp))
    bench.feed(.heardOf(["c:1"]))
    #expect(bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)]))
    #expect(!bench.take(.caughtUp), "once")
  }

  @Test func whoseOthersAreAllItselfHasCaughtUp() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)], members: ["localhost:1"])
    #expect(!bench.take(.caughtUp))
    #expect(bench.answerSync(as: bench.core.local))
    #expect(bench.take(.caughtUp))
  }

  @Test func catchingUpFetchesAllThatANeighbourListed() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    let other = Bench.name(5, 1)
    #expect(
      bench.answerSync(as: successor, holding: [Bench.end(foreign, 5), Bench.end(other, 3)]))
    #expect(bring(bench, foreign, upTo: 2))
    #expect(bring(bench, other, upTo: 3))
    #expect(!bench.take(.caughtUp))
    // It writes on meanwhile: what it listed first counts.
    bench.pass(.seconds(1))
    #expect(
      bench.answerSync(as: successor, holding: [Bench.end(foreign, 9), Bench.end(other, 3)]))
    #expect(bring(bench, foreign, upTo: 5))
    #expect(bench.take(.caughtUp))
  }

  @Test func whatIsRetiredMeanwhileIsNotWaitedFor() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    #expect(bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)]))
    guard let fetch = bench.takeFetch() else {
      Issue.record("nothing fetched")
      return
    }
    let record = Record(kind: RecordKind(1), payload: [9])
    bench.feed(.response(fetch.id, .fetch(FetchResponse(.retired(record)))))
    #expect(bench.take(.appendRetired(record, for: foreign)))
    #expect(bench.take(.caughtUp))
  }

  @Test func whatTheNeighbourNoLongerHasMakesItsNextVectorCount() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    #expect(bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)]))
    guard let fetch = bench.takeFetch() else {
      Issue.record("nothing fetched")
      return
    }
    bench.feed(.response(fetch.id, .fetch(FetchResponse(.absent))))
    #expect(!bench.take(.caughtUp))
    bench.pass(.seconds(1))
    #expect(bench.answerSync(as: successor))
    #expect(bench.take(.caughtUp))
  }

  @Test func aVectorThatWasCutIsNoVector() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    guard let sync = bench.takeSync() else {
      Issue.record("no Sync")
      return
    }
    var response = SyncResponse(from: successor)
    response.omitted = [foreign.owner]
    bench.feed(.response(sync.id, .sync(response)))
    #expect(!bench.take(.caughtUp))
  }

  /// Caught up and with a predecessor that ships.
  private func settled() -> Bench {
    let bench = Bench()
    bench.start([Bench.end(own, 0), Bench.end(foreign, 5)], members: ["a:1", "c:1"])
    #expect(bench.answerSync(as: successor, holding: [Bench.end(own, 0), Bench.end(foreign, 5)]))
    #expect(bench.take(.caughtUp))
    return bench
  }

  private func beat(_ bench: Bench, _ frames: UInt64) {
    bench.pass(.seconds(1))
    _ = bench.ask(
      .sync(
        SyncRequest(
          from: Bench.peer(3, "a:1"), purpose: .heartbeat, members: [], digests: [],
          archives: true)))
    #expect(
      bench.answerSync(as: successor, holding: [Bench.end(own, 0), Bench.end(foreign, frames)]))
  }

  @Test func aSurplusIsLeftToThePredecessorForAWhile() {
    let bench = settled()
    beat(bench, 7)
    #expect(bench.takeFetch() == nil)
    // It came: patience begins anew.
    bench.feed(.logChanged([Bench.end(foreign, 6)]))
    beat(bench, 8)
    #expect(bench.takeFetch() == nil)
    beat(bench, 8)
    #expect(bench.takeFetch()?.request.offset == Offset(664))
  }

  @Test func withoutAPredecessorASurplusIsFetchedAtOnce() {
    let bench = settled()
    for _ in 0..<11 {
      bench.pass(.seconds(1))
      _ = bench.answerSync(as: successor, holding: [Bench.end(own, 0), Bench.end(foreign, 5)])
      // It is there, but it ships nothing.
      while let probe = bench.takeSync(.probe) {
        #expect(probe.route == "a:1")
        bench.feed(.response(probe.id, .sync(SyncResponse(from: Bench.peer(3, "a:1")))))
      }
    }
    bench.pass(.seconds(1))
    #expect(bench.answerSync(as: successor, holding: [Bench.end(own, 0), Bench.end(foreign, 6)]))
    #expect(bench.takeFetch()?.request.offset == Offset(564))
    // And the others are asked in turn.
    #expect(bench.takeSync(.pull)?.route == "a:1")
  }

  /// A node that lost the tail of an older segment takes it from whoever has it.
  @Test func ownOlderSegmentsArePulledBack() {
    let bench = Bench()
    let older = Bench.name(1, 2)
    bench.start([Bench.end(older, 4), Bench.end(own, 0)])
    #expect(bench.answerSync(as: successor, holding: [Bench.end(older, 9)]))
    #expect(bring(bench, older, upTo: 9))
    #expect(bench.takeConflict() == nil)
    #expect(bench.take(.caughtUp))
  }

  @Test func whatIsBeingPushedIsNotFetchedToo() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    _ = bench.ask(
      .ship(
        ShipRequest(
          from: Bench.peer(3, "a:1"), segment: foreign, offset: .zero, more: true,
          bytes: [UInt8](repeating: 0, count: 164))))
    if let ingest = bench.takeIngest() {
      bench.feed(.ingested(ingest.id, .accepted(Bench.end(foreign, 1, durable: 0))))
    }
    #expect(bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)]))
    #expect(bench.takeFetch() == nil)
    // The pusher stops: it is fetched after all.
    bench.pass(.seconds(1))
    _ = bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)])
    bench.pass(.seconds(2))
    _ = bench.answerSync(as: successor, holding: [Bench.end(foreign, 5)])
    #expect(bench.takeFetch()?.request.offset == Offset(164))
  }

  @Test func fetchesAreFewAtATimeFactsFirst() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    let archive = Bench.name(4, 1, .archives)
    let many = (1...6).map { Bench.end(Bench.name(5, $0), 2) }
    #expect(bench.answerSync(as: successor, holding: [Bench.end(archive, 2)] + many))
    var names: [SegmentName] = []
    while let fetch = bench.takeFetch() { names.append(fetch.request.segment) }
    #expect(names == many.prefix(4).map(\.name))
  }

  @Test func aFailedFetchGivesUpThatPeerUntilItAnswers() {
    let bench = Bench()
    bench.start([Bench.end(own, 0)])
    let many = (1...6).map { Bench.end(Bench.name(5, $0), 2) }
    #expect(bench.answerSync(as: successor, holding: many))
    var fetches: [Replicator.ExchangeID] = []
    while let fetch = bench.takeFetch() { fetches.append(fetch.id) }
    for id in fetches { bench.feed(.failed(id, "connection reset")) }
    #expect(bench.takeFetch() == nil)
    #expect(bench.core.status.fetching == 0)
    bench.pass(.seconds(1))
    #expect(bench.answerSync(as: successor, holding: many))
    #expect(bench.takeFetch() != nil)
  }
}
