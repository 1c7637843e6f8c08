// The runner's thread: waits for commands, output, ends of processes and deadlines, and hands each
// to the task it concerns. TaskStarter and TaskEnding hold what is done then.

import CSpawn
import ReplicationCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

final class TaskRunnerLoop {
  let settings: TaskRunnerSettings
  let registry: OrphanRegistry?
  let run: String
  private let mailbox: RunnerMailbox
  private let epoll: Int32
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

  var tasks: [UInt64: RunningTask] = [:]
  var serials: [String: UInt64] = [:]
  var lastSerial: UInt64 = 0
  var seats = SeatTable()
  var survivors: Survivors
  var outOfMemory = OutOfMemoryWatch()
  private var stopping = false
  private var nextReaping = Instant.zero

  /// What an event of epoll concerns, in the two lowest bits of its tag.
  enum Source: UInt64 {
    case process = 0
    case stdout = 1
    case stderr = 2
  }
  private static let wakeupTag = UInt64.max
  private static let reapEvery: Duration = .seconds(5)

  init(
    settings: TaskRunnerSettings, mailbox: RunnerMailbox, epoll: Int32, registry: OrphanRegistry?,
    run: String
  ) {
    self.settings = settings
    self.mailbox = mailbox
    self.registry = registry
    self.run = run
    survivors = Survivors(ownsAllChildren: settings.ownsAllChildren)
    Descriptors.occupyStandard()
    self.epoll = epoll
    _ = rpcv_become_subreaper()
    _ = rpcv_epoll_add(epoll, mailbox.wakeup, Self.wakeupTag)
  }

  deinit {
    close(epoll)
    buffer.deallocate()
  }

  /// Until it was stopped and the last task has completed.
  func work() {
    var tags = [UInt64](repeating: 0, count: 64)
    while !(stopping && tasks.isEmpty) {
      let count = rpcv_epoll_wait(epoll, &tags, 64, timeout())
      for index in 0..<max(0, Int(count)) { handle(tags[index]) }
      let now = MonotonicClock.now()
      for task in due(now) { advance(task, now) }
      reapNowAndThen(now)
    }
  }

  private func handle(_ tag: UInt64) {
    guard tag != Self.wakeupTag else {
      for command in mailbox.take() { obey(command) }
      return
    }
    // A task may have completed by an event before this one.
    guard let task = tasks[tag >> 2], let source = Source(rawValue: tag & 3) else { return }
    let now = MonotonicClock.now()
    switch source {
    case .process: processEnded(task, now)
    case .stdout, .stderr: outputCame(task, source, now)
    }
  }

  private func obey(_ command: RunnerMailbox.Command) {
    let now = MonotonicClock.now()
    switch command {
    case .start(let launch, let completion):
      start(launch, now, completion)
    case .kill(let id):
      guard let serial = serials[id], let task = tasks[serial] else { return }
      end(task, TaskFailure(.cancelled, "the task was cancelled"), now)
    case .stop:
      stopping = true
      for task in tasks.values.sorted(by: { $0.serial < $1.serial }) {
        task.intent = task.intent ?? TaskFailure(.cancelled, "the task runner was stopped")
        killAll(task, now)
      }
    }
  }

  func watch(_ descriptor: Int32, _ serial: UInt64, _ source: Source) -> Int32 {
    rpcv_epoll_add(epoll, descriptor, serial << 2 | source.rawValue)
  }

  /// A process that ended stays readable for ever: it is told once.
  func unwatch(_ descriptor: Int32) { rpcv_epoll_remove(epoll, descriptor) }

  // MARK: Time

  private func due(_ now: Instant) -> [RunningTask] {
    tasks.values.filter { ($0.deadline ?? .distantFuture) <= now }
      .sorted { $0.serial < $1.serial }
  }

  private func timeout() -> Int32 {
    guard !tasks.isEmpty else { return -1 }
    let next = tasks.values.compactMap(\.deadline).min() ?? .distantFuture
    let now = MonotonicClock.now()
    let wait = min(next, nextReaping) - now
    return Int32(clamping: (wait.wholeNanoseconds + 999_999) / 1_000_000)
  }

  /// Orphans that end while their task runs on are nobody's to wait for but ours.
  private func reapNowAndThen(_ now: Instant) {
    guard now >= nextReaping else { return }
    nextReaping = now + Self.reapEvery
    if tasks.values.contains(where: { now - $0.started > Self.reapEvery }) {
      survivors.reapEnded(among: tasks)
    }
  }
}
