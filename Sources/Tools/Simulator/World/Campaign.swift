import RolesCore

// Many scenarios, one after the other, until one finds a violation.

public struct Campaign {
  public private(set) var statistics = Statistics()
  public private(set) var steps = 0
  /// Virtual.
  public private(set) var time = Duration.zero
  public private(set) var hashes: [UInt64] = []
  public private(set) var findings: [(seed: UInt64, outcome: Outcome)] = []

  /// For a person who waits.
  public var onSeed: ((UInt64) -> Void)?

  public init() {}

  /// Runs the seeds; goes on after a finding unless there are `limit` of them.
  public mutating func run(
    _ seeds: ClosedRange<UInt64>, limit: Int = 1, _ change: (inout Scenario) -> Void = { _ in }
  ) {
    for seed in seeds {
      var scenario = Scenario.campaign(seed: seed)
      change(&scenario)
      onSeed?(seed)
      let outcome = World(scenario).run()
      hashes.append(outcome.hash)
      statistics += outcome.statistics
      steps += outcome.steps
      time += outcome.time
      guard outcome.violation != nil else { continue }
      findings.append((seed, outcome))
      if findings.count >= limit { return }
    }
  }

  /// The findings, each with its seed and the end of its trace.
  public func report(lines: Int = 60) -> String {
    findings.map { seed, outcome in
      "seed \(seed): \(outcome.violation?.description ?? "")\n"
        + outcome.tail.suffix(lines).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }
}
