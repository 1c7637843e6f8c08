import LogStore

// The facts: what the records of kinds 16 and up say. Values only; RecordCodec turns them into
// protobuf payloads (records.proto) and back, Ledger folds them. A record is never re-serialised:
// who passes a fact on passes the bytes.

public enum Fact: Hashable, Sendable {
  case submitted(Submitted)
  case assigned(Assigned)
  case finished(Finished)
  case failed(Failed)
  case lost(Lost)
  case cancelled(Cancelled)
  case collected(Collected)
  case opened(Opened)
  case released(Released)
  case removed(Removed)
  case alive(Alive)
}

/// Bytes that stand in the record (up to 16 KiB) or in an archive.
public enum Blob: Hashable, Sendable {
  case inline([UInt8])
  /// An archive's content hash and length in bytes.
  case archive(ArchiveID, size: UInt64)

  public static let inlineLimit = 16 * 1024
  public static let empty = Blob.inline([])
}

/// What is to be run. All but the last four fields enter the digest.
public struct CallSpec: Hashable, Sendable {
  /// `exec` for a command line, else a registered service's name (`noop` is built in).
  public var service = ""
  /// The service's version, empty if any will do.
  public var version = ""
  /// The command line of `exec` (program first), or the service's arguments. Any bytes.
  public var arguments: [[UInt8]] = []
  public var stdin = Blob.empty
  /// The executable that travels along, as a one-file tree put first on the task's PATH.
  public var executable: ArchiveID?
  /// A file tree unpacked into the scratch directory before the start; empty for none.
  public var input = Blob.empty
  /// Passed environment, in the client's order.
  public var environment: [EnvironmentVariable] = []
  /// Pack new and changed files of the scratch directory into the result.
  public var collectsFiles = false

  public var priority: Int64 = 0
  /// How long a task may run, in milliseconds; 0 is no limit.
  public var timeLimit: UInt64 = 0
  /// How many bytes of memory a task may have; 0 is no limit.
  public var memoryLimit: UInt64 = 0
  /// How many Failed tasks the call may have before it shows as failed; 0 stands for the default 5.
  public var failureLimit: UInt64 = 0

  public init() {}
}

public struct EnvironmentVariable: Hashable, Sendable {
  public var name: String
  public var value: String
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

public struct Submitted: Hashable, Sendable {
  public var call: CallName
  public var digest: Digest
  public var spec: CallSpec
  /// Wall clock of the client, milliseconds since 1970; for people only.
  public var wallTime: UInt64
  public init(call: CallName, digest: Digest, spec: CallSpec, wallTime: UInt64) {
    self.call = call
    self.digest = digest
    self.spec = spec
    self.wallTime = wallTime
  }
}

public struct Assigned: Hashable, Sendable {
  public var task: TaskName
  public var call: CallName
  public var digest: Digest
  public var server: NodeID
  public var wallTime: UInt64
  public init(task: TaskName, call: CallName, digest: Digest, server: NodeID, wallTime: UInt64) {
    self.task = task
    self.call = call
    self.digest = digest
    self.server = server
    self.wallTime = wallTime
  }
}

/// What a task gave: a non-zero exit or a function's error is a result, not a failure.
public struct CallResult: Hashable, Sendable {
  /// The exit status, 0 to 255; of a registered function 0, or 1 for an error.
  public var exitStatus: UInt8 = 0
  /// The signal that ended the command by itself (it crashed); 0 if it exited.
  public var signal: UInt8 = 0
  public var stdout = Blob.empty
  public var stderr = Blob.empty
  /// A file tree of what is new and changed in the scratch directory; empty if not asked for.
  public var files = Blob.empty
  /// SHA-256 over the fields above; never over times.
  public var hash: Hash256
  /// Wall clock of the server at the start, milliseconds since 1970; for people only.
  public var started: UInt64 = 0
  /// Microseconds from start to end.
  public var duration: UInt64 = 0
  /// The server's host name, for people.
  public var host = ""
  /// Processes that outlived the command's first one and were killed, for people.
  public var leftovers: UInt64 = 0

  public init(hash: Hash256) { self.hash = hash }
}

public struct Finished: Hashable, Sendable {
  public var task: TaskName
  public var call: CallName
  public var digest: Digest
  public var server: NodeID
  public var result: CallResult
  public init(
    task: TaskName, call: CallName, digest: Digest, server: NodeID, result: CallResult
  ) {
    self.task = task
    self.call = call
    self.digest = digest
    self.server = server
    self.result = result
  }
}

/// Why the machine, not the command, made a task end. Raw values stand on disk.
public enum FailureReason: UInt64, Hashable, Sendable, CaseIterable {
  case unknown = 0
  case neverArrived = 1
  case noSuchService = 2
  case cannotStart = 3
  case killed = 4
  case timeLimit = 5
  case memoryLimit = 6
  case serverRestarted = 7
  case inputUnavailable = 8
  case diskFull = 9

  /// So much counts against the call's bound. Where the machine went, or the way to it, little is
  /// known against the call; but a task that brings its machine down each time ends all the same.
  public var weight: UInt64 {
    switch self {
    case .serverRestarted: 1
    case .neverArrived: 2
    default: Self.fullWeight
    }
  }
  public static let fullWeight: UInt64 = 8

  /// Whether the call's own bound was met: another try would meet it too, so that one such failure
  /// ends the call, unless its client said how often it is to be tried.
  public var meetsOwnBound: Bool { self == .timeLimit }

  /// Whether the call is tried again only after a while.
  static func backsOff(_ weight: UInt64) -> Bool { weight > Self.serverRestarted.weight }
}

public struct Failed: Hashable, Sendable {
  public var task: TaskName
  public var call: CallName
  public var digest: Digest
  public var server: NodeID
  public var reason: FailureReason
  /// In words, for people.
  public var detail: String
  public init(
    task: TaskName, call: CallName, digest: Digest, server: NodeID, reason: FailureReason,
    detail: String
  ) {
    self.task = task
    self.call = call
    self.digest = digest
    self.server = server
    self.reason = reason
    self.detail = detail
  }
}

public struct Lost: Hashable, Sendable {
  public var task: TaskName
  public var call: CallName
  public var digest: Digest
  public init(task: TaskName, call: CallName, digest: Digest) {
    self.task = task
    self.call = call
    self.digest = digest
  }
}

public struct Cancelled: Hashable, Sendable {
  public var call: CallName
  public var digest: Digest
  public init(call: CallName, digest: Digest) {
    self.call = call
    self.digest = digest
  }
}

public struct Collected: Hashable, Sendable {
  public var call: CallName
  public var digest: Digest
  /// The hash of the result that the client has seen.
  public var result: Hash256
  public init(call: CallName, digest: Digest, result: Hash256) {
    self.call = call
    self.digest = digest
    self.result = result
  }
}

public enum SessionMode: UInt64, Hashable, Sendable {
  /// Results are kept until the session ends.
  case keep = 0
  /// A call is released when its result was collected.
  case releaseOnCollection = 1
}

public struct Opened: Hashable, Sendable {
  public var session: SessionName
  /// For people; the ids are the hashes of these, unless the session is nameless.
  public var userText: String
  public var sessionText: String
  public var mode: SessionMode
  public init(session: SessionName, userText: String, sessionText: String, mode: SessionMode) {
    self.session = session
    self.userText = userText
    self.sessionText = sessionText
    self.mode = mode
  }
}

/// Nobody will ask for these calls' results again. Ranges are ascending, disjoint, not adjacent.
public struct Released: Hashable, Sendable {
  public var session: SessionName
  public var ranges: [ClosedRange<CallCounter>]
  public init(session: SessionName, ranges: [ClosedRange<CallCounter>]) {
    self.session = session
    self.ranges = ranges
  }
}

/// The operator says that this node never returns.
public struct Removed: Hashable, Sendable {
  public var node: NodeID
  public init(node: NodeID) { self.node = node }
}

/// A coordinator lives: appended every adoptAfter/8, so that absence can be told from idleness.
public struct Alive: Hashable, Sendable {
  public var node: NodeID
  public var count: UInt64
  public init(node: NodeID, count: UInt64) {
    self.node = node
    self.count = count
  }
}

extension RecordKind {
  public static let submitted = RecordKind(16)
  public static let assigned = RecordKind(17)
  public static let finished = RecordKind(18)
  public static let failed = RecordKind(19)
  public static let lost = RecordKind(20)
  public static let cancelled = RecordKind(21)
  public static let collected = RecordKind(22)
  public static let opened = RecordKind(23)
  public static let released = RecordKind(24)
  public static let removed = RecordKind(25)
  public static let alive = RecordKind(26)
}
