// One task from its start to its completion, as the runner's thread sees it. State only: the
// decisions are in TaskRunnerLoop.

import ReplicationCore

final class RunningTask {
  enum Phase: Equatable {
    case running
    /// SIGTERM was sent; SIGKILL at the instant.
    case terminating(until: Instant)
    /// The first process ended, others live or hold the output; they are killed at the instant.
    case lingering(until: Instant)
    /// SIGKILL was sent to all that was found, again at the instant, until none is found.
    case killing(since: Instant, next: Instant)
  }

  let serial: UInt64
  let id: String
  let pid: Int32
  let pidfd: Int32
  let mark: TaskMark
  let slot: Int?
  /// Its number among the running tasks.
  let seat: Int
  let limits: TaskLimits
  let startedWall: UInt64
  let started: Instant
  let completion: @Sendable (TaskReport) -> Void

  var stdout: OutputCapture
  var stderr: OutputCapture
  var phase = Phase.running
  /// Why it is being ended, if we do it.
  var intent: TaskFailure?
  /// When the first process ended. It stays a zombie until completion: while it does, nobody else
  /// can get its pid, nor the id of its group and session.
  var ended: Instant?
  /// Others of it may end without a sign: then it is looked for them.
  var nextLook = Instant.distantFuture
  /// Others of it that were ever found, with their start, for a pid may be given away: they are
  /// ours to kill and to reap.
  var members: [Int32: UInt64] = [:]
  /// Those of them that had to be killed after the first one ended.
  var leftovers: Set<Int32> = []

  init(
    serial: UInt64, launch: TaskLaunch, mark: TaskMark, pid: Int32, pidfd: Int32, slot: Int?,
    seat: Int,
    stdout: OutputCapture, stderr: OutputCapture, now: Instant,
    completion: @escaping @Sendable (TaskReport) -> Void
  ) {
    self.serial = serial
    id = launch.id
    self.pid = pid
    self.pidfd = pidfd
    self.mark = mark
    self.slot = slot
    self.seat = seat
    limits = launch.limits
    self.stdout = stdout
    self.stderr = stderr
    self.completion = completion
    started = now
    startedWall = MonotonicClock.wallMilliseconds()
  }

  func hasMember(_ entry: ProcessEntry) -> Bool { members[entry.pid] == entry.startTicks }

  var outputEnded: Bool { !stdout.isOpen && !stderr.isOpen }

  var timeLimitAt: Instant? {
    guard ended == nil, intent == nil, let time = limits.time else { return nil }
    return started + time
  }

  /// When it must be looked at, if nothing happens before.
  var deadline: Instant? {
    switch phase {
    case .running: timeLimitAt
    case .terminating(let until), .lingering(let until), .killing(_, let until):
      min(until, ended == nil ? .distantFuture : nextLook)
    }
  }
}
