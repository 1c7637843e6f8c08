import LogStore
import ReplicationCore
import RolesCore

// What goes into and comes out of a NodeEngine. The production shell and the simulator carry out
// the same outputs and feed the same inputs; nothing else crosses the line.

/// Names a request that came over the network until it is answered or its connection goes.
public struct IncomingToken: Hashable, Comparable, Sendable {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: IncomingToken, b: IncomingToken) -> Bool { a.value < b.value }
}

/// Names a request that this node sent until its answer or failure.
public struct OutgoingToken: Hashable, Comparable, Sendable {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: OutgoingToken, b: OutgoingToken) -> Bool { a.value < b.value }
}

public enum NodeInput: Sendable {
  /// Time has passed; also sent when a `wake` is due.
  case tick
  case request(IncomingToken, payload: [UInt8])
  case requestGone(IncomingToken)
  case response(OutgoingToken, payload: [UInt8])
  case sendFailed(OutgoingToken, reason: String)
  /// The process is about to end: the node's peers are told. The end is `hasLeft`.
  case leave
  /// A commit of either log ended: bytes were written, and perhaps made durable.
  case committed
  /// What the application asks of its client: submit, collect, cancel, release and the like.
  case client(Client.Event)
  /// How a task went on this machine.
  case server(Server.Event)
}

public enum NodeOutput: Sendable {
  case send(OutgoingToken, to: String, payload: [UInt8], timeout: Duration)
  /// Nobody waits for this answer any more.
  case abandon(OutgoingToken)
  case reply(IncomingToken, payload: [UInt8])
  /// Something was appended or ingested: a commit must follow.
  case commitSoon(LogKind)
  case startTask(TaskName, Submitted)
  case killTask(TaskName)
  /// `tick` is wanted then; replaces the wish before.
  case wake(at: Instant)
  /// What the client tells its application: submitted, result, released and the like.
  case client(Client.Directive)
  /// For the operator's log.
  case note(String)
  /// What whoever waits for this node should know at once: a full disk, damage, nobody answers.
  case warning(String)
  /// Another node bears this identity, or this one went back in time: it must start as a new one.
  case identityConflict(String)
  /// The log's disk failed: the node must restart through recovery.
  case poisoned(String)
}
