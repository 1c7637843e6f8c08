// Runs programs as tasks. It promises one report a task, after which nothing of the task lives; and
// that the death of this process is the death of every task. It knows nothing of calls or ledgers.

import CSpawn
import LogStore
import ReplicationCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One thread starts, watches and ends all tasks: the signal at the parent's death is bound to the
/// thread that spawned. Every method may be called from any thread; completions come on the
/// runner's thread and must hand over and return.
public final class TaskRunner: Sendable {
  private let mailbox: RunnerMailbox
  private let thread: OwnThread

  /// `orphans` remembers what runs, for the next start after a crash of this process.
  public init(
    settings: TaskRunnerSettings = .init(), orphans: OrphanRegistry? = nil
  ) throws(SystemFailure) {
    let mailbox = try RunnerMailbox()
    let epoll = rpcv_epoll_make()
    guard epoll >= 0 else { throw SystemFailure("make an epoll descriptor", code: -epoll) }
    let run = orphans?.run ?? TaskRunner.randomRun()
    self.mailbox = mailbox
    thread = try OwnThread(named: "rpcv-tasks") {
      TaskRunnerLoop(
        settings: settings, mailbox: mailbox, epoll: epoll, registry: orphans, run: run
      ).work()
    }
  }

  /// Starts the task; the one report, whatever happens, comes by `completion`.
  public func start(_ launch: TaskLaunch, completion: @escaping @Sendable (TaskReport) -> Void) {
    let taken = mailbox.send(.start(launch, completion))
    guard !taken else { return }
    completion(.notStarted(launch.id, TaskFailure(.cancelled, "the task runner was stopped")))
  }

  /// Ends the task and all its processes: SIGTERM, and SIGKILL after `termTime`. Its report
  /// follows, as a failure with reason `cancelled`; a task that has just completed is left alone.
  public func kill(_ id: String) { _ = mailbox.send(.kill(id)) }

  /// Kills what runs, at once and without asking, reports it and returns when nothing lives any
  /// more. Not from a completion.
  public func stop() {
    guard mailbox.send(.stop) else { return }
    thread.join()
  }

  static func randomRun() -> String { String(UInt64.random(in: .min ... .max), radix: 16) }
}

extension TaskReport {
  static func notStarted(_ id: String, _ failure: TaskFailure) -> TaskReport {
    TaskReport(
      id: id, outcome: .failed(failure), stdout: .empty, stderr: .empty,
      started: MonotonicClock.wallMilliseconds(), duration: .zero, leftovers: 0)
  }
}

/// Commands on their way to the runner's thread, and the descriptor that wakes it.
final class RunnerMailbox: Sendable {
  enum Command: Sendable {
    case start(TaskLaunch, @Sendable (TaskReport) -> Void)
    case kill(String)
    case stop
  }

  private struct State {
    var commands: [Command] = []
    var closed = false
  }

  let wakeup: Int32
  private let state = Guarded(State())

  init() throws(SystemFailure) {
    let made = rpcv_event_make()
    guard made >= 0 else { throw SystemFailure("make an eventfd", code: -made) }
    wakeup = made
  }

  /// False after a `stop`.
  func send(_ command: Command) -> Bool {
    let (taken, wakes) = state.withLock { state in
      guard !state.closed else { return (false, false) }
      if case .stop = command { state.closed = true }
      state.commands.append(command)
      return (true, state.commands.count == 1)
    }
    if wakes {
      var one: UInt64 = 1
      _ = write(wakeup, &one, 8)
    }
    return taken
  }

  func take() -> [Command] {
    var count: UInt64 = 0
    _ = read(wakeup, &count, 8)
    return state.withLock { state in
      defer { state.commands = [] }
      return state.commands
    }
  }

  deinit { close(wakeup) }
}
