import LogStore
import ReplicationCore
import RolesCore

// What goes into and comes out of a NodeEngine. The production shell and the simulator carry out the
// same outputs and feed the same inputs; nothing else crosses the line.

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
  /// A commit of either log ended: bytes were written, and perhaps made durable.
  case committed
  case taskStarted(TaskName)
  case taskEnded(TaskName, TaskOutcome)
  /// What the application asks of its client.
  case client(ClientCommand)
}

/// How a task ended on this machine.
public enum TaskOutcome: Hashable, Sendable {
  case finished(CallResult)
  case failed(FailureReason, detail: String)
}

public enum ClientCommand: Sendable {
  /// `ticket` comes back with the call's name.
  case submit(ticket: UInt64, CallSpec, wallTime: UInt64)
  /// The result is in the application's files or output.
  case collect(CallCounter, result: Hash256)
  case cancel([ClosedRange<CallCounter>])
  /// Nobody will ask for these results again.
  case release([ClosedRange<CallCounter>])
}

public enum NodeOutput: Sendable {
  case send(OutgoingToken, to: String, payload: [UInt8], timeout: Duration)
  case reply(IncomingToken, payload: [UInt8])
  /// Something was appended or ingested: a commit must follow.
  case commitSoon(LogKind)
  case startTask(TaskName, Submitted)
  case killTask(TaskName)
  case wake(at: Instant)
  case client(ClientNotice)
  case note(String)
  /// The log's disk failed: the node must restart through recovery.
  case poisoned(String)
}

/// What the client tells its application.
public enum ClientNotice: Sendable {
  case submitted(ticket: UInt64, CallName)
  case refused(ticket: UInt64, String)
  case result(CallCounter, Record, CallResult)
  /// The call failed for good: its last Failed.
  case exhausted(CallCounter, Failed)
  /// Released earlier: its result was delivered before and may be gone.
  case released(CallCounter)
  case progress(accepted: CallCounter, safe: CallCounter)
  /// All that was released is safe: the session needs nothing more.
  case settled
}
