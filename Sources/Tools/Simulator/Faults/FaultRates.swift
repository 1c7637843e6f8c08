import ReplicationCore

// How often what goes wrong. Numbers of VERIFICATION.md are named.

public struct FaultRates: Sendable {
  // F9, a message.
  public var loss = 0.0
  public var duplication = 0.0
  public var delay = 0.0
  public var cutConnection = 0.0
  /// A client's submissions turn up once more, long after.
  public var strays = 0.0
  // A sync (F8).
  public var slowSync = 0.0
  // Of the whole storm.
  /// F1: single processes.
  public var kills = 0
  /// F3: single machines.
  public var powerCuts = 0
  /// Of these, how many strike in the middle of a disk operation.
  public var midOperation = 0.0
  /// F2: any subset at once.
  public var massacres = 0
  /// F4: a directory lost.
  public var wipes = 0
  /// F4: a node that never returns.
  public var departures = 0
  /// F18: a coordinator that is away until the storm is over.
  public var absences = 0
  /// F10.
  public var partitions = 0
  /// F14: somebody is suspected wrongly by somebody.
  public var slowPairs = 0
  /// A task: the machine fails it.
  public var taskFailure = 0.0

  public init() {}

  public static let none = FaultRates()

  /// Everything, by one temper or the other.
  static func drawn(with dice: inout Dice) -> FaultRates {
    var rates = FaultRates()
    let isRough = dice.chance(0.3)
    rates.loss = dice.chance(0.7) ? (isRough ? 0.1 : 0.02) : 0
    rates.duplication = dice.chance(0.7) ? 0.03 : 0
    rates.delay = dice.chance(0.7) ? (isRough ? 0.1 : 0.02) : 0
    rates.cutConnection = dice.chance(0.7) ? (isRough ? 0.05 : 0.01) : 0
    rates.strays = rates.duplication > 0 ? 0.2 : 0
    rates.slowSync = dice.chance(0.4) ? 0.01 : 0
    rates.kills = dice.number(0...8)
    rates.powerCuts = dice.number(0...8)
    rates.midOperation = 0.5
    rates.massacres = dice.number(0...2)
    rates.wipes = dice.number(0...2)
    rates.departures = dice.chance(0.3) ? 1 : 0
    rates.partitions = dice.number(0...4)
    rates.slowPairs = dice.number(0...4)
    rates.taskFailure = dice.chance(0.6) ? 0.1 : 0
    return rates
  }

  /// Rates of the calm: nothing is lost any more.
  var calm: FaultRates { FaultRates() }
}
