import LogStore
import Testing

@testable import ReplicationCore

/// Who is asked when, and what follows from silence. One core on the bench, at b:1.
@Suite struct ProbingTests {
  private let own = Bench.name(1, 1)

  private func start(_ members: [String]) -> Bench {
    let bench = Bench()
    bench.start([Bench.end(own, 0)], members: members)
    return bench
  }

  /// All of `live` answer whatever they are asked for so long.
  private func live(_ bench: Bench, _ live: [String: PeerInfo], seconds: Int) {
    for _ in 0..<seconds {
      bench.pass(.seconds(1))
      for purpose in SyncPurpose.allCases {
        while let sync = bench.takeSync(purpose) {
          guard let peer = live[sync.route] else { continue }
          bench.feed(.response(sync.id, .sync(SyncResponse(from: peer))))
        }
      }
    }
  }

  @Test func aSilentSuccessorIsPassedOverAndTakenBack() {
    let bench = start(["c:1", "d:1"])
    let both = ["c:1": Bench.peer(3, "c:1"), "d:1": Bench.peer(4, "d:1")]
    live(bench, both, seconds: 3)
    #expect(bench.core.status.successor?.address == "c:1")
    live(bench, ["d:1": Bench.peer(4, "d:1")], seconds: 12)
    #expect(bench.take(.suspect(address: "c:1", Bench.node(3))))
    #expect(bench.core.status.successor?.address == "d:1")
    #expect(bench.core.suspects("c:1") && !bench.core.suspects("d:1"))
    live(bench, both, seconds: 6)
    #expect(bench.take(.unsuspect(address: "c:1", Bench.node(3))))
    #expect(bench.core.status.successor?.address == "c:1")
  }

  @Test func deadAddressesInAListArePassedSoon() {
    let bench = start((0..<6).map { "c\($0):1" } + ["d:1"])
    live(bench, ["d:1": Bench.peer(4, "d:1")], seconds: 8)
    #expect(bench.core.status.successor?.address == "d:1")
    #expect(bench.core.status.suspected.count == 6)
  }

  @Test func aloneAllIsSilentButProbes() {
    let bench = start(["c:1", "d:1"])
    live(bench, [:], seconds: 20)
    #expect(bench.core.status.successor == nil)
    #expect(!bench.take(.caughtUp), "nobody has answered")
    #expect(bench.core.status.ring.map(\.address) == ["b:1"])
  }

  /// The rate of probes is bounded however many there are, and everybody's turn comes.
  @Test func probesAreFewAndReachEverybody() {
    let routes = (0..<40).map { "host\($0):1" }
    let bench = start(routes)
    var probed: Set<String> = []
    // The start makes a round, and so does each second after it.
    for round in 0..<20 {
      if round > 0 { bench.pass(.seconds(1)) }
      var count = 0
      while let probe = bench.takeSync(.probe) {
        probed.insert(probe.route)
        count += 1
        #expect(probe.request.digests.isEmpty)
      }
      while let sync = bench.takeSync() { probed.insert(sync.route) }
      #expect(count <= 4)
    }
    #expect(probed.count == 40)
  }

  @Test func whoSpeaksToUsIsAskedAtOnce() {
    let bench = start(["c:1"])
    let newcomer = Bench.peer(7, "z:1")
    func hello(_ bench: Bench) -> SyncResponse? {
      let token = bench.ask(
        .sync(
          SyncRequest(
            from: newcomer, purpose: .probe, members: ["q:1"], digests: [], archives: true)))
      guard case .sync(let response)? = bench.takeReply(token) else { return nil }
      return response
    }
    #expect(hello(bench)?.members == ["b:1", "c:1"])
    let probe = bench.takeSync(.probe)
    #expect(probe?.route == "z:1")
    // But not for each of its words.
    _ = hello(bench)
    #expect(bench.takeSync(.probe) == nil)
    if let probe { bench.feed(.response(probe.id, .sync(SyncResponse(from: newcomer)))) }
    #expect(bench.core.coordinatorAddresses == ["b:1", "c:1", "z:1"])
    #expect(bench.core.known.map(\.address) == ["c:1", "q:1", "z:1"])
  }

  @Test func whatItSaysProvesNothingOfTheWayThere() {
    let bench = start(["c:1"])
    live(bench, ["c:1": Bench.peer(3, "c:1")], seconds: 2)
    for _ in 0..<14 {
      bench.pass(.seconds(1))
      _ = bench.ask(
        .sync(
          SyncRequest(
            from: Bench.peer(3, "c:1"), purpose: .heartbeat, members: [], digests: [],
            archives: true)))
    }
    #expect(bench.core.suspects("c:1"), "it can be heard, but it does not hear us")
    #expect(bench.core.status.hearsPredecessor)
  }

  @Test func aRemovedNodeLeavesTheRingAndStillGetsAnswers() {
    let bench = start(["c:1", "d:1"])
    live(bench, ["c:1": Bench.peer(3, "c:1"), "d:1": Bench.peer(4, "d:1")], seconds: 2)
    bench.feed(.removed(Bench.node(3)))
    #expect(bench.core.status.ring.map(\.address) == ["b:1", "d:1"])
    #expect(bench.core.status.coordinators == 2)
    let token = bench.ask(
      .sync(
        SyncRequest(
          from: Bench.peer(3, "c:1"), purpose: .pull, members: [], digests: [], archives: true)))
    guard case .sync(let response)? = bench.takeReply(token) else {
      Issue.record("no answer")
      return
    }
    #expect(response.owners.map(\.owner) == [own.owner])
    #expect(bench.core.status.ring.map(\.address) == ["b:1", "d:1"])
  }

  /// A restart of the successor voids what was known of it.
  @Test func anotherStartOfTheSuccessorIsAnotherView() {
    let bench = start(["c:1"])
    let before = Bench.peer(3, "c:1", start: 1)
    let after = Bench.peer(3, "c:1", start: 2)
    #expect(bench.answerSync(as: before, holding: [Bench.end(own, 0)]))
    bench.feed(.logChanged([Bench.end(own, 3)]))
    #expect(bench.performRead())
    guard let ship = bench.takeShip() else {
      Issue.record("nothing shipped")
      return
    }
    bench.pass(.seconds(1))
    #expect(bench.answerSync(as: after))
    // It lost all: shipped again from the start, and the old answer steers nothing.
    #expect(bench.takeRead()?.offset == .zero)
    bench.feed(.response(ship.id, .ship(ShipResponse(.gap, end: Bench.end(own, 2)))))
    #expect(bench.takeRead() == nil)
  }
}
