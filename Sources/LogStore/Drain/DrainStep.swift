// What a drainer is told and what it answers.

public struct DrainOptions: Sendable {
  /// How long a holder waits for the retirer's covers before it writes its own.
  public var grace: UInt64 = 60_000_000_000
  /// How often it looks whether they have come.
  public var recheck: UInt64 = 15_000_000_000
  /// Older segments with at most this many live bytes are merged whatever their garbage; larger
  /// ones are retired only if that frees more than it writes.
  public var mergeLimit: UInt64 = 4 << 20
  /// How much is examined at once.
  public var groupBytes: UInt64 = 64 << 20
  public var groupCount = 32
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
  }

  public var appended: [Batch] = []
  /// Licences that this step appended.
  public var retired: [SegmentName] = []
  /// Copies that are gone.
  public var deleted: [SegmentName] = []
  /// The next step needs the log to be durable through this: commit it.
  public var waitsFor: LogSequence?
  /// Nothing to do before this time unless a retirement arrives.
  public var wakeAt: UInt64?
  /// The next step has more to do at once.
  public var hasMore = false
}
