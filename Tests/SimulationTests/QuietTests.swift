import ReplicationCore
import Testing

@testable import Simulator

/// Grids without faults: everything comes to its end, and comes to rest.
@Suite struct QuietTests {
  @Test func oneOfEach() {
    var scenario = Scenario(seed: 1)
    scenario.coordinators = 1
    scenario.servers = 1
    scenario.storm = .seconds(1)
    let outcome = World(scenario).run()
    #expect(outcome.violation == nil, "\(outcome.tail.suffix(60).joined(separator: "\n"))")
    #expect(outcome.statistics.results >= 15)
  }

  @Test(arguments: 1...5)
  func severalOfEach(seed: Int) {
    var scenario = Scenario(seed: UInt64(seed))
    scenario.clients = 2
    scenario.storm = .seconds(1)
    let outcome = World(scenario).run()
    #expect(outcome.violation == nil, "\(outcome.tail.suffix(60).joined(separator: "\n"))")
  }
}
