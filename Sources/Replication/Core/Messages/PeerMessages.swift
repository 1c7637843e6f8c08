import LogStore

// What coordinators say to each other. Values only; wire.proto says the same for other languages,
// PeerMessageCodec turns one into the other. Every exchange is one request and one response, and
// every request may come twice, late or not at all.

/// A coordinator as it presents itself.
public struct PeerInfo: Hashable, Sendable {
  public var node: NodeID
  /// Where it wants to be reached, host:port; empty if nowhere.
  public var address: String
  /// Random for each start: a new one means that all that was known of it must be learned anew.
  public var incarnation: UInt64
  public init(node: NodeID, address: String, incarnation: UInt64) {
    self.node = node
    self.address = address
    self.incarnation = incarnation
  }
}

/// One of a node's two logs: the unit in which vectors are compared.
public struct LogOwner: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var node: NodeID
  public var log: LogKind
  public init(node: NodeID, log: LogKind) {
    self.node = node
    self.log = log
  }
  public static func < (a: LogOwner, b: LogOwner) -> Bool { (a.node, a.log) < (b.node, b.log) }
  public var description: String { "\(node.short)/\(log)" }
}

extension SegmentName {
  public var owner: LogOwner { LogOwner(node: node, log: log) }
}

/// A hash over all that one holder has of one owner; durable ends are left out.
public struct OwnerDigest: Hashable, Sendable {
  public var owner: LogOwner
  public var digest: UInt64
  public init(owner: LogOwner, digest: UInt64) {
    self.owner = owner
    self.digest = digest
  }
}

/// All that one holder has of one owner, in full.
public struct OwnerVector: Hashable, Sendable {
  public var owner: LogOwner
  /// All serials below are retired; 0 if none is.
  public var floor: Serial
  /// Sorted by name.
  public var ends: [SegmentEnd]
  public init(owner: LogOwner, floor: Serial = Serial(0), ends: [SegmentEnd] = []) {
    self.owner = owner
    self.floor = floor
    self.ends = ends
  }
}

/// Why a vector is exchanged. The raw value stands on the wire.
public enum SyncPurpose: UInt64, Hashable, Sendable, CaseIterable {
  /// Is it there? Neither side's vector travels.
  case probe = 0
  /// The sender ships to the receiver, its successor.
  case heartbeat = 1
  /// The sender hears no predecessor and fetches what it lacks.
  case pull = 2
  /// The sender is about to stop. Neither side's vector travels.
  case farewell = 3

  var tellsVector: Bool { self == .heartbeat || self == .pull }
}

public struct SyncRequest: Hashable, Sendable {
  public var from: PeerInfo
  public var purpose: SyncPurpose
  public var members: [String]
  public var digests: [OwnerDigest]
  /// Whether the sender replicates archives; if not, only facts are meant.
  public var archives: Bool
  public init(
    from: PeerInfo, purpose: SyncPurpose, members: [String], digests: [OwnerDigest], archives: Bool
  ) {
    self.from = from
    self.purpose = purpose
    self.members = members
    self.digests = digests
    self.archives = archives
  }
}

public struct SyncResponse: Hashable, Sendable {
  public var from: PeerInfo
  public var members: [String] = []
  /// Every owner that differs, that the request did not list, or of which nothing is held here.
  public var owners: [OwnerVector] = []
  /// Segments of the equal owners that are not yet durable up to their end here.
  public var lagging: [SegmentEnd] = []
  /// Owners that differ, but did not fit.
  public var omitted: [LogOwner] = []
  public var archives = false
  public init(from: PeerInfo) { self.from = from }
}

public struct ShipRequest: Hashable, Sendable {
  public var from: PeerInfo
  public var segment: SegmentName
  public var offset: Offset
  /// More bytes of this segment follow at once: answer without waiting for the disk.
  public var more: Bool
  public var bytes: [UInt8]
  public init(
    from: PeerInfo, segment: SegmentName, offset: Offset, more: Bool, bytes: [UInt8]
  ) {
    self.from = from
    self.segment = segment
    self.offset = offset
    self.more = more
    self.bytes = bytes
  }
}

public enum ShipOutcome: Hashable, Sendable {
  case accepted
  /// The bytes don't start at the receiver's end.
  case gap
  /// A frame is damaged; what stood before it was taken.
  case damaged
  /// An intact frame names another predecessor: two histories under one name.
  case diverged
  case retired(Record)
  case refused(String)
}

public struct ShipResponse: Hashable, Sendable {
  public var outcome: ShipOutcome
  /// The receiver's; nil if it holds nothing of the segment.
  public var end: SegmentEnd?
  public init(_ outcome: ShipOutcome, end: SegmentEnd? = nil) {
    self.outcome = outcome
    self.end = end
  }
}

public struct FetchRequest: Hashable, Sendable {
  public var from: PeerInfo
  public var segment: SegmentName
  public var offset: Offset
  public var maxBytes: UInt64
  public init(from: PeerInfo, segment: SegmentName, offset: Offset, maxBytes: UInt64) {
    self.from = from
    self.segment = segment
    self.offset = offset
    self.maxBytes = maxBytes
  }
}

public enum FetchOutcome: Hashable, Sendable {
  /// From the offset on; empty at the holder's end.
  case bytes([UInt8])
  /// Not held there.
  case absent
  case retired(Record)
  case refused(String)
}

public struct FetchResponse: Hashable, Sendable {
  public var outcome: FetchOutcome
  public var end: SegmentEnd?
  public init(_ outcome: FetchOutcome, end: SegmentEnd? = nil) {
    self.outcome = outcome
    self.end = end
  }
}

public enum PeerRequest: Hashable, Sendable {
  case sync(SyncRequest)
  case ship(ShipRequest)
  case fetch(FetchRequest)
  /// Something that this version doesn't know.
  case unsupported
}

public enum PeerResponse: Hashable, Sendable {
  case sync(SyncResponse)
  case ship(ShipResponse)
  case fetch(FetchResponse)
  /// The request was not understood: why, for people.
  case unsupported(String)
}
