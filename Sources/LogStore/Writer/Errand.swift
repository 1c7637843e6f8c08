// One piece of work on a thread of its own, whose outcome is fetched once: so that two things that
// cost the same go side by side. Where the system gives no thread it is done when it is fetched.
// Nobody outlives it: who drops it waits for its end.
final class Errand<Value: Sendable>: Sendable {
  private let work: @Sendable () throws(LogError) -> Value
  private let outcome: Guarded<Result<Value, LogError>?>
  private let thread: WorkThread?

  init(_ work: @escaping @Sendable () throws(LogError) -> Value) {
    let outcome = Guarded<Result<Value, LogError>?>(nil)
    self.work = work
    self.outcome = outcome
    thread = WorkThread {
      let result: Result<Value, LogError>
      do throws(LogError) { result = .success(try work()) } catch { result = .failure(error) }
      outcome.withLock { $0 = result }
    }
  }

  deinit { thread?.join() }

  /// Waits for it.
  func value() throws(LogError) -> Value {
    thread?.join()
    guard let outcome = outcome.withLock({ $0.take() }) else { return try work() }
    return try outcome.get()
  }
}
