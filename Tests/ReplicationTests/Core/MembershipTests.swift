import LogStore
import Testing

@testable import ReplicationCore

@Suite struct MembershipTests {
  private let now = Instant(nanoseconds: 1_000_000_000)

  private func peer(_ number: UInt64, _ address: String, start: UInt64 = 1) -> PeerInfo {
    PeerInfo(node: NodeID(ID128(high: 0, low: number)), address: address, incarnation: start)
  }

  private func membership(_ addresses: [String], limit: Int = 1024) -> Membership {
    var membership = Membership(local: peer(1, "a:1"), limit: limit)
    membership.list(addresses, at: now)
    return membership
  }

  @Test func ownAddressAndNonsenseAreNoMembers() {
    let long = String(repeating: "x", count: 300)
    let membership = membership(["b:1", "a:1", "", long, "b:1", "a:0"])
    #expect(membership.routes == ["a:0", "b:1"])
    #expect(membership.coordinatorCount == 3)
  }

  @Test func anAddressWhereWeAnswerIsAnAlias() {
    var membership = membership(["localhost:1", "b:1"])
    expect(membership.answered("localhost:1", by: peer(1, "a:1"), at: now), equals: .selfAlias)
    #expect(membership.routes == ["b:1"])
    #expect(membership.shared == ["a:1", "b:1"])
    #expect(membership.coordinatorCount == 2)
  }

  @Test func anotherProcessUnderOurIdentityIsAClone() {
    var membership = membership(["b:1"])
    expect(membership.answered("b:1", by: peer(1, "b:1", start: 2), at: now), equals: .clone)
  }

  @Test func answersTellNodesStartsAndAddresses() {
    var membership = membership(["localhost:2"])
    expect(membership.answered("localhost:2", by: peer(2, "b:1"), at: now), equals: .newNode)
    expect(membership.answered("localhost:2", by: peer(2, "b:1"), at: now), equals: .same)
    expect(
      membership.answered("localhost:2", by: peer(2, "b:1", start: 2), at: now),
      equals: .newIncarnation)
    // The address that it names is learned, and it is what others are told.
    #expect(membership.routes == ["b:1", "localhost:2"])
    #expect(membership.shared == ["a:1", "b:1"])
    #expect(membership.coordinatorCount == 2)
    // F4: the same address, another disk.
    expect(membership.answered("localhost:2", by: peer(3, "b:1"), at: now), equals: .newNode)
  }

  @Test func aClaimDoesNotReplaceAnAnswer() {
    var membership = membership(["b:1"])
    _ = membership.answered("b:1", by: peer(2, "b:1"), at: now)
    expect(membership.met(peer(9, "b:1"), at: now))
    #expect(membership.entry(at: "b:1")?.node == peer(2, "").node)
    expect(membership.met(peer(4, "d:1"), at: now))
    #expect(membership.entry(at: "d:1")?.node == peer(4, "").node)
    #expect(membership.shared == ["a:1", "b:1"], "a claim is not passed on")
  }

  @Test func removedNodesStayAwayUntilTheOperatorListsThem() {
    var membership = membership(["b:1", "c:1"])
    _ = membership.answered("b:1", by: peer(2, "b:1"), at: now)
    expect(membership.remove(peer(2, "").node), equals: ["b:1"])
    membership.merge(["b:1"], at: now)
    expect(!membership.met(peer(2, "b:1"), at: now))
    #expect(membership.routes == ["c:1"])
    // Another node at that address is welcome.
    expect(membership.met(peer(5, "b:1"), at: now))
    #expect(membership.routes == ["b:1", "c:1"])
    // A listed address is asked; if the removed node answers, it goes again.
    membership.list(["b:1", "x:1"], at: now)
    expect(membership.answered("x:1", by: peer(2, "x:1"), at: now), equals: .removed)
    #expect(membership.routes == ["b:1", "c:1"])
  }

  @Test func theOperatorsListReplacesItself() {
    var membership = membership(["b:1", "c:1"])
    membership.merge(["d:1"], at: now)
    membership.list(["c:1"], at: now)
    #expect(membership.routes == ["b:1", "c:1", "d:1"])
    #expect(membership.shared == ["a:1", "c:1"])
    expect(membership.forget(silentFor: .seconds(10), at: now + .seconds(9)).isEmpty)
    expect(
      membership.forget(silentFor: .seconds(10), at: now + .seconds(11)), equals: ["b:1", "d:1"])
    #expect(membership.routes == ["c:1"])
  }

  /// I9.
  @Test func listsAreBounded() {
    var membership = membership([], limit: 10)
    membership.merge((0..<5000).map { "host\($0):1" }, at: now)
    #expect(membership.entries.count == 10)
    for number in 0..<5000 {
      _ = membership.met(peer(UInt64(number + 10), "peer\(number):1"), at: now)
    }
    #expect(membership.entries.count == 10)
  }
}

@Suite struct RingTests {
  private let now = Instant(nanoseconds: 1_000_000_000)

  private func peer(_ number: UInt64, _ address: String) -> PeerInfo {
    PeerInfo(node: NodeID(ID128(high: 0, low: number)), address: address, incarnation: 1)
  }

  private func ring(_ local: String, _ others: [String], suspected: Set<String> = []) -> Ring {
    var membership = Membership(local: peer(1, local))
    membership.list(others, at: now)
    return Ring(local: membership.local, membership: membership, isSuspected: suspected.contains)
  }

  @Test func neighboursInTheCommonOrder() {
    let ring = ring("b:1", ["c:1", "d:1", "a:1"])
    #expect(ring.members.map(\.address) == ["a:1", "b:1", "c:1", "d:1"])
    #expect(ring.successor?.address == "c:1")
    #expect(ring.predecessor?.address == "a:1")
    #expect(ring.others.map(\.address) == ["c:1", "d:1", "a:1"])
    #expect(self.ring("d:1", ["a:1", "b:1"]).successor?.address == "a:1")
  }

  @Test func suspectedOnesAreSkipped() {
    let ring = ring("b:1", ["c:1", "d:1", "a:1"], suspected: ["c:1"])
    #expect(ring.successor?.address == "d:1")
    #expect(ring.members.count == 3)
  }

  @Test func aloneThereIsNoNeighbour() {
    let ring = ring("b:1", ["c:1"], suspected: ["c:1"])
    #expect(ring.members.map(\.address) == ["b:1"])
    #expect(ring.successor == nil && ring.predecessor == nil && ring.others.isEmpty)
  }

  @Test func oneNodeOfManyAddressesStandsOnce() {
    var membership = Membership(local: peer(1, "m:1"))
    membership.list(["127.0.0.1:5", "localhost:5", "z:5"], at: now)
    _ = membership.answered("localhost:5", by: peer(5, "z:5"), at: now)
    _ = membership.answered("127.0.0.1:5", by: peer(5, "z:5"), at: now)
    _ = membership.answered("z:5", by: peer(5, "z:5"), at: now)
    var ring = Ring(local: membership.local, membership: membership) { _ in false }
    #expect(ring.members.map(\.route) == ["m:1", "z:5"])
    // By another route if its own is not reached; its place stays the same.
    ring = Ring(local: membership.local, membership: membership) { $0 == "z:5" }
    #expect(ring.members.map(\.address) == ["m:1", "z:5"])
    #expect(ring.successor?.route == "127.0.0.1:5")
  }
}
