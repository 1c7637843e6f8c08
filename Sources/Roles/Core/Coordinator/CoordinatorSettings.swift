import ReplicationCore

// What may be set about a coordinator, with the reasons for the defaults. Values only.

public struct CoordinatorSettings: Sendable {
  /// A server that was silent for so long is suspected. The paper took 30 s with a heartbeat of 5
  /// s.
  public var suspicionTimeout = Duration.seconds(10)
  /// At how many nodes a fact must be durable before it is called safe: 1 or 2, this one included.
  public var copies = 2
  /// How many facts of its own it keeps in mind while the log is full.
  public var unsaidLimit = 10_000
  /// After another coordinator became suspected or vanished, its servers have so long to report its
  /// tasks here before these are given out again: they need about as long to suspect it themselves.
  public var reportGrace = Duration.seconds(5)
  /// A restarted coordinator looks after the tasks of its earlier start; only if nothing came of
  /// that for so long are they anybody's.
  public var restartGrace = Duration.seconds(60)
  /// The other coordinators leave a call for so long to the one whose share it is.
  public var shareDelay = Duration.milliseconds(50)
  /// After the first failure a call waits so long, after each further one twice as long.
  public var backOff = Duration.seconds(1)
  public var backOffLimit = Duration.seconds(60)
  /// A coordinator whose segments did not grow for so long is absent, and others take over what
  /// only its segments hold. A living one makes them grow eight times as often.
  public var adoptAfter = Duration.seconds(86_400)
  /// A collected result that is asked for and that nobody brings for so long is lost: its call runs
  /// again.
  public var lostAfter = Duration.seconds(600)
  /// Tasks given out in one answer, and the bytes of their submissions (one always passes).
  public var assignmentsPerAnswer = 256
  public var assignmentBytes = 4 << 20
  /// Results in one answer if the client names no limit, and the greatest limit that it may name;
  /// an answer must fit in a message of 16 MiB.
  public var resultBytes: UInt64 = 4 << 20
  public var resultBytesLimit: UInt64 = 8 << 20
  /// A longer poll is answered after so long.
  public var clientPollLimit = Duration.seconds(60)
  /// Bytes of one record, and of what one append directive carries.
  public var recordLimit = 4 << 20
  public var appendBytes = 4 << 20
  /// Requests that may wait at once; above that polls don't wait, and at twice that none does.
  public var parkedLimit = 16_384
  /// Servers remembered; the longest silent ones go first.
  public var serverLimit = 10_000
  public var servicesPerServer = 1_024
  /// Tasks that one heartbeat may list.
  public var taskListLimit = 100_000
  /// A server is told again to send or drop the same task after so long; answers that go out anyway
  /// say it each time.
  public var retellAfter = Duration.seconds(5)
  /// An incarnation that still speaks so long after another took over is a twin, not a late
  /// message.
  public var twinAfter = Duration.seconds(2)
  /// And so long after its last word the twins are no longer told.
  public var twinMemory = Duration.seconds(30)
  /// Rows in one answer to an operator.
  public var operatorRows: UInt64 = 10_000

  package var plantedBugs: PlantedBugs = []
  package var ledgerBugs: LedgerBugs = []

  public init() {}

  /// Test-only faults, each of which a check must catch (VERIFICATION.md).
  package struct PlantedBugs: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// B1: answers don't wait for durability.
    package static let answersBeforeDurable = PlantedBugs(rawValue: 1 << 0)
    /// B12: submissions are accepted with a gap in the counters.
    package static let acceptsGaps = PlantedBugs(rawValue: 1 << 1)
    /// B14: a suspicion of a server is never taken back.
    package static let keepsSuspicions = PlantedBugs(rawValue: 1 << 2)
    /// B15: tasks of a suspected server or coordinator are not given out again.
    package static let trustsSuspects = PlantedBugs(rawValue: 1 << 3)
    /// B16: a finished call is scheduled.
    package static let schedulesFinished = PlantedBugs(rawValue: 1 << 4)
    /// B13, the coordinator's half: results are told safe when they are only held.
    package static let heldIsSafe = PlantedBugs(rawValue: 1 << 5)
  }
}
