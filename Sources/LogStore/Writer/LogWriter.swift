import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// The thread that makes a log durable. While one sync runs, what is appended gathers for the next:
// that is group commit. It carries out what Pace says is due; what a commit is, is the log's. A
// refused commit (full disk) is tried again, a poisoned or closed log ends the thread. Production
// only: a simulation commits by itself.

public final class LogWriter: Sendable {
  private let log: Log
  private let policy: SyncPolicy
  private let signal = Signal()
  private let stopping = Atomic<Bool>(false)
  private let onCommit: @Sendable () -> Void
  private let tellsWrites: Bool
  private let thread: Mutex<pthread_t?> = Mutex(nil)

  /// Starts the thread, which keeps the writer alive until `stop`. `onCommit` is called on it after
  /// every write and commit, successful or not: the caller asks the log what is durable, full or
  /// poisoned. With `tellsWrites` it is called between write and sync too, for who ships bytes.
  /// If the system gives no thread, `wake` commits on its caller's.
  public init(
    _ log: Log, policy: SyncPolicy, tellsWrites: Bool = false,
    onCommit: @escaping @Sendable () -> Void
  ) {
    self.log = log
    self.policy = policy
    self.onCommit = onCommit
    self.tellsWrites = tellsWrites
    start()
  }

  /// Something was appended or ingested.
  public func wake() {
    if thread.withLock({ $0 == nil }) {
      if !stopping.load(ordering: .acquiring) { act(.commit) }
      return
    }
    signal.raise()
  }

  /// Commits what is there, testifies it and ends the thread.
  public func stop() {
    stopping.store(true, ordering: .releasing)
    signal.raise()
    let handle = thread.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let handle {
      pthread_join(handle, nil)
    } else {
      finish()
    }
  }

  private func start() {
    let body = Unmanaged.passRetained(self)
    #if canImport(Darwin)
      var handle: pthread_t?
      let code = pthread_create(&handle, nil, { runWriter($0) }, body.toOpaque())
    #else
      var handle = pthread_t()
      let code = pthread_create(
        &handle, nil, { $0.flatMap { runWriter($0) } }, body.toOpaque())
    #endif
    guard code == 0 else {
      body.release()
      return
    }
    thread.withLock { $0 = handle }
  }

  fileprivate func run() {
    var pace = Pace(policy)
    while !stopping.load(ordering: .acquiring) {
      switch pace.due(at: Signal.now()) {
      case .wait(let until):
        if signal.wait(until: until) { pace.woken(at: Signal.now()) }
      case let due:
        let ending = act(due)
        if ending == .ended { return }
        if due == .commit {
          pace.committed(at: Signal.now(), refused: ending == .refused)
        }
      }
    }
    finish()
  }

  private func finish() {
    guard act(.commit) != .ended else { return }
    act(.testify)
  }

  private enum Ending { case done, refused, ended }

  @discardableResult
  private func act(_ due: Pace.Due) -> Ending {
    defer { onCommit() }
    do throws(LogError) {
      switch due {
      case .commit: try log.commit { if tellsWrites { onCommit() } }
      case .write: try log.write()
      case .testify: try log.idle()
      case .wait: break
      }
      // What there was found its place in the reserve; whether space is back is for us to find out.
      return log.fullness == nil ? .done : .refused
    } catch {
      switch error {
      case .poisoned, .closed: return .ended
      default: return .refused
      }
    }
  }
}

private func runWriter(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
  Unmanaged<LogWriter>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}
