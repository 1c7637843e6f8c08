import LogStore
import ReplicationCore
import RolesCore

// What is simulated: how many nodes of which role, which work, which faults and which planted
// bugs. A value; a world is a pure function of it.

public struct Scenario: Sendable {
  public var seed: UInt64
  public var coordinators = 3
  public var servers = 2
  public var clients = 1
  public var callsPerClient = 20...40
  /// Faults strike from the start until then.
  public var storm = Duration.seconds(30)
  /// How long everything may take after the storm.
  public var patience = Duration.seconds(300)
  public var faults = FaultRates.none
  /// How soon an absent coordinator's segments are taken over; nil: not in such a short time, and
  /// an operator removes who never returns.
  public var adoptAfter: Duration?
  package var bugs = SimulatedBugs()
  /// More happens only if somebody talks in circles.
  public var eventLimit = 500_000
  /// Lines of the trace that are kept.
  public var traceLines = 400

  public init(seed: UInt64) { self.seed = seed }

  /// A grid of a drawn size and temper, as the campaign runs it.
  public static func campaign(seed: UInt64) -> Scenario {
    var dice = Dice(seed: seed ^ 0x5ca1_ab1e)
    var scenario = Scenario(seed: seed)
    scenario.coordinators = dice.number(2...4)
    scenario.servers = dice.number(2...3)
    scenario.clients = dice.number(1...2)
    scenario.callsPerClient = scenario.clients == 1 ? 20...60 : 15...30
    scenario.faults = FaultRates.drawn(with: &dice)
    return scenario
  }
}

/// Faults that are planted to prove that a check can fail (VERIFICATION.md).
package struct SimulatedBugs: Sendable {
  package var log: PlantedBugs = []
  package var ledger: LedgerBugs = []
  package var coordinator: CoordinatorSettings.PlantedBugs = []
  package var server: ServerSettings.PlantedBugs = []
  package var client: ClientSettings.PlantedBugs = []
  package var replication: ReplicationBugs = []
  package var drain: DrainBugs = []
  package init() {}
}

/// An invariant that did not hold.
public struct Violation: Error, Sendable, CustomStringConvertible {
  /// As in VERIFICATION.md: I1, L2, D.
  public var invariant: String
  public var text: String
  public init(_ invariant: String, _ text: String) {
    self.invariant = invariant
    self.text = text
  }
  public var description: String { "\(invariant): \(text)" }
}

/// What came of a run.
public struct Outcome: Sendable {
  public var violation: Violation?
  public var hash: UInt64
  public var steps: Int
  /// Virtual.
  public var time: Duration
  public var statistics: Statistics
  public var tail: [String]
}

public struct Statistics: Sendable, Hashable {
  public var messages = 0
  public var kills = 0
  public var powerCuts = 0
  public var disksLost = 0
  public var cutsInOperation = 0
  public var partitions = 0
  public var suspicions = 0
  public var deletions = 0
  /// Of these, of segments of nodes that are not there.
  public var adoptions = 0
  public var tasksRun = 0
  public var tasksFailed = 0
  public var relaunches = 0
  public var results = 0
  public var promises = 0
  /// Collected results that a later run of their program is bound to be given again.
  public var fixedResults = 0
  public var archives = 0
  public init() {}

  public static func += (total: inout Statistics, one: Statistics) {
    total.messages += one.messages
    total.kills += one.kills
    total.powerCuts += one.powerCuts
    total.disksLost += one.disksLost
    total.cutsInOperation += one.cutsInOperation
    total.partitions += one.partitions
    total.suspicions += one.suspicions
    total.deletions += one.deletions
    total.adoptions += one.adoptions
    total.tasksRun += one.tasksRun
    total.tasksFailed += one.tasksFailed
    total.relaunches += one.relaunches
    total.results += one.results
    total.promises += one.promises
    total.fixedResults += one.fixedResults
    total.archives += one.archives
  }
}
