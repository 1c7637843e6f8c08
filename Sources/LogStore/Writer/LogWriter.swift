import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The thread that makes a log durable. While one sync runs, what is appended gathers for the next: that
// is group commit. It owns when to commit, by the log's policy; what a commit is, is the log's.
//
// A refused commit (full disk) is tried again every `retryDelay`; a poisoned log ends the thread.

public final class LogWriter: Sendable {
  static let retryDelay: UInt64 = 100_000_000
  /// DESIGN: a log that was idle for so long testifies its durable end.
  static let idleDelay: UInt64 = 100_000_000

  private let log: Log
  private let policy: SyncPolicy
  private let signal = Signal()
  private let stopping = Atomic<Bool>(false)
  private let onCommit: @Sendable () -> Void
  private let thread: Mutex<pthread_t?> = Mutex(nil)

  /// Starts the thread. `onCommit` is called on it after every commit, successful or not: the caller
  /// asks the log what is durable, full or poisoned.
  public init(_ log: Log, policy: SyncPolicy, onCommit: @escaping @Sendable () -> Void) {
    self.log = log
    self.policy = policy
    self.onCommit = onCommit
    start()
  }

  /// Something was appended or ingested.
  public func wake() { signal.raise() }

  /// Commits what is there and ends the thread.
  public func stop() {
    stopping.store(true, ordering: .releasing)
    signal.raise()
    let handle = thread.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let handle { pthread_join(handle, nil) }
  }

  private func start() {
    let body = Unmanaged.passRetained(self)
    var handle = pthread_t()
    let code = pthread_create(
      &handle, nil,
      { argument in
        if let argument {
          Unmanaged<LogWriter>.fromOpaque(argument).takeRetainedValue().run()
        }
        return nil
      }, body.toOpaque())
    precondition(code == 0, "the system gives no thread for the log: \(errnoText(code))")
    thread.withLock { $0 = handle }
  }

  private func run() {
    var idleAt: UInt64?
    var retryAt: UInt64?
    while true {
      let woken = signal.wait(until: [idleAt, retryAt].compactMap(\.self).min())
      let isStopping = stopping.load(ordering: .acquiring)
      if woken, !isStopping { gather() }
      if woken || retryAt != nil || isStopping {
        retryAt = nil
        switch commit() {
        case .done: idleAt = Signal.now() + Self.idleDelay
        case .refused: retryAt = Signal.now() + Self.retryDelay
        case .ended: return
        }
      } else if idleAt != nil {
        idleAt = nil
        testify()
      }
      if isStopping {
        testify()
        return
      }
    }
  }

  /// Lets company arrive, as far as the policy says.
  private func gather() {
    switch policy {
    case .always, .never: return
    case .group(let maxDelay): pause(maxDelay)
    case .interval(let span): pause(span)
    }
  }

  private func pause(_ span: Duration) {
    guard span > .zero else { return }
    let (seconds, attoseconds) = span.components
    let until = Signal.now() + UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    while !stopping.load(ordering: .acquiring), signal.wait(until: until) {}
  }

  private enum Ending { case done, refused, ended }

  private func commit() -> Ending {
    defer { onCommit() }
    do throws(LogError) {
      try log.commit()
      return .done
    } catch {
      if case .poisoned = error { return .ended }
      return .refused
    }
  }

  private func testify() {
    do throws(LogError) { try log.idle() } catch {
      // The testimony is a hint; what went wrong shows at the next commit.
    }
  }
}
