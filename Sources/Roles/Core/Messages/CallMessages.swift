import LogStore
import ReplicationCore

// What clients and servers say to coordinators, and the answers. Values only; calls.proto says the
// same for other languages, CallMessageCodec turns one into the other. Clients and servers open
// every exchange; records travel as the bytes that their writer logged.

/// A client's exchange. It opens with the client's Released; the answer comes when every record of
/// the request is durable at the coordinator, and then when a result is there or `poll` has passed.
public struct ClientRequest: Hashable, Sendable {
  public var session: SessionName
  /// Random for each start of a client: two that interleave under one session are told.
  public var incarnation: UInt64 = 0
  /// Opened, Released, then Submitted in ascending order of counters, Cancelled, Collected.
  public var records: [Record] = []
  /// Wait so many milliseconds for a result that isn't in `have`; 0 answers at once.
  public var poll: UInt64 = 0
  public var wantsResults = false
  /// Counters whose result the client holds in memory or on disk already.
  public var have: [ClosedRange<CallCounter>] = []
  /// Only results of these counters are wanted; empty for all. The last range may be open: it then
  /// ends at 2^64 - 1. A counter that is named here is answered although it was collected: a
  /// relaunched program asks for what an earlier run has seen.
  public var wanted: [ClosedRange<CallCounter>] = []
  /// At most so many bytes of results (at least one result is sent); 0 for the default 4 MiB.
  public var resultBytes: UInt64 = 0
  /// Known coordinators' addresses, merged at both ends.
  public var coordinators: [String] = []
  /// Ask for `digestsHash`: the client has just come to this coordinator and compares once.
  public var wantsHash = false
  /// Ask for the digests of the calls from this counter on, one page; 0 asks for none.
  public var digestsFrom = CallCounter.zero

  public init(session: SessionName) { self.session = session }
}

public struct ClientResponse: Hashable, Sendable {
  /// Every counter up to here is durable here as Submitted, Collected or Released, without a gap.
  public var acceptedThrough = CallCounter.zero
  /// The same at min(2, coordinators listed) nodes.
  public var safeThrough = CallCounter.zero
  /// All control records (all but Submitted) of the request are durable at that many nodes too.
  public var controlsSafe = false
  /// Running SHA-256 over the digests from `hashFrom` to `acceptedThrough` (32 bytes a digest);
  /// released counters are left out, of two digests of one counter the lesser stands.
  public var hashFrom = CallCounter.zero
  public var digestsHash: Hash256?
  /// Finished records of calls that are neither cancelled nor collected.
  public var results: [Record] = []
  /// Calls with as many failures as their bound allows: their last Failed record.
  public var exhausted: [Record] = []
  /// What the coordinator knows as released in this session.
  public var released: [ClosedRange<CallCounter>] = []
  /// Archives that accepted submissions wait for.
  public var missingArchives: [ArchiveID] = []
  public var coordinators: [String] = []
  /// Another incarnation speaks under this session.
  public var conflictingIncarnation = false
  public var refusal: Refusal?
  /// One page of known digests from the request's `digestsFrom` on, ascending by counter; two
  /// entries of one counter stand one after the other. Released counters are left out.
  public var digests: [CallDigest] = []
  /// `digests` is complete up to here; 0 if none were asked for.
  public var digestsThrough = CallCounter.zero
  /// Collected calls that are asked for, whose results are not here, and that can't run again here
  /// without their submissions. They count as accepted.
  public var missingSubmissions: [ClosedRange<CallCounter>] = []
  /// This coordinator can store nothing new, so results come to others only: better ask one.
  public var logFull = false

  public init() {}
}

public struct CallDigest: Hashable, Sendable {
  public static let pageLimit = 8192
  public var counter: CallCounter
  public var digest: Digest
  public init(counter: CallCounter, digest: Digest) {
    self.counter = counter
    self.digest = digest
  }
}

/// Why a request was not carried out. Nothing of it is durable unless said so.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: UInt64, Hashable, Sendable, CaseIterable {
    case unknown = 0
    /// A submission leaves a gap: counters up to `acceptedThrough` are held.
    case gap = 1
    /// A record can't be decoded or is of a kind that this exchange doesn't take.
    case badRecord = 2
    case logFull = 3
    /// The log's disk failed; the coordinator restarts.
    case poisoned = 4
    /// It has just started and has not caught up; ask another, or again.
    case catchingUp = 5
    case tooLarge = 6
    case notFound = 7
    /// The request is of a kind that this node doesn't serve.
    case unsupported = 8
  }
  public var code: Code
  public var text: String
  public init(_ code: Code, _ text: String) {
    self.code = code
    self.text = text
  }
  public var description: String { text }
}

/// A server's heartbeat and pull for work in one: answered when there is work, news about its tasks
/// or when `poll` has passed. At most two are under way at a time: one with a greater `sequence`
/// supersedes the one that waits, which is answered at once (the server wants more than it said).
public struct ServerRequest: Hashable, Sendable {
  public var server: NodeID
  public var incarnation: UInt64 = 0
  /// Counts this incarnation's requests from 1; `seen` is the last one whose answer it took.
  public var sequence: UInt64 = 0
  public var seen: UInt64 = 0
  public var host = ""
  public var slots: UInt64 = 0
  /// How many further tasks it would take now, prefetch included.
  public var wants: UInt64 = 0
  /// Services that it offers, as `name` or `name/version`, sorted.
  public var services: [String] = []
  /// Tasks that wait or run there.
  public var running: [TaskName] = []
  /// Tasks whose Finished or Failed record it holds and does not know to be safe.
  public var holding: [TaskName] = []
  /// If there are too many for one request, `holding` is one page of them: all above the one name
  /// and up to the other. Nil: from the first, to the last.
  public var holdingAfter: TaskName?
  public var holdingThrough: TaskName?
  public var poll: UInt64 = 0
  public var coordinators: [String] = []
  /// It stops in order, and its tasks end with it: an opinion about itself, which the next
  /// heartbeat takes back.
  public var leaving = false

  public init(server: NodeID) { self.server = server }

  /// Whether the task would be listed if the server had it.
  public func covers(_ task: TaskName) -> Bool {
    if let holdingAfter, task <= holdingAfter { return false }
    return holdingThrough.map { task <= $0 } ?? true
  }
}

public struct Assignment: Hashable, Sendable {
  public var assigned: Record
  public var submitted: Record
  public init(assigned: Record, submitted: Record) {
    self.assigned = assigned
    self.submitted = submitted
  }
}

public struct ServerResponse: Hashable, Sendable {
  public var sequence: UInt64 = 0
  public var assignments: [Assignment] = []
  /// Of `running`: kill these, nobody wants their results.
  public var cancel: [TaskName] = []
  /// Of `holding`: send these records (and what their archives lack).
  public var send: [TaskName] = []
  /// Of `holding`: durable at min(2, coordinators listed) nodes, or dead for ever: drop them.
  public var safe: [TaskName] = []
  public var coordinators: [String] = []
  public var conflictingIncarnation = false
  public var refusal: Refusal?
  /// This coordinator can store nothing new, so it gives out no work and takes no results: better
  /// ask another one.
  public var logFull = false

  public init() {}
}

/// A server's Finished and Failed records; answered when they and their archives are durable there.
public struct ResultsRequest: Hashable, Sendable {
  public var server: NodeID
  public var records: [Record] = []
  public init(server: NodeID) { self.server = server }
}

public struct ResultsResponse: Hashable, Sendable {
  /// Durable here.
  public var held: [TaskName] = []
  /// Durable at min(2, coordinators listed) nodes, or dead for ever.
  public var safe: [TaskName] = []
  /// Archives to be put before these records can be held.
  public var missingArchives: [ArchiveID] = []
  public var refusal: Refusal?
  public init() {}
}

/// "I have this archive": answered with what lacks; holding it pins it.
public struct ArchiveOffer: Hashable, Sendable {
  public var manifest: ArchiveManifest
  public init(manifest: ArchiveManifest) { self.manifest = manifest }
}

public struct ArchiveOfferReply: Hashable, Sendable {
  /// Indices of chunks that are not held; empty and `durable` when the archive is complete.
  public var missing: [UInt64] = []
  public var durable = false
  public var refusal: Refusal?
  public init() {}
}

public struct ArchivePut: Hashable, Sendable {
  public var id: ArchiveID
  public var index: UInt64
  public var bytes: [UInt8]
  public init(id: ArchiveID, index: UInt64, bytes: [UInt8]) {
    self.id = id
    self.index = index
    self.bytes = bytes
  }
}

public struct ArchivePutReply: Hashable, Sendable {
  public var refusal: Refusal?
  public init() {}
}

/// One chunk, with the manifest if it is asked for.
public struct ArchiveGet: Hashable, Sendable {
  public var id: ArchiveID
  public var index: UInt64
  public var wantsManifest = false
  public init(id: ArchiveID, index: UInt64) {
    self.id = id
    self.index = index
  }
}

public struct ArchiveGetReply: Hashable, Sendable {
  public var manifest: ArchiveManifest?
  public var bytes: [UInt8] = []
  public var refusal: Refusal?
  public init() {}
}

/// A person's questions and orders (`rpcv status`, `why`, `grid`, `remove`), answered from the
/// ledger.
public enum OperatorRequest: Hashable, Sendable {
  /// Sessions with counts by state; of one session, if named.
  case sessions(SessionName?)
  /// Calls of a session, from a counter on, at most so many.
  case calls(SessionName, from: CallCounter, limit: UInt64)
  /// Why a call is not running or not finished, in words.
  case why(CallName)
  case grid
  /// The node never returns: its segments may be adopted.
  case remove(NodeID)
}

public struct SessionSummary: Hashable, Sendable {
  public var name: SessionName
  public var userText = ""
  public var sessionText = ""
  public var mode = SessionMode.keep
  public var pending: UInt64 = 0
  public var assigned: UInt64 = 0
  public var finished: UInt64 = 0
  public var failed: UInt64 = 0
  public var cancelled: UInt64 = 0
  public var collected: UInt64 = 0
  public var released: UInt64 = 0
  public init(name: SessionName) { self.name = name }
}

public enum CallState: UInt64, Hashable, Sendable, Comparable, CaseIterable {
  case pending = 0
  case assigned = 1
  case exhausted = 2
  case finished = 3
  case cancelled = 4
  case collected = 5
  case released = 6
  public static func < (a: CallState, b: CallState) -> Bool { a.rawValue < b.rawValue }
}

public struct CallSummary: Hashable, Sendable {
  public var call: CallName
  public var digest: Digest
  public var state: CallState
  public var command: String = ""
  public var tasks: UInt64 = 0
  public var failures: UInt64 = 0
  /// Of the result, if there is one.
  public var exitStatus: UInt64 = 0
  public var signal: UInt64 = 0
  public var duration: UInt64 = 0
  public var host = ""
  public init(call: CallName, digest: Digest, state: CallState) {
    self.call = call
    self.digest = digest
    self.state = state
  }
}

public struct CoordinatorSummary: Hashable, Sendable {
  public var address: String
  public var node: NodeID?
  public var isSelf = false
  public var suspected = false
  public var isSuccessor = false
  public var isPredecessor = false
  /// Bytes of segments held here that its known vector lacks; only for the successor.
  public var lagBytes: UInt64 = 0
  /// Milliseconds since it was last heard; nil if never.
  public var lastHeard: UInt64?
  public init(address: String) { self.address = address }
}

public struct ServerSummary: Hashable, Sendable {
  public var server: NodeID
  public var host = ""
  public var slots: UInt64 = 0
  public var running: UInt64 = 0
  public var suspected = false
  public var lastHeard: UInt64 = 0
  public var services: [String] = []
  public init(server: NodeID) { self.server = server }
}

public struct GridSummary: Hashable, Sendable {
  public var coordinators: [CoordinatorSummary] = []
  public var servers: [ServerSummary] = []
  /// What a person should know of: quarantined segments, a full log, a clone.
  public var warnings: [String] = []
  public var segments: UInt64 = 0
  public var bytes: UInt64 = 0
  public init() {}
}

public enum OperatorResponse: Hashable, Sendable {
  case sessions([SessionSummary])
  case calls([CallSummary])
  case why([String])
  case grid(GridSummary)
  case done(String)
  case refused(Refusal)
}
