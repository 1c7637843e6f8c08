import Synchronization

// Makes a log durable: by a thread of its own for those that go on meanwhile, and by those that
// wait, of whom the first commits for all. While one sync runs, what is appended gathers for the
// next: that is group commit. It carries out what Pace says is due; what a commit is, is the log's.
// A refused commit (full disk) is tried again, a poisoned or closed log ends the thread. Production
// only: a simulation commits by itself.

public final class LogWriter: Sendable {
  private let log: Log
  private let policy: SyncPolicy
  private let signal = Signal()
  private let waiters = CommitWaiters()
  private let stopping = Atomic<Bool>(false)
  private let onCommit: @Sendable () -> Void
  private let tellsWrites: Bool
  private let threads = Guarded(Threads())

  private struct Threads: Sendable {
    var writer: WorkThread?
    /// Makes the next segment ready while this one is written.
    var preparer: WorkThread?
    var isPreparing = false
  }

  /// What was appended has to be committed by the thread.
  private let isWoken = Atomic<Bool>(false)
  /// Somebody who waited committed: the thread testifies that when the log rests.
  private let wasLed = Atomic<Bool>(false)
  /// The end of the last commit, and how long it took: nanoseconds.
  private let lastEnd = Atomic<UInt64>(0)
  private let lastTime = Atomic<UInt64>(0)

  /// The most of a sync's time that is spent waiting for company that the last one had.
  private static let patience: UInt64 = 2

  /// Starts the thread, which keeps the writer alive until `stop`. `onCommit` is called after
  /// every write and commit, successful or not, on the thread or on that of who waited and
  /// committed: the caller asks the log what is durable, full or poisoned. With `tellsWrites` it
  /// is called between write and sync too, for who ships bytes. If the system gives no thread,
  /// `wake` commits on its caller's.
  public init(
    _ log: Log, policy: SyncPolicy, tellsWrites: Bool = false,
    onCommit: @escaping @Sendable () -> Void = {}
  ) {
    self.log = log
    self.policy = policy
    self.onCommit = onCommit
    self.tellsWrites = tellsWrites
    threads.withLock { $0.writer = WorkThread { self.run() } }
  }

  /// Something was appended or ingested.
  public func wake() {
    isWoken.store(true, ordering: .releasing)
    signal.raise()
    guard threads.withLock({ $0.writer == nil }) else { return }
    if !stopping.load(ordering: .acquiring) { act(.commit) }
  }

  /// Appends and wakes the thread; `awaitDurable` waits for the disk. Where more waits for the disk
  /// than `LogOptions.bufferLimit`, the caller waits for a write: that is the back-pressure.
  @discardableResult
  public func append(_ batch: RecordBatch) throws(LogError) -> Appended {
    let appended = try appending { () throws(LogError) in try log.append(batch) }
    wake()
    return appended
  }

  /// A record by itself; nothing is allocated for it.
  @discardableResult
  public func append(
    kind: RecordKind, payload: UnsafeRawBufferPointer
  ) throws(LogError) -> Appended {
    let appended = try appending { () throws(LogError) in
      try log.append(kind: kind, payload: payload)
    }
    wake()
    return appended
  }

  /// `append` and `awaitDurable` in one, which wakes nobody: the caller commits, or another that
  /// waits does.
  @discardableResult
  public func appendDurably(_ batch: RecordBatch) throws(LogError) -> Appended {
    try durably { () throws(LogError) in try log.append(batch) }
  }

  @discardableResult
  public func appendDurably(
    kind: RecordKind, payload: UnsafeRawBufferPointer
  ) throws(LogError) -> Appended {
    try durably { () throws(LogError) in try log.append(kind: kind, payload: payload) }
  }

  private func durably(
    _ append: () throws(LogError) -> Appended
  ) throws(LogError) -> Appended {
    let appended = try appending(append)
    if case .interval = policy { wake() }
    try awaitDurable(appended.sequence)
    return appended
  }

  private func appending(
    _ append: () throws(LogError) -> Appended
  ) throws(LogError) -> Appended {
    while true {
      do throws(LogError) {
        return try append()
      } catch {
        guard case .bufferFull = error else { throw error }
        // Woken first: what fills the buffer may have been appended without.
        let turn = waiters.turn
        wake()
        try waiters.wait(after: turn)
      }
    }
  }

  /// Blocks the calling thread until everything through `sequence` is durable: one sync if nobody
  /// else writes. Throws `.full` if it found no space; it stays buffered then and may become
  /// durable later. Throws `.poisoned` or `.closed` if it never will by this log. Not for event
  /// loops or Swift tasks, which may not block: they take `onCommit`.
  public func awaitDurable(_ sequence: LogSequence) throws(LogError) {
    if case .interval = policy {
      try waiters.wait(for: sequence, leading: nil)
    } else {
      try waiters.wait(for: sequence) { self.lead() }
    }
  }

  /// Blocks until more than `sequence` is durable; false if no more will be.
  func awaitCommit(after sequence: LogSequence) -> Bool { waiters.wait(beyond: sequence) }

  /// Commits what is there, testifies it and ends the thread.
  public func stop() {
    stopping.store(true, ordering: .releasing)
    signal.raise()
    let writer = threads.withLock { $0.writer.take() }
    if let writer { writer.join() } else { finish() }
    threads.withLock { $0.preparer.take() }?.join()
  }

  // MARK: the thread

  private func run() {
    var pace = Pace(policy)
    while !stopping.load(ordering: .acquiring) {
      switch pace.due(at: Signal.now()) {
      case .wait(let until):
        guard signal.wait(until: until) else { continue }
        if wasLed.load(ordering: .acquiring) { pace.committedByOthers(at: Signal.now()) }
        if isWoken.exchange(false, ordering: .acquiring) { pace.woken(at: Signal.now()) }
      case .commit:
        let ending = commit()
        if ending == .ended { return }
        pace.committed(at: Signal.now(), refused: ending == .refused)
      case .testify:
        wasLed.store(false, ordering: .releasing)
        let last = lastEnd.load(ordering: .acquiring)
        if last + Pace.idleDelay > Signal.now() {
          wasLed.store(true, ordering: .releasing)
          pace.committedByOthers(at: last)
        } else if act(.testify) == .ended {
          return
        }
      case .write:
        if act(.write) == .ended { return }
      }
    }
    finish()
  }

  private func commit(led: Bool = false) -> Ending {
    if case .group = policy {
      let wait = lastTime.load(ordering: .relaxed) / Self.patience
      waiters.gather(until: lastEnd.load(ordering: .relaxed) + wait)
    }
    let start = Signal.now()
    let ending = act(.commit, led: led)
    let end = Signal.now()
    lastEnd.store(end, ordering: .releasing)
    lastTime.store(end - start, ordering: .relaxed)
    if ending != .ended { prepareNext() }
    return ending
  }

  /// By one of those that wait, on its thread.
  private func lead() {
    switch commit(led: true) {
    case .refused: wake()
    case .done where !wasLed.exchange(true, ordering: .acquiringAndReleasing): signal.raise()
    case .done, .ended: break
    }
  }

  private func finish() {
    if act(.commit) != .ended { act(.testify) }
    waiters.committed(through: log.durable, .closed, isLast: true)
  }

  private enum Ending { case done, refused, ended }

  @discardableResult
  private func act(_ due: Pace.Due, led: Bool = false) -> Ending {
    defer { onCommit() }
    do throws(LogError) {
      switch due {
      case .commit:
        try log.makeDurable { if tellsWrites { onCommit() } }
        waiters.committed(through: log.durable, nil, led: led)
        if log.hasPendingCheckpoint { try publish(led) }
      case .write:
        try log.write()
        waiters.progressed()
      case .testify: try log.idle()
      case .wait: break
      }
      // What there was found its place in the reserve; whether space is back is for us to find out.
      return log.fullness == nil ? .done : .refused
    } catch {
      switch error {
      case .poisoned, .closed:
        waiters.committed(through: log.durable, error, led: led, isLast: true)
        return .ended
      default:
        waiters.committed(through: log.durable, error, led: led)
        return .refused
      }
    }
  }

  /// By the thread: nobody who waited for a record waits for that.
  private func publish(_ led: Bool) throws(LogError) {
    if led { return wake() }
    onCommit()
    try log.publishCheckpoint()
  }

  /// On a thread of its own, so that no append waits for it.
  private func prepareNext() {
    guard log.wantsNextSegment else { return }
    let isFree = threads.withLock { threads in
      guard !threads.isPreparing else { return false }
      threads.isPreparing = true
      return true
    }
    guard isFree else { return }
    let thread = WorkThread { [self] in
      log.prepareNextSegment()
      threads.withLock { $0.isPreparing = false }
    }
    let former = threads.withLock { threads in
      defer { threads.preparer = thread }
      if thread == nil { threads.isPreparing = false }
      return threads.preparer
    }
    // It has ended, or is about to.
    former?.join()
  }
}
