import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Random interleavings of clients, servers, another coordinator, syncs, crashes and time. Every
/// answer is held against the log as it is at that moment: I1, I5, I7, I8 as far as one coordinator
/// goes.
@Suite struct CoordinatorRandomTests {
  static let seeds: Range<UInt64> = 1..<120

  @Test func nothingIsSaidTooEarlyAndFinishedIsNeverScheduled() {
    var said = 0
    for seed in Self.seeds {
      var world = CoordinatorWorld(seed: seed, bugs: [])
      for _ in 0..<250 { world.step() }
      let violations = world.oracle.violations
      #expect(violations.isEmpty, "seed \(seed): \(violations.first ?? "")")
      if !violations.isEmpty { return }
      said += world.oracle.answers
    }
    print("CoordinatorRandomTests: seeds \(Self.seeds), \(said) answers checked")
    #expect(said > 10_000)
  }

  @Test(arguments: [
    CoordinatorSettings.PlantedBugs.answersBeforeDurable.rawValue,
    CoordinatorSettings.PlantedBugs.acceptsGaps.rawValue,
    CoordinatorSettings.PlantedBugs.schedulesFinished.rawValue,
    CoordinatorSettings.PlantedBugs.heldIsSafe.rawValue,
  ])
  func plantedBugsAreCaught(_ bug: UInt32) {
    for seed in Self.seeds {
      var world = CoordinatorWorld(seed: seed, bugs: .init(rawValue: bug))
      for _ in 0..<250 {
        world.step()
        if !world.oracle.violations.isEmpty { return }
      }
    }
    Issue.record("bug \(bug) was not caught by any of the seeds \(Self.seeds)")
  }

  @Test func theSameSeedGivesTheSameAnswers() {
    func trace(_ seed: UInt64) -> [String] {
      var world = CoordinatorWorld(seed: seed, bugs: [])
      for _ in 0..<250 { world.step() }
      return world.oracle.trace
    }
    for seed in 1...20 as ClosedRange<UInt64> { #expect(trace(seed) == trace(seed), "\(seed)") }
  }

  /// L1 for one coordinator: once servers work and syncs happen, every call finishes.
  @Test func everyCallFinishesInTheEnd() {
    for seed in 1..<100 as Range<UInt64> {
      var world = CoordinatorWorld(seed: seed, bugs: [])
      for _ in 0..<150 { world.step() }
      world.calmDown()
      let left = world.unfinished()
      #expect(left.isEmpty, "seed \(seed): \(left.map { world.h.why($0) })")
      if !left.isEmpty { return }
    }
  }
}
