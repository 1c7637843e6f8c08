import LogStore
import Testing

@testable import ReplicationCore
@testable import RolesNode

/// The ring as the coordinator core is told of it.
@Suite struct RingPeersTests {
  private func entry(
    _ address: String, _ node: UInt64?, _ incarnation: UInt64?, seen: Int64, answered: Bool = true
  ) -> Membership.Entry {
    var entry = Membership.Entry(address: address, seen: .zero + .seconds(seen))
    entry.node = node.map { NodeID(ID128(high: 0, low: $0)) }
    entry.incarnation = incarnation
    entry.hasAnswered = answered
    return entry
  }

  private func starts(_ entries: [Membership.Entry]) -> [UInt64: UInt64?] {
    var starts: [UInt64: UInt64?] = [:]
    for (node, entry) in entries.newestOfEachNode { starts[node.value.low] = entry.incarnation }
    return starts
  }

  /// The name and the number of one machine: only one of the routes has seen its restart.
  @Test func ofSeveralRoutesTheLastAnswerCounts() {
    let old = entry("10.0.0.1:7070", 1, 5, seen: 10)
    let new = entry("alpha:7070", 1, 6, seen: 20)
    #expect(starts([old, new]) == [1: 6])
    #expect(starts([new, old]) == [1: 6])
  }

  @Test func aClaimIsNoAnswer() {
    let answer = entry("a:1", 1, 5, seen: 10)
    let claim = entry("b:1", 1, nil, seen: 30, answered: false)
    #expect(starts([claim, answer]) == [1: 5])
  }

  @Test func eachNodeIsThereOnce() {
    let entries = [
      entry("a:1", 1, 5, seen: 1), entry("b:1", 2, 7, seen: 1), entry("c:1", nil, nil, seen: 1),
      entry("d:1", 2, 8, seen: 2),
    ]
    #expect(starts(entries) == [1: 5, 2: 8])
    #expect(entries.newestOfEachNode.count == 2)
  }
}
