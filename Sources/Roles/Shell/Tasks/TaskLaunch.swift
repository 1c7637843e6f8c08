// What TaskRunner is told and tells: values only.

/// A program to run. It knows nothing of calls: `id` is whatever names the task to the caller.
public struct TaskLaunch: Sendable {
  /// Letters, digits, `-`, `_` and `.`; up to 80. Unique among the running tasks.
  public var id: String
  /// Program first; any bytes but NUL. A name without `/` is looked for on the PATH of
  /// `environment`.
  public var arguments: [[UInt8]]
  /// All of it: nothing is inherited. RPCV_TASK, RPCV_RUN and RPCV_SLOT are
  /// added.
  public var environment: [TaskVariable]
  /// The working directory; it must be there.
  public var directory: String
  /// Output beyond the inline limit goes to `spool.stdout` and `spool.stderr`.
  public var spool: String
  public var stdin = TaskInput.empty
  public var limits = TaskLimits()

  public init(
    id: String, arguments: [[UInt8]], environment: [TaskVariable], directory: String, spool: String
  ) {
    self.id = id
    self.arguments = arguments
    self.environment = environment
    self.directory = directory
    self.spool = spool
  }
}

public struct TaskVariable: Hashable, Sendable {
  public var name: String
  public var value: String
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

public enum TaskInput: Hashable, Sendable {
  /// /dev/null.
  case empty
  case bytes([UInt8])
  /// Opened when the task starts; it may be gone afterwards.
  case file(String)
}

/// Nil is no limit.
public struct TaskLimits: Hashable, Sendable {
  public var time: Duration?
  /// Bytes of address space of each process (RLIMIT_AS).
  public var memory: UInt64?
  /// Bytes of any file that the task writes (RLIMIT_FSIZE).
  public var fileSize: UInt64?
  /// Bytes of stdout, and of stderr.
  public var output: UInt64?
  public init() {}
}

public struct TaskReport: Sendable {
  public var id: String
  public var outcome: TaskOutcome
  public var stdout: TaskOutput
  public var stderr: TaskOutput
  /// Wall clock at the start, milliseconds since 1970; for people.
  public var started: UInt64
  /// From the start to the end of the first process.
  public var duration: Duration
  /// Processes that outlived the first one and were killed.
  public var leftovers: Int
}

public enum TaskOutcome: Hashable, Sendable {
  /// By itself, with this status. 127 is a command that was not found and 126 one that can't be
  /// executed, with the reason on stderr, as a shell has it: the call is wrong, not the machine.
  case exited(UInt8)
  /// By a signal that a program brings upon itself (SIGSEGV, SIGABRT, SIGPIPE, ...).
  case signalled(UInt8)
  /// The machine, a limit or the caller ended it: not a result.
  case failed(TaskFailure)
}

public struct TaskFailure: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    case cannotStart
    /// By somebody else: the kernel for lack of memory, an operator, a shutdown.
    case killed
    /// By `TaskRunner.kill` or `stop`.
    case cancelled
    case timeLimit
    case memoryLimit
    case outputLimit
    case diskFull
  }
  public var reason: Reason
  public var detail: String
  public init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }
  public var description: String { detail }
}

public enum TaskOutput: Hashable, Sendable {
  case inline([UInt8])
  /// The file is the receiver's from now on.
  case file(String, size: UInt64)

  public static let empty = TaskOutput.inline([])
}

public struct TaskRunnerSettings: Sendable {
  /// Output up to here stays in memory.
  public var inlineLimit = 16 << 10
  /// From SIGTERM to SIGKILL.
  public var termTime: Duration = .seconds(2)
  /// How long processes may outlive the first one before they are killed.
  public var lingerTime: Duration = .seconds(1)
  /// 0 to 1000: how much rather than this process a task dies for lack of memory.
  public var oomScore: Int32 = 500
  /// Every child process of this process is a task's: then orphans that show neither mark nor
  /// session of a task are killed too.
  public var ownsAllChildren = false
  public init() {}
}
