import ReplicationCore
import RolesCore
import Testing

@testable import Simulator

/// Each planted bug of VERIFICATION.md must be found by the campaign within a few seeds; a bug that
/// is not found is a check that is missing.
@Suite struct PlantedBugTests {
  static let seeds: ClosedRange<UInt64> = 1...40

  private func expectFound(
    _ bug: String, by invariants: Set<String>, change: (inout Scenario) -> Void = { _ in },
    _ plant: (inout SimulatedBugs) -> Void
  ) {
    var campaign = Campaign()
    // What a scenario violates without the bug is no finding of it.
    campaign.run(Self.seeds, limit: 5) {
      change(&$0)
      plant(&$0.bugs)
    }
    let findings = campaign.findings
    let expected = findings.first { invariants.contains($0.outcome.violation?.invariant ?? "") }
    guard let found = expected ?? findings.first, let violation = found.outcome.violation else {
      Issue.record("\(bug) is not found in seeds \(Self.seeds)")
      return
    }
    #expect(
      invariants.contains(violation.invariant),
      "\(bug) is found in seed \(found.seed) as \(violation)")
  }

  @Test func b1AnswersBeforeTheSync() {
    expectFound("B1 of the coordinator", by: ["I1", "I7"]) {
      $0.coordinator = .answersBeforeDurable
    }
    expectFound("B1 of the log", by: ["I1", "I7"]) { $0.log = .acknowledgeBeforeSync }
  }

  @Test func b5ReopensTheLastSegment() {
    expectFound("B5", by: ["I2"]) { $0.log = .restartAppendsToLastSegment }
  }

  @Test func b7CountsCoversThatAreNotDurable() {
    expectFound("B7", by: ["I1", "I4"]) { $0.log = .undurableCoversCount }
  }

  @Test func b8DrainsWithoutTheCheck() {
    expectFound("B8", by: ["I1", "I4"]) { $0.log = .drainCheckSkipped }
  }

  @Test func b12AcceptsGaps() {
    expectFound("B12", by: ["I1", "I7"], change: Scenario.lateSubmissions) {
      $0.coordinator = .acceptsGaps
    }
  }

  @Test func b19KeepsTheLaterFact() {
    expectFound("B19", by: ["I3"]) { $0.ledger = .keepsLater }
  }

  @Test func b20AnswersForRecoveredBytesBeforeTheirSync() {
    // A cover that a power cut takes shows as I4.
    expectFound("B20", by: ["I1", "I4", "I7"]) { $0.log = .recoveredUnsynced }
  }

  @Test func b24CountsSubmissionsOnly() {
    expectFound("B24", by: ["L1", "I3"]) { $0.ledger = .contiguityCountsSubmittedOnly }
  }
}
