// What an examination of a segment found. It is evidence, not permission: `Log.delete` checks that
// it still holds.

public struct Examination: Sendable {
  public var segment: SegmentName
  /// Every frame was read, verified and decoded, and no unhealed damage cut this copy short, unless
  /// the segment is retired: then what is missing here was covered by who retired it.
  public var complete: Bool
  /// Live records without a cover, in order: what has to be appended again before this may go.
  public var uncovered: [Record] = []
  /// Bytes of the uncovered records.
  public var liveBytes: UInt64 = 0
  /// Bytes of records that are dead for ever.
  public var deadBytes: UInt64 = 0
  /// Bytes of live records that have a cover in another segment.
  public var coveredBytes: UInt64 = 0
  /// Covered records whose covers may themselves go soon: all of them stand in segments that are
  /// retired or examined too, or in another node's that is earlier in the common order of names.
  /// They don't bar a deletion; a retirer appends them again, and they are no dead weight.
  public var weaklyCovered: [Record] = []
  /// Bytes of the weakly covered records; part of `coveredBytes`.
  public var weakBytes: UInt64 = 0
  /// All that liveness and covers rest on happened at or before this; sorted segments that hold
  /// the covers.
  public var asOf = LogSequence.zero
  public var coveredBy: [SegmentName] = []
  /// As many uncovered records were found as may be held in memory: what follows was not looked at.
  public var hasMore = false
  /// The copy as it was examined.
  public var end: SegmentEnd

  init(of end: SegmentEnd, complete: Bool) {
    segment = end.name
    self.end = end
    self.complete = complete
  }

  public var isDrained: Bool { complete && uncovered.isEmpty && !hasMore }
}
