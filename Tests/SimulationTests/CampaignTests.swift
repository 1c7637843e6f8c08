import ReplicationCore
import Testing

@testable import Simulator

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Seeds with F1, F2, F3, F4, F9, F10 and F14, checked for I1 to I7, L1, L2 and D.
/// `RPCV_SEEDS=first...last` runs others than the usual.
@Suite struct CampaignTests {
  static let chosenSeeds: ClosedRange<UInt64>? = {
    guard let text = getenv("RPCV_SEEDS").map({ String(cString: $0) }) else { return nil }
    let ends = text.split(separator: ".").compactMap { UInt64($0) }
    guard let first = ends.first, let last = ends.last, first <= last else { return nil }
    return first...last
  }()

  static let seeds = chosenSeeds ?? 1...100

  @Test func nothingIsLostInAnyStorm() {
    var campaign = Campaign()
    if getenv("RPCV_SEEDS") != nil { campaign.onSeed = { print("seed \($0)") } }
    campaign.run(Self.seeds, limit: 5)
    print("\(campaign.hashes.count) seeds, \(campaign.time) virtual, \(campaign.steps) steps")
    print(campaign.statistics)
    #expect(campaign.findings.isEmpty, "\(campaign.report())")
    // Programs were relaunched that had results to be given again.
    #expect(campaign.statistics.fixedResults > 0)
  }

  /// D: nothing but the seed decides.
  @Test func equalSeedsRunEqually() {
    for seed in [UInt64(3), 14, 15] {
      let scenario = Scenario.campaign(seed: seed)
      let (first, second) = (World(scenario).run(), World(scenario).run())
      #expect(first.hash == second.hash)
      #expect(first.steps == second.steps)
      #expect(first.tail == second.tail)
    }
  }
}
