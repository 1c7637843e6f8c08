// What may be set about a client's session, with the reasons for the defaults. Values only.

import ReplicationCore

public struct ClientSettings: Sendable {
  public var session: SessionName
  /// For people: the names whose hashes the ids are.
  public var userText = ""
  public var sessionText = ""
  public var mode = SessionMode.keep
  public var strategy = LoggingStrategy.nonBlocking
  /// The session's id was drawn at random just now: no coordinator can know it, so the first
  /// submission need not wait for the answer to a question.
  public var isNewSession = false

  /// A coordinator that owes an answer for so long is suspected.
  public var suspicion = Duration.seconds(10)
  /// How often a coordinator is asked whether all is safe, while it isn't.
  public var heartbeat = Duration.seconds(1)
  /// How long the coordinator holds a question for results open.
  public var poll = Duration.seconds(1)
  /// Collections and releases wait so long for a submission to travel with, so that the exchange
  /// of one call doesn't stand in the way of the next call's.
  public var controlDelay = Duration.milliseconds(20)
  /// Calls that failed as often as they may are asked after so often: a late result still wins.
  public var exhaustedRecheck = Duration.seconds(10)

  /// One exchange takes so many records and bytes; a single record always passes.
  public var batchRecords = 1000
  public var batchBytes = 4 << 20
  /// Records kept in memory to be sent; those beyond are read from the log when their turn comes.
  public var memoryBudget = 64 << 20
  /// Ranges of wanted counters in one question; beyond that they take turns.
  public var wantedRanges = 1024
  /// Archives under way to the coordinator at once.
  public var archivePuts = 4
  /// Digests of an unknown session are fetched so far ahead of the program.
  public var digestsAhead = UInt64(CallDigest.pageLimit)

  package var plantedBugs: PlantedBugs = []

  public init(session: SessionName) { self.session = session }

  /// Test-only faults, each of which a check must catch (VERIFICATION.md).
  package struct PlantedBugs: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// B11: a result is matched by its counter without its digest.
    package static let ignoresDigest = PlantedBugs(rawValue: 1 << 0)
  }
}
