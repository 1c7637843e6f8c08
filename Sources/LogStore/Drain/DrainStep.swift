// What a drainer is told and what it answers.

public struct DrainOptions: Sendable {
  /// How long a holder waits for the retirer's covers before it writes its own.
  public var grace: UInt64 = 60_000_000_000
  /// How often it looks whether they have come.
  public var recheck: UInt64 = 15_000_000_000
  /// Segments of earlier starts with at most this many live bytes are merged whatever their
  /// garbage; any other is retired only if that frees more than it writes.
  public var mergeLimit: UInt64 = 4 << 20
  /// How much is taken on at once: bytes that are read, or, of one's own, written again.
  public var groupBytes: UInt64 = 32 << 20
  public var groupCount = 32
  /// About how much one step reads: what bounds its time.
  public var stepBytes = 512 * 1024
  /// A survey follows when so much was written since the last, or half of what lives, if that is
  /// more.
  public var surveyLeast: UInt64 = 4 << 20
  /// So does one when nothing was written for `idleAfter`, and before that at least `idleLeast`.
  public var idleLeast: UInt64 = 64 * 1024
  public var idleAfter: UInt64 = 5_000_000_000
  /// A log without space is surveyed so often.
  public var pressedEvery: UInt64 = 1_000_000_000
  /// And one follows after so long, whatever was written: things also die by time, by what stands
  /// in another log, or by what a server or a client was told.
  public var surveyEvery: UInt64? = 60_000_000_000
  /// An idle open segment is sealed when its garbage exceeds what lives by this.
  public var sealLeast: UInt64 = 64 * 1024
  /// All that is held is read again after so long, from the start and from the end of a round; a
  /// step's worth at a time, `scrubPause` apart.
  public var scrubAfter: UInt64 = 60_000_000_000
  public var scrubEvery: UInt64 = 6 * 3_600_000_000_000
  public var scrubPause: UInt64 = 100_000_000
  /// Test-only; see VERIFICATION.md.
  package var plantedBugs: DrainBugs = []

  public init() {}
}

package struct DrainBugs: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// B23: a duplicate counts as dead weight whatever the order of names.
  package static let anyCoverIsDeadWeight = DrainBugs(rawValue: 1 << 0)
}

/// What one step of a drainer did, and when the next makes sense.
public struct DrainStep: Sendable {
  /// A batch that the drainer appended: covers, retirements, floors. Fold it as any own append.
  public struct Batch: Hashable, Sendable {
    public var first: Position
    public var records: [Record]
    public var sequence: LogSequence

    /// Bytes in frames, before compression.
    var size: Int {
      records.reduce(0) { $0 + $1.payload.count + Format.recordHeaderSize }
    }
  }

  public var appended: [Batch] = []
  /// Licences that this step appended.
  public var retired: [SegmentName] = []
  /// Copies that are gone.
  public var deleted: [SegmentName] = []
  /// Copies that can't be read to their end, or that damage cut short before.
  public var unsound: [SegmentName] = []
  /// The next step needs the log to be durable through this: commit it.
  public var waitsFor: LogSequence?
  /// Nothing to do before this time unless a retirement arrives.
  public var wakeAt: UInt64?
  /// The next step has more to do at once.
  public var hasMore = false
}

extension Drainer {
  /// Gives up what is under way and closes its files; nothing is lost by it.
  public mutating func stop(_ log: Log) {
    if case .surveying(var pass) = phase { pass.abandon(log) }
    phase = .idle
  }
}
