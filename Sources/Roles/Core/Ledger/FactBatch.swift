import LogStore

/// Records that entered this node's log together: appended here, taken from another's segment, or
/// recovered at the start. The only way in which facts reach a core.
public struct FactBatch: Hashable, Sendable {
  public var segment: SegmentName
  /// Of the first record; the others follow without a gap.
  public var firstOrdinal: Ordinal
  public var records: [Record]
  /// The records are durable here when the log is durable through this; zero is durable already.
  public var sequence: LogSequence

  public init(
    segment: SegmentName, firstOrdinal: Ordinal, records: [Record], sequence: LogSequence
  ) {
    self.segment = segment
    self.firstOrdinal = firstOrdinal
    self.records = records
    self.sequence = sequence
  }

  /// Where the record with this index in the batch stands.
  public func position(_ index: Int) -> Position {
    Position(segment: segment, ordinal: firstOrdinal + index)
  }
}
