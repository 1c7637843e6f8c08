#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A flag that one thread raises and another waits for, with a deadline on the monotonic clock. It
// is what Synchronization's Mutex lacks: a condition variable. Raised twice before it is seen, it
// is seen once.
package final class Signal: @unchecked Sendable {  // proof: `raised` is used under mutex only
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var raised = false

  package init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  package func raise() {
    pthread_mutex_lock(mutex)
    raised = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Waits until it is raised and lowers it; false if `nanoseconds` of the monotonic clock came
  /// first (nil: never).
  package func wait(until nanoseconds: UInt64?) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !raised {
      guard let nanoseconds else {
        pthread_cond_wait(condition, mutex)
        continue
      }
      var deadline = timespec(
        tv_sec: Int(clamping: nanoseconds / 1_000_000_000),
        tv_nsec: Int(nanoseconds % 1_000_000_000))
      if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
    }
    defer { raised = false }
    return raised
  }

  package static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
