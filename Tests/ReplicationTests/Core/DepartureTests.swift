import LogStore
import Testing

@testable import ReplicationCore

/// An orderly stop, on both sides. One core on the bench, at b:1.
@Suite struct DepartureTests {
  private let successor = Bench.peer(3, "c:1")

  private func start(_ members: [String] = ["c:1", "d:1"]) -> Bench {
    let bench = Bench()
    bench.start([Bench.end(Bench.name(1, 1), 0)], members: members)
    #expect(bench.answerSync(as: successor))
    bench.feed(.heardOf([]))
    answerProbes(bench, as: Bench.peer(4, "d:1"))
    return bench
  }

  private func answerProbes(_ bench: Bench, as peer: PeerInfo) {
    while let probe = bench.takeSync(.probe) {
      guard probe.route == peer.address else { continue }
      bench.feed(.response(probe.id, .sync(SyncResponse(from: peer))))
    }
  }

  private func farewell(of peer: PeerInfo, to bench: Bench) {
    let token = bench.ask(
      .sync(
        SyncRequest(from: peer, purpose: .farewell, members: [], digests: [], archives: true)))
    guard case .sync(let response)? = bench.takeReply(token) else {
      Issue.record("a farewell is answered")
      return
    }
    #expect(response.owners.isEmpty)
  }

  @Test func whoSaysFarewellIsPassedOverAtOnce() {
    let bench = start()
    #expect(bench.core.status.successor?.address == "c:1")
    farewell(of: successor, to: bench)
    #expect(bench.take(.suspect(address: "c:1", Bench.node(3))))
    #expect(bench.core.status.successor?.address == "d:1")
    #expect(bench.notes.contains("coordinator c:1 is suspected: it was stopped"))
  }

  @Test func whatItAnswersWhileItStopsTakesNothingBack() {
    let bench = start()
    bench.pass(.seconds(1))
    let late = bench.takeSync()
    #expect(late?.route == "c:1")
    farewell(of: successor, to: bench)
    if let late { bench.feed(.response(late.id, .sync(SyncResponse(from: successor)))) }
    #expect(bench.core.suspects("c:1"))
  }

  @Test func itsNextStartIsTrusted() {
    let bench = start()
    farewell(of: successor, to: bench)
    let again = Bench.peer(3, "c:1", start: 2)
    bench.pass(.seconds(1))
    _ = bench.ask(
      .sync(SyncRequest(from: again, purpose: .pull, members: [], digests: [], archives: true)))
    answerProbes(bench, as: again)
    #expect(bench.take(.unsuspect(address: "c:1", Bench.node(3))))
    #expect(bench.core.status.successor?.address == "c:1")
    // A word of the start before, late or repeated, harms nobody.
    farewell(of: successor, to: bench)
    #expect(!bench.core.suspects("c:1"))
  }

  @Test func farewellOfAStrangerIsOnlyAnswered() {
    let bench = start()
    let before = bench.core.known.map(\.address)
    farewell(of: Bench.peer(9, "z:1"), to: bench)
    #expect(bench.core.known.map(\.address) == before)
    #expect(!bench.core.suspects("z:1") && bench.takeSync(.probe) == nil)
  }

  @Test func aStopTellsEverybodyWhoAnswersAndWaitsForThem() {
    let bench = start(["c:1", "d:1", "e:1"])
    bench.feed(.leave)
    #expect(!bench.core.hasLeft)
    var told: [Replicator.ExchangeID: String] = [:]
    while let farewell = bench.takeSync(.farewell) {
      told[farewell.id] = farewell.route
      #expect(farewell.request.digests.isEmpty)
    }
    #expect(Set(told.values) == ["c:1", "d:1"], "e:1 has never answered")
    for (id, route) in told {
      #expect(!bench.core.hasLeft)
      if route == "c:1" {
        bench.feed(.response(id, .sync(SyncResponse(from: successor))))
      } else {
        bench.feed(.failed(id, "connection refused"))
      }
    }
    #expect(bench.core.hasLeft)
    bench.feed(.leave)
    #expect(bench.core.hasLeft && bench.takeSync(.farewell) == nil)
  }

  @Test func aStopWaitsNoLongerThanASecond() {
    let bench = start()
    bench.feed(.leave)
    bench.pass(.seconds(3))
    #expect(bench.core.hasLeft, "the core bounds it though the transport stays silent")
  }

  @Test func whoIsAloneHasLeftAtOnce() {
    let bench = Bench()
    bench.start([Bench.end(Bench.name(1, 1), 0)], members: [])
    bench.feed(.leave)
    #expect(bench.core.hasLeft)
  }
}
