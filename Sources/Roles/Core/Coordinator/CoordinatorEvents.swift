import LogStore
import ReplicationCore

// What reaches the coordinator and what it asks for: its whole surface beside `handle`. Values
// only.

/// A request that the shell will answer; drawn by the shell, never twice in a process.
public struct RequestToken: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: RequestToken, b: RequestToken) -> Bool { a.value < b.value }
  public var description: String { "request \(value)" }
}

/// Who this coordinator is in this start.
public struct CoordinatorIdentity: Hashable, Sendable {
  public var node: NodeID
  /// The nonce of the segment opened at this start; it stands in every task's name.
  public var start: Nonce
  /// Wall clock at the start, milliseconds since 1970; for people only.
  public var wallTime: UInt64
  public var ring: RingView
  public init(node: NodeID, start: Nonce, wallTime: UInt64, ring: RingView) {
    self.node = node
    self.start = start
    self.wallTime = wallTime
    self.ring = ring
  }
}

/// What the replication core believes of the other coordinators now.
public struct RingView: Hashable, Sendable {
  public struct Peer: Hashable, Sendable {
    public var node: NodeID
    /// Its present start, if it told.
    public var start: Nonce?
    public var suspected: Bool
    public init(node: NodeID, start: Nonce? = nil, suspected: Bool = false) {
      self.node = node
      self.start = start
      self.suspected = suspected
    }
  }

  /// This node's place among the unsuspected coordinators, from 0, and their number, this included.
  public var position: Int
  public var size: Int
  /// Coordinators listed, met or not, suspected or not, this one included: decides `copies`.
  public var listed: Int
  /// The other coordinators whose identity is known.
  public var peers: [Peer]
  /// Sent along to clients and servers.
  public var addresses: [String]

  public init(
    position: Int = 0, size: Int = 1, listed: Int = 1, peers: [Peer] = [],
    addresses: [String] = []
  ) {
    self.position = position
    self.size = size
    self.listed = listed
    self.peers = peers
    self.addresses = addresses
  }
}

/// Where an archive is, as far as this node knows.
public enum ArchiveState: UInt8, Hashable, Sendable, Comparable {
  /// None of those asked for `lostAfter` had it.
  case lost = 0
  /// Not here, and each of those asked has failed to give any of it since something of it came.
  case absent = 1
  /// Not here (any more).
  case missing = 2
  /// Complete here, not yet durable.
  case held = 3
  /// Complete and durable here.
  case durable = 4
  /// Durable here and at another coordinator.
  case safe = 5
  public static func < (a: ArchiveState, b: ArchiveState) -> Bool { a.rawValue < b.rawValue }
}

extension Coordinator {
  public enum Event: Sendable {
    /// First of all, before recovered facts.
    case started(CoordinatorIdentity)
    /// Facts of this node's log: recovered (sequence 0), own appends, ingested copies.
    case facts(FactBatch)
    case persisted(through: LogSequence)
    case clientRequest(RequestToken, ClientRequest)
    case serverRequest(RequestToken, ServerRequest)
    case resultsRequest(RequestToken, ResultsRequest)
    case operatorRequest(RequestToken, OperatorRequest)
    /// Nobody waits for this answer any more.
    case requestGone(RequestToken)
    /// News of an archive that was asked for, the first at once if it is held.
    case archive(ArchiveID, ArchiveState)
    /// This node deleted its copy of a segment: it is no evidence any more.
    case segmentDeleted(SegmentName)
    /// Another coordinator holds so many records of this segment durably.
    case peerDurable(SegmentName, Ordinal)
    case ring(RingView)
    /// Something that this node lacked came from another coordinator; catching up goes on.
    case neighbourAnswered
    case caughtUp
    /// The log takes releases and cancellations only, or everything again.
    case logFull(Bool)
    /// What this core asked to append since the last facts came back was not appended.
    case appendRefused(Refusal)
    case tick
  }

  public enum Reply: Hashable, Sendable {
    case client(ClientResponse)
    case server(ServerResponse)
    case results(ResultsResponse)
    case operation(OperatorResponse)
  }

  public enum Directive: Hashable, Sendable {
    /// To be appended in this order; the facts come back as an event before any other event.
    case append([Record])
    case reply(RequestToken, Reply)
    /// Tell of it, now if it is held and whenever that changes; ask peers for it if it isn't.
    case needArchive(ArchiveID)
    /// No call wants it any more: nothing more is to be told.
    case archiveNotNeeded(ArchiveID)
    /// `tick` is wanted then; replaces the wish before.
    case wakeAt(Instant)
    /// Addresses of coordinators that a client or server knows and this ring view doesn't.
    case heardOf([String])
    /// For the operator's log.
    case note(String)
  }
}
