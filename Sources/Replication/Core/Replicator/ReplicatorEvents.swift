import LogStore

// What the engine tells the replication core, and what the core asks it to do. All of it is values;
// the ids are counters of whoever draws them and mean nothing across a restart.

public enum ReadOutcome: Hashable, Sendable {
  /// Whole frames from the offset on.
  case bytes([UInt8])
  case failed(String)
}

/// What the log made of a piece.
public enum IngestOutcome: Hashable, Sendable {
  /// All of it is held; the log's end now.
  case accepted(SegmentEnd)
  case gap(SegmentEnd?)
  case damaged(SegmentEnd?)
  case diverged(SegmentEnd?)
  case retired(Record)
  /// Bytes beyond the end of one's own open segment.
  case ownAhead
  /// The log can't now (full, poisoned, failed): why.
  case refused(String)
}

/// Why this node must take a new identity.
public enum IdentityConflict: Hashable, Sendable, CustomStringConvertible {
  /// A peer holds a segment of ours that we never opened, of the open one's serial or above.
  case unknownSegment(SegmentName)
  /// A peer holds bytes beyond the end of our open segment.
  case bytesBeyondEnd(SegmentName, theirs: Offset, ours: Offset)
  /// A peer holds other bytes of a segment of ours.
  case otherBytes(SegmentName)
  /// A floor of ours covers a serial that we never opened.
  case floorAhead(LogOwner, floor: Serial)
  /// Another process answers under our identity.
  case twin(address: String)

  public var description: String {
    switch self {
    case .unknownSegment(let name): "a peer holds segment \(name), which this node never opened"
    case .bytesBeyondEnd(let name, let theirs, let ours):
      "a peer holds \(name) up to \(theirs), but this node has written only up to \(ours)"
    case .otherBytes(let name): "a peer holds other bytes of this node's segment \(name)"
    case .floorAhead(let owner, let floor):
      "the floor \(floor) of \(owner) covers a segment that this node never opened"
    case .twin(let address): "another process at \(address) answers under this node's identity"
    }
  }
}

extension Replicator {
  /// One exchange that this core opened.
  public struct ExchangeID: Hashable, Comparable, Sendable {
    public var value: UInt64
    public init(_ value: UInt64) { self.value = value }
    public static func < (a: ExchangeID, b: ExchangeID) -> Bool { a.value < b.value }
  }

  /// One request of a peer, drawn by the transport, which delivers the reply by it.
  public struct RequestToken: Hashable, Sendable {
    public var value: UInt64
    public init(_ value: UInt64) { self.value = value }
  }

  public struct ReadID: Hashable, Sendable {
    public var value: UInt64
    public init(_ value: UInt64) { self.value = value }
  }

  public struct IngestID: Hashable, Sendable {
    public var value: UInt64
    public init(_ value: UInt64) { self.value = value }
  }

  /// What the node holds and knows when it starts, after recovery and with its new segments open.
  public struct Start: Sendable {
    public var vector: [SegmentEnd]
    /// The segments that this start opened. A vector tells of them only once their header is
    /// durable; until then the newest in it is an older one, of which others may hold more.
    public var opened: [SegmentName]
    public var retired: [RetiredSegment]
    public var floors: [OwnerFloor]
    /// Addresses from flags, environment, files.
    public var members: [String]
    /// Nodes that a Removed fact names.
    public var removed: [NodeID]
    public init(
      vector: [SegmentEnd], opened: [SegmentName] = [], retired: [RetiredSegment] = [],
      floors: [OwnerFloor] = [], members: [String], removed: [NodeID] = []
    ) {
      self.vector = vector
      self.opened = opened
      self.retired = retired
      self.floors = floors
      self.members = members
      self.removed = removed
    }
  }

  public enum Event: Sendable {
    /// First of all, once.
    case started(Start)
    /// Time has passed; due at `wakeUp`, harmless at any time.
    case tick
    /// Ends or durable ends moved: own writes, ingests, commits, new segments.
    case logChanged([SegmentEnd])
    /// The node's copy was deleted.
    case segmentGone(SegmentName)
    /// The log learned that these are retired.
    case retired([RetiredSegment])
    case floors([OwnerFloor])
    /// Addresses that clients and servers know.
    case heardOf([String])
    /// A Removed fact.
    case removed(NodeID)
    /// The process is about to end: peers are told. The end is `hasLeft`.
    case leave
    /// Suspect this address without evidence.
    case doubted(String)
    case request(RequestToken, PeerRequest)
    case response(ExchangeID, PeerResponse)
    /// No response will come; why, for people.
    case failed(ExchangeID, String)
    case read(ReadID, ReadOutcome)
    case ingested(IngestID, IngestOutcome)
  }

  public enum Directive: Hashable, Sendable {
    /// Ends in one `.response` or, at the latest after the timeout, one `.failed`.
    case send(ExchangeID, to: String, PeerRequest, timeout: Duration)
    /// The one reply to a request.
    case reply(RequestToken, PeerResponse)
    /// Read whole frames, at least one if any; answered by `.read`.
    case read(ReadID, SegmentName, from: Offset, maxBytes: Int)
    /// Give a peer's bytes to the log; answered by `.ingested`.
    case ingest(IngestID, SegmentName, at: Offset, [UInt8])
    case suspect(address: String, NodeID?)
    case unsuspect(address: String, NodeID?)
    /// The successor's durable end of a segment, where no other node's was known to be as far: so
    /// many records, so many bytes.
    case successorDurable(SegmentName, Ordinal, Offset)
    /// The same of a peer that is not the successor: as good for `safe`.
    case peerDurable(NodeID, SegmentName, Ordinal, Offset)
    /// Once.
    case caughtUp
    /// A peer refused this segment with this record, which our log does not know: append it.
    case appendRetired(Record, for: SegmentName)
    /// Once: seal, take a new identity, start a new core.
    case identityConflict(IdentityConflict)
    /// Our open segment is retired: go on in a new one.
    case sealOpenSegment(LogKind)
    /// Peers refuse what we read of this segment there: verify our copy.
    case doubtCopy(SegmentName, at: Offset)
    /// A line for people.
    case note(String)
  }
}
