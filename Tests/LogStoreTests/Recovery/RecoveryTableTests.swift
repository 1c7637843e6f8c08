import Testing

@testable import LogStore

/// The table of docs/FORMAT.md, row by row, as values: what stands there must be what the code
/// decides.
struct RecoveryTableTests {
  typealias Row = (
    RecoveryFinding.Header, RecoveryFinding.Reach, RecoveryFinding.Tail, RecoveryFinding.Writer,
    RecoveryDecision
  )

  static let rows: [Row] = [
    (.intact, .all, .nothing, .thisNode, .keep),
    (.intact, .all, .nothing, .another, .keep),
    (.intact, .all, .zeros, .thisNode, .trim),
    (.intact, .all, .zeros, .another, .trim),
    (.intact, .all, .damage, .thisNode, .cutTornTail),
    (.intact, .all, .damage, .another, .cutAndFetch),
    (.intact, .short, .nothing, .thisNode, .awaitHealing),
    (.intact, .short, .nothing, .another, .awaitHealing),
    (.intact, .short, .zeros, .thisNode, .awaitHealing),
    (.intact, .short, .zeros, .another, .awaitHealing),
    (.intact, .short, .damage, .thisNode, .quarantine),
    (.intact, .short, .damage, .another, .quarantine),
    (.unreadable, .all, .nothing, .thisNode, .discard),
    (.unreadable, .all, .nothing, .another, .discard),
    (.unreadable, .all, .zeros, .thisNode, .discard),
    (.unreadable, .all, .zeros, .another, .discard),
    (.unreadable, .all, .damage, .thisNode, .quarantine),
    (.unreadable, .all, .damage, .another, .discard),
    (.unreadable, .short, .nothing, .thisNode, .quarantine),
    (.unreadable, .short, .nothing, .another, .quarantine),
    (.unreadable, .short, .zeros, .thisNode, .quarantine),
    (.unreadable, .short, .zeros, .another, .quarantine),
    (.unreadable, .short, .damage, .thisNode, .quarantine),
    (.unreadable, .short, .damage, .another, .quarantine),
  ]

  @Test func everyRowDecidesAsWritten() {
    var seen: Set<RecoveryFinding> = []
    for (header, reach, tail, writer, decision) in Self.rows {
      let finding = RecoveryFinding(writer: writer, header: header, tail: tail, reach: reach)
      #expect(finding.decision == decision, "\(finding)")
      seen.insert(finding)
    }
    #expect(seen.count == 2 * 2 * 3 * 2)
  }
}
