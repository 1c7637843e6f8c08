// The end of a task on the runner's thread: from the first sign (exit, limit, cancel) to the
// report, through every way in which processes refuse to go.

import CSpawn
import ReplicationCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension TaskRunnerLoop {
  /// Between two looks at processes that were sent SIGKILL, and at those that linger.
  private static let again: Duration = .milliseconds(10)
  private static let look: Duration = .milliseconds(20)
  /// Times that a task's streams are read in one turn: an orphan may write for ever.
  private static let turns = 4
  /// A process that the kernel doesn't let die (dead NFS server) holds its task up for so long.
  private static let patience: Duration = .seconds(20)

  // MARK: Signs

  func processEnded(_ task: RunningTask, _ now: Instant) {
    guard task.ended == nil else { return }
    unwatch(task.pidfd)
    task.ended = now
    drain(task, now)
    conclude(task, now)
  }

  func outputCame(_ task: RunningTask, _ source: Source, _ now: Instant) {
    let event = source == .stdout ? task.stdout.drain(buffer) : task.stderr.drain(buffer)
    judge(event, task, now)
    if task.ended != nil, task.outputEnded { conclude(task, now) }
  }

  private func judge(_ event: OutputCapture.Event, _ task: RunningTask, _ now: Instant) {
    switch event {
    case .more, .quiet, .ended: return
    case .overLimit:
      let limit = task.limits.output ?? 0
      end(task, TaskFailure(.outputLimit, "the task wrote more than \(limit) bytes of output"), now)
    case .failed(let failure):
      let full = failure.code == ENOSPC || failure.code == EDQUOT
      end(task, TaskFailure(full ? .diskFull : .cannotStart, failure.description), now)
    }
  }

  /// Ends the task for this reason, unless it is being ended already.
  func end(_ task: RunningTask, _ why: TaskFailure, _ now: Instant) {
    guard task.intent == nil else { return }
    task.intent = why
    switch task.phase {
    case .running, .lingering:
      signalAll(task, SIGTERM)
      // A stopped process would never see it.
      signalAll(task, SIGCONT)
      task.phase = .terminating(until: now + settings.termTime)
    case .terminating, .killing: break
    }
  }

  func advance(_ task: RunningTask, _ now: Instant) {
    switch task.phase {
    case .running:
      if let limit = task.timeLimitAt, now >= limit {
        let words = "the task ran longer than its limit of \(task.limits.time ?? .zero)"
        end(task, TaskFailure(.timeLimit, words), now)
      }
    case .terminating(let until), .lingering(let until), .killing(_, let until):
      if now >= until { killAll(task, now) }
    }
    if task.ended != nil { conclude(task, now) }
  }

  // MARK: Killing

  func killAll(_ task: RunningTask, _ now: Instant) {
    signalAll(task, SIGKILL)
    if case .killing(let since, _) = task.phase {
      task.phase = .killing(since: since, next: now + Self.again)
    } else {
      task.phase = .killing(since: now, next: now + Self.again)
    }
  }

  private func signalAll(_ task: RunningTask, _ signal: Int32) {
    let found = survivors.find(of: task, among: tasks, quick: false).alive
    // The group's id is the task's as long as its first process is not reaped.
    kill(-task.pid, signal)
    for pid in found where pid != task.pid {
      if task.ended != nil { task.leftovers.insert(pid) }
      kill(pid, signal)
    }
  }

  // MARK: The report

  private func drain(_ task: RunningTask, _ now: Instant) {
    for source in [Source.stdout, .stderr] {
      for _ in 0..<Self.turns {
        let event = source == .stdout ? task.stdout.drain(buffer) : task.stderr.drain(buffer)
        judge(event, task, now)
        if event != .more { break }
      }
    }
  }

  /// The first process has ended: completes the task if nothing of it is left.
  private func conclude(_ task: RunningTask, _ now: Instant) {
    let left = survivors.find(of: task, among: tasks, quick: true)
    if left.isEmpty && task.outputEnded { return complete(task) }
    task.nextLook = now + Self.look
    switch task.phase {
    case .running:
      task.phase = .lingering(until: now + settings.lingerTime)
    case .lingering, .terminating: break
    case .killing(let since, _):
      // Nobody is left who could write, or who could be killed.
      if left.isEmpty || now - since > Self.patience { return complete(task) }
    }
  }

  private func complete(_ task: RunningTask) {
    drain(task, MonotonicClock.now())
    var status: Int32 = 0
    var peak: Int64 = 0
    let reaped = rpcv_reap(task.pid, &status, &peak)
    close(task.pidfd)
    tasks[task.serial] = nil
    seats.free(task.seat)
    serials[task.id] = nil
    survivors.forget(task.serial)
    if let slot = task.slot { registry?.remove(slot) }
    let outcome: TaskOutcome
    if let intent = task.intent {
      outcome = .failed(intent)
    } else if reaped != 1 {
      outcome = .failed(TaskFailure(.killed, "somebody else took the task's exit status"))
    } else {
      outcome = classify(status, peakKiB: peak, task)
    }
    task.completion(
      TaskReport(
        id: task.id, outcome: outcome, stdout: task.stdout.finish(), stderr: task.stderr.finish(),
        started: task.startedWall, duration: (task.ended ?? task.started) - task.started,
        leftovers: task.leftovers.count))
  }

  private func classify(_ status: Int32, peakKiB: Int64, _ task: RunningTask) -> TaskOutcome {
    let signal = status & 0x7f
    let exit = UInt8(truncatingIfNeeded: status >> 8)
    if signal == 0 {
      // A shell's way to say that its command was killed with SIGKILL.
      if exit == 128 + 9, outOfMemory.killedOne() {
        return .failed(TaskFailure(.memoryLimit, "the machine ran out of memory"))
      }
      return .exited(exit)
    }
    switch signal {
    case SIGKILL:
      return outOfMemory.killedOne()
        ? .failed(TaskFailure(.memoryLimit, "the machine ran out of memory"))
        : .failed(TaskFailure(.killed, "the task was killed (SIGKILL) by another process"))
    case SIGTERM, SIGINT, SIGHUP, SIGPWR:
      // What an operator or a shutdown sends. Taken for a result, an interrupted task would count
      // as done; taken for a failure, a task that does this to itself is tried again, a few times.
      return .failed(TaskFailure(.killed, "the task was ended from outside by signal \(signal)"))
    case SIGXFSZ where task.limits.fileSize != nil:
      return .failed(TaskFailure(.diskFull, "the task wrote a file over its size limit"))
    case SIGSEGV, SIGABRT, SIGBUS, SIGTRAP, SIGILL:
      if let limit = task.limits.memory, UInt64(max(0, peakKiB)) * 1024 > limit / 10 * 8 {
        return .failed(
          TaskFailure(.memoryLimit, "the task crashed at its memory limit of \(limit) bytes"))
      }
      return .signalled(UInt8(signal))
    default: return .signalled(UInt8(signal))
    }
  }
}

/// Tells whether the kernel has killed processes for lack of memory since it was last asked.
struct OutOfMemoryWatch {
  private var seen = OutOfMemoryWatch.count()

  /// True once for each such kill.
  mutating func killedOne() -> Bool {
    guard OutOfMemoryWatch.count() > seen else { return false }
    seen += 1
    return true
  }

  private static func count() -> UInt64 {
    let bytes = Descriptors.contents("/proc/vmstat", limit: 64 << 10) ?? []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " "))
      if words.count == 2, words[0].elementsEqual("oom_kill".utf8) {
        return UInt64(String(decoding: words[1], as: UTF8.self)) ?? 0
      }
    }
    return 0
  }
}
