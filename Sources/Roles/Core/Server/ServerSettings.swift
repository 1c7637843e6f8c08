// What may be set about a server, with the reasons for the defaults. Values only.

import ReplicationCore

public struct ServerSettings: Sendable {
  /// How long the coordinator holds a heartbeat open: silence is never longer than this.
  public var heartbeat = Duration.seconds(1)
  /// A coordinator that owes an answer for so long is suspected.
  public var suspicion = Duration.seconds(10)
  /// One exchange of results takes so many records and bytes; a single record always passes.
  public var batchRecords = 1000
  public var batchBytes = 4 << 20
  /// Results kept in memory to be sent; those beyond are read from the log when their turn comes.
  public var memoryBudget = 64 << 20
  /// Results listed in one heartbeat; beyond that they take turns.
  public var holdingListed = 1000
  /// Archives fetched and put at once.
  public var archiveTransfers = 4
  /// After every coordinator said that it doesn't have an archive, and so often again, the task
  /// fails. Coordinators that can't be reached don't count.
  public var archiveRounds = 3
  /// A log that took no result is tried again after so long; meanwhile no work is accepted.
  public var logRetry = Duration.seconds(1)
  /// When every coordinator refuses results they are offered again after a pause that doubles from
  /// the first to the longest, until one takes some.
  public var firstRefusalPause = Duration.milliseconds(50)
  public var refusalPause = Duration.seconds(2)

  package var plantedBugs: PlantedBugs = []

  /// How long an orderly stop may take to tell the coordinator of it.
  public var farewell = Duration.seconds(1)

  public init() {}

  /// Test-only faults, each of which a check must catch (VERIFICATION.md).
  package struct PlantedBugs: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// B13: a result is dropped when the coordinator received it, not when it is safe.
    package static let dropsReceived = PlantedBugs(rawValue: 1 << 0)
  }
}
