import ReplicationCore
import Testing

@testable import Simulator

/// Coordinators that are absent for longer than `adoptAfter`: others take over their segments, and
/// no fact is lost by that, whether they come back or not.
@Suite struct AdoptionTests {
  private func adopting(_ seed: UInt64, _ change: (inout Scenario) -> Void) -> Scenario {
    var scenario = Scenario(seed: seed)
    scenario.coordinators = 3
    scenario.servers = 2
    scenario.clients = 2
    scenario.adoptAfter = .seconds(8)
    change(&scenario)
    return scenario
  }

  private func run(_ seeds: ClosedRange<UInt64>, _ change: (inout Scenario) -> Void) -> Int {
    var adoptions = 0
    for seed in seeds {
      let outcome = World(adopting(seed, change)).run()
      let text = outcome.violation.map { "seed \(seed): \($0)\n" } ?? ""
      let tail = outcome.tail.suffix(40).joined(separator: "\n")
      #expect(outcome.violation == nil, "\(text)\(tail)")
      adoptions += outcome.statistics.adoptions
    }
    return adoptions
  }

  /// F4: nobody says that it never returns; its facts stay whole while its segments go.
  @Test func aNodeThatNeverReturnsIsTakenOver() {
    let adoptions = run(1...6) { $0.faults.departures = 1 }
    #expect(adoptions >= 6)
  }

  /// F18: it comes back after others took its segments for theirs. That costs bytes.
  @Test func aNodeThatReturnsAfterItsAdoptionGoesOn() {
    let adoptions = run(1...6) { $0.faults.absences = 1 }
    #expect(adoptions >= 6)
  }

  /// Everything at once, with disks lost, so that identities die too; adopted wrongly now and then.
  /// `RPCV_SEEDS` counts here too.
  @Test func adoptionInAStorm() {
    var campaign = Campaign()
    campaign.run(CampaignTests.chosenSeeds ?? 1...20, limit: 3) {
      $0.coordinators = max(3, $0.coordinators)
      $0.adoptAfter = .seconds(8)
      $0.faults.departures = 1
      $0.faults.absences = 1
    }
    #expect(campaign.findings.isEmpty, "\(campaign.report(lines: 30))")
    #expect(campaign.statistics.adoptions >= campaign.hashes.count)
  }
}
