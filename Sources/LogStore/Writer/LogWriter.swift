import Synchronization

// The thread that makes a log durable. While one sync runs, what is appended gathers for the next:
// that is group commit. It carries out what Pace says is due; what a commit is, is the log's. A
// refused commit (full disk) is tried again, a poisoned or closed log ends the thread. Production
// only: a simulation commits by itself.

public final class LogWriter: Sendable {
  private let log: Log
  private let policy: SyncPolicy
  private let signal = Signal()
  private let waiters = CommitWaiters()
  private let stopping = Atomic<Bool>(false)
  private let onCommit: @Sendable () -> Void
  private let tellsWrites: Bool
  private let threads = Mutex(Threads())

  private struct Threads: Sendable {
    var writer: WorkThread?
    /// Makes the next segment ready while this one is written.
    var preparer: WorkThread?
    var isPreparing = false
  }

  /// The most of a sync's time that is spent waiting for company that the last one had.
  private static let patience: UInt64 = 8

  /// Starts the thread, which keeps the writer alive until `stop`. `onCommit` is called on it after
  /// every write and commit, successful or not: the caller asks the log what is durable, full or
  /// poisoned. With `tellsWrites` it is called between write and sync too, for who ships bytes.
  /// If the system gives no thread, `wake` commits on its caller's.
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
    signal.raise()
    guard threads.withLock({ $0.writer == nil }) else { return }
    if !stopping.load(ordering: .acquiring) { act(.commit) }
  }

  /// Appends and wakes the thread; `awaitDurable` waits for the disk. Where more waits for the disk
  /// than `LogOptions.bufferLimit`, the caller waits for a write: that is the back-pressure.
  @discardableResult
  public func append(_ batch: RecordBatch) throws(LogError) -> Appended {
    try appending { () throws(LogError) in try log.append(batch) }
  }

  /// A record by itself; nothing is allocated for it.
  @discardableResult
  public func append(
    kind: RecordKind, payload: UnsafeRawBufferPointer
  ) throws(LogError) -> Appended {
    try appending { () throws(LogError) in try log.append(kind: kind, payload: payload) }
  }

  private func appending(
    _ append: () throws(LogError) -> Appended
  ) throws(LogError) -> Appended {
    while true {
      do throws(LogError) {
        let appended = try append()
        wake()
        return appended
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
    try waiters.wait(for: sequence)
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
    var lastSync: UInt64 = 0
    var lastEnd: UInt64 = 0
    while !stopping.load(ordering: .acquiring) {
      switch pace.due(at: Signal.now()) {
      case .wait(let until):
        if signal.wait(until: until) { pace.woken(at: Signal.now()) }
      case .commit:
        if case .group = policy { waiters.gather(until: lastEnd + lastSync / Self.patience) }
        let start = Signal.now()
        let ending = act(.commit)
        if ending == .ended { return }
        lastEnd = Signal.now()
        lastSync = lastEnd - start
        pace.committed(at: lastEnd, refused: ending == .refused)
        prepareNext()
      case let due:
        if act(due) == .ended { return }
      }
    }
    finish()
  }

  private func finish() {
    if act(.commit) != .ended { act(.testify) }
    waiters.committed(through: log.durable, .closed, isLast: true)
  }

  private enum Ending { case done, refused, ended }

  @discardableResult
  private func act(_ due: Pace.Due) -> Ending {
    defer { onCommit() }
    do throws(LogError) {
      switch due {
      case .commit:
        try log.commit { if tellsWrites { onCommit() } }
        waiters.committed(through: log.durable, nil)
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
        waiters.committed(through: log.durable, error, isLast: true)
        return .ended
      default:
        waiters.committed(through: log.durable, error)
        return .refused
      }
    }
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
