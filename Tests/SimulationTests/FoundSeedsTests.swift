import Testing

@testable import Simulator

/// Seeds that found something, each with what it was. A change of the simulator throws other dice;
/// then a seed stands for its kind of scenario only.
@Suite struct FoundSeedsTests {
  private func check(_ seed: UInt64, _ change: (inout Scenario) -> Void = { _ in }) {
    var campaign = Campaign()
    campaign.run(seed...seed, change)
    #expect(campaign.findings.isEmpty, "\(campaign.report(lines: 40))")
  }

  /// L1: the only disk with a collected result was lost. The collection, which its client sent
  /// again, fixed a result that nobody had, and the relaunched program waited for it for ever.
  @Test func aCollectedResultWentWithTheOnlyDisk() { check(3, Scenario.lateSubmissions) }

  /// L1: a client had lost its log, knew releases from the coordinator's answers only and logged
  /// none. Then the only coordinator lost its disk: the gap kept all that followed from being
  /// accepted.
  @Test func releasesKnownFromAnswersOnlyWentWithTheDisk() { check(1, Scenario.lateSubmissions) }

  /// L1: a living coordinator that no server asked any more held a call, and those that heard the
  /// servers relied on it.
  @Test func aCoordinatorWithoutServersHeldACall() { check(85) }

  /// L1: the archive of a result went with a disk, and nobody gave it up.
  @Test(arguments: [48, 59, 140] as [UInt64])
  func theFilesOfAResultWentWithADisk(seed: UInt64) { check(seed) }

  /// The whole kind of the first two.
  @Test func nothingIsMissedWithOneCoordinatorThatLosesItsDisk() {
    var campaign = Campaign()
    campaign.run(1...10, limit: 3, Scenario.lateSubmissions)
    #expect(campaign.findings.isEmpty, "\(campaign.report(lines: 20))")
  }
}

extension Scenario {
  /// The only coordinator loses its directory again and again, while copies of submissions that it
  /// had taken before are still on their way.
  static func lateSubmissions(_ scenario: inout Scenario) {
    scenario.coordinators = 1
    scenario.servers = 1
    scenario.clients = 2
    scenario.callsPerClient = 60...80
    scenario.faults = .none
    scenario.faults.wipes = 12
    scenario.faults.strays = 1
  }
}
