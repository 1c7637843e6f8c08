// Threads of our own, for work that blocks: the cooperative pool has as many threads as cores, and
// an event loop must not wait.

import CSpawn

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A thread that runs one body to its end.
final class OwnThread: Sendable {
  private let handle: pthread_t

  private final class Body: Sendable {
    let name: String
    let run: @Sendable () -> Void
    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }
  }

  /// `name` is shown by ps and top; the system keeps 15 bytes of it.
  init(named name: String, _ run: @escaping @Sendable () -> Void) throws(SystemFailure) {
    let body = Unmanaged.passRetained(Body(name: name, run: run))
    var handle = pthread_t()
    let code = pthread_create(
      &handle, nil,
      { argument in
        guard let argument else { return nil }
        let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        rpcv_name_thread(String(body.name.prefix(15)))
        body.run()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      body.release()
      throw SystemFailure("start the thread \(name)", code: code)
    }
    self.handle = handle
  }

  /// Waits for its end; once only.
  func join() { pthread_join(handle, nil) }
}

/// A queue of blocking jobs (packing, removing, archives) and the one thread that does them, in
/// order.
public final class Worker: Sendable {
  private struct State {
    var jobs: [@Sendable () -> Void] = []
    var ending = false
  }

  private final class Queue: @unchecked Sendable {  // proof: state is guarded by mutex
    var state = State()
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(condition, nil)
    }

    deinit {
      pthread_cond_destroy(condition)
      pthread_mutex_destroy(mutex)
      condition.deallocate()
      mutex.deallocate()
    }

    func change(_ body: (inout State) -> Void) {
      pthread_mutex_lock(mutex)
      body(&state)
      pthread_cond_signal(condition)
      pthread_mutex_unlock(mutex)
    }

    /// The next jobs; empty at the end.
    func take() -> [@Sendable () -> Void] {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      while state.jobs.isEmpty && !state.ending { pthread_cond_wait(condition, mutex) }
      defer { state.jobs = [] }
      return state.jobs
    }
  }

  private let queue = Queue()
  private let thread: OwnThread

  public init(named name: String) throws(SystemFailure) {
    thread = try OwnThread(named: name) { [queue] in
      while true {
        let jobs = queue.take()
        if jobs.isEmpty { return }
        for job in jobs { job() }
      }
    }
  }

  /// Does `job` after those before it. After `stop` it is dropped.
  public func run(_ job: @escaping @Sendable () -> Void) {
    queue.change { if !$0.ending { $0.jobs.append(job) } }
  }

  /// Returns when all jobs so far are done and the thread has ended. Once, and not from a job.
  public func stop() {
    queue.change { $0.ending = true }
    thread.join()
  }
}
