// What a caller may choose about a log. Values with reasons; nothing here is read after open
// except by the log itself.

/// When what was appended is made durable. LogWriter acts on it; `Log.commit` is the act itself.
public enum SyncPolicy: Hashable, Sendable {
  /// One sync an append: who appends commits at once.
  case always
  /// A sync for what gathered while the last one ran. An append waits for company at most
  /// `maxDelay` when no sync is running.
  case group(maxDelay: Duration)
  /// A sync every so often, if something was appended.
  case interval(Duration)
  /// The operating system decides; what was written counts as durable. A power cut may take it.
  case never
}

public struct LogOptions: Sendable {
  /// A segment is left for a new one before it would grow beyond this.
  public var segmentLimit: UInt64 = 64 << 20
  /// Raw bytes in one frame, at most Format.largestFrame; a batch must fit.
  public var frameLimit = 8 << 20
  /// A frame takes no further batch when it has reached this. Smaller frames make point reads
  /// cheaper, larger ones compress better.
  public var frameTarget = 8 << 20
  public var recordLimit = 4 << 20
  public var codec = Codec.lz4
  public var syncPolicy = SyncPolicy.group(maxDelay: .zero)
  /// How many bytes may wait for a write before `append` refuses: memory is bounded.
  public var bufferLimit = 32 << 20
  /// A quota for all segments of this log; nil leaves the limit to the disk.
  public var capacity: UInt64?
  /// Kept free under a quota, and held as an allocated file on the disk, for `reserveKinds`.
  public var reserve: UInt64 = 1 << 20
  /// Kinds that help to free space, and may use the reserve. LogStore's own always may.
  public var reserveKinds: Set<RecordKind> = []
  /// Kinds of which a checkpoint keeps only so many bytes: enough for `visit` at the next start.
  public var abridged: [RecordKind: Int] = [:]
  /// Draws the nonces of segments after the first. Nil: a generator seeded at open, which is
  /// deterministic but alike in two copies of a suspended machine; production sets the system's.
  public var drawNonce: (@Sendable () -> UInt64)?
  /// Test-only; see VERIFICATION.md.
  package var plantedBugs: PlantedBugs = []

  public init() {}

  func mayUseReserve(_ kind: RecordKind) -> Bool {
    kind.value <= RecordKind.lastOfLogStore || reserveKinds.contains(kind)
  }
}

/// Faults that tests plant into the engine to prove that a check can fail. Numbers are
/// VERIFICATION.md's. Production never sets one.
package struct PlantedBugs: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let acknowledgeBeforeSync = PlantedBugs(rawValue: 1 << 1)
  package static let directoryNotSynced = PlantedBugs(rawValue: 1 << 2)
  package static let failedSyncRetried = PlantedBugs(rawValue: 1 << 3)
  package static let corruptionTakenForTornTail = PlantedBugs(rawValue: 1 << 4)
  package static let restartAppendsToLastSegment = PlantedBugs(rawValue: 1 << 5)
  package static let wrongOffsetAccepted = PlantedBugs(rawValue: 1 << 6)
  package static let undurableCoversCount = PlantedBugs(rawValue: 1 << 7)
  package static let drainCheckSkipped = PlantedBugs(rawValue: 1 << 8)
  package static let staleCheckpointBelieved = PlantedBugs(rawValue: 1 << 10)
  package static let recoveredUnsynced = PlantedBugs(rawValue: 1 << 20)
  package static let serialReused = PlantedBugs(rawValue: 1 << 21)
  package static let foreignDurableEndsTrusted = PlantedBugs(rawValue: 1 << 25)
}
