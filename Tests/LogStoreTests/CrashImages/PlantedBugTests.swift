// The checks of the crash campaign and of the directed scenarios can fail: each bug planted in the
// engine is found by the invariant that VERIFICATION.md names, and without it the very same seeds
// are clean.

import Testing

@testable import LogStore

struct PlantedBugCase: Sendable, CustomTestStringConvertible {
  /// As in VERIFICATION.md.
  var name: String
  /// One of these has to be violated.
  var checks: [String]
  /// How many seeds may pass before it is.
  var seeds: UInt64
  var run: @Sendable (_ seed: UInt64, _ withBug: Bool) throws -> [String]

  var testDescription: String { name }

  static func campaign(
    _ name: String, _ bug: PlantedBugs, _ checks: [String], seeds: UInt64 = 12,
    _ change: @escaping @Sendable (inout CrashSettings) -> Void = { _ in }
  ) -> PlantedBugCase {
    PlantedBugCase(name: name, checks: checks, seeds: seeds) { seed, withBug in
      var settings = CrashSettings()
      change(&settings)
      if withBug { settings.bugs = bug }
      return CrashImageTests.campaign(seed, settings, seeds: 2).violations
    }
  }

  static func scenario(
    _ name: String, _ checks: [String],
    _ run: @escaping @Sendable (_ seed: UInt64, _ withBug: Bool) throws -> [String]
  ) -> PlantedBugCase {
    PlantedBugCase(name: name + ", directed", checks: checks, seeds: 6, run: run)
  }

  static let all: [PlantedBugCase] = [
    .campaign("B1", .acknowledgeBeforeSync, ["I1", "I7"]),
    .campaign("B2", .directoryNotSynced, ["I1", "I2"]),
    .campaign("B3", .failedSyncRetried, ["I1"]) { settings in
      // A sync of a segment fails, once a boot.
      settings.fault = { dice in
        DiskFault(.synchronize, pathSuffix: ".seg", after: Int(dice.next() % 16), code: 5)
      }
    },
    .campaign("B5", .restartAppendsToLastSegment, ["I2"]),
    .campaign("B6", .wrongOffsetAccepted, ["I2"]),
    .campaign("B7", .undurableCoversCount, ["I1", "I4"], seeds: 60),
    .campaign("B8", .drainCheckSkipped, ["I1", "I4"]),
    .campaign("B10", .staleCheckpointBelieved, ["I1", "I3"], seeds: 60),
    .campaign("B20", .recoveredUnsynced, ["I1"]),
    .campaign("B21", .serialReused, ["I2", "I1"]),
    .campaign("B25", .foreignDurableEndsTrusted, ["I1", "I10"]),
    .scenario("B4", ["I1"], DirectedScenarios.rotBeforeADurableEnd),
    .scenario("B7", ["I1", "I4"], DirectedScenarios.aCoverThatIsNotDurable),
    .scenario("B8", ["I1", "I4"], DirectedScenarios.aLongerCopyThanTheRetirers),
    .scenario("B18", ["I9"], DirectedScenarios.aLengthFromTheWire),
    .scenario("B23", ["L2"], DirectedScenarios.twoNodesWithEqualFacts),
  ]
}

@Suite struct PlantedBugTests {
  @Test(arguments: PlantedBugCase.all)
  func isCaughtByTheCheckThatIsNamed(_ bug: PlantedBugCase) throws {
    var others: Set<String> = []
    for seed in 1...bug.seeds {
      let clean = try bug.run(seed, false)
      #expect(clean.isEmpty, "\(bug.name) without the bug, seed \(seed)")
      let violations = try bug.run(seed, true)
      let named = violations.first { text in bug.checks.contains { text.contains("\($0): ") } }
      if let named { return print("planted bug \(bug.name), seed \(seed): \(named)") }
      others.formUnion(violations.prefix(3))
    }
    Issue.record("\(bug.name) is not caught by \(bug.checks); seen: \(others.sorted())")
  }
}
