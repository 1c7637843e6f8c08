import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A flag that one thread raises and another waits for, with a deadline on the monotonic clock. It
// is what Synchronization's Mutex lacks: a condition variable. Raised twice before it is seen, it
// is seen once, and costs the second raiser one atomic exchange.
package final class Signal: @unchecked Sendable {  // proof: the pointers never change
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let raised = Atomic<Bool>(false)

  package init() {
    pthread_mutex_init(mutex, nil)
    initializeMonotonic(condition)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Whoever waits or comes to wait next sees it, and with it all that the raiser did before.
  package func raise() {
    // Who set it signals it: the waiter either sees the flag or is woken.
    if raised.exchange(true, ordering: .acquiringAndReleasing) { return }
    pthread_mutex_lock(mutex)
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Waits until it is raised and lowers it; false if `nanoseconds` of the monotonic clock came
  /// first (nil: never).
  package func wait(until nanoseconds: UInt64?) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !raised.exchange(false, ordering: .acquiringAndReleasing) {
      guard waitForSignal(condition, mutex, until: nanoseconds) else {
        return raised.exchange(false, ordering: .acquiringAndReleasing)
      }
    }
    return true
  }

  package static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// A condition variable whose deadlines are on the monotonic clock.
func initializeMonotonic(_ condition: UnsafeMutablePointer<pthread_cond_t>) {
  var attributes = pthread_condattr_t()
  pthread_condattr_init(&attributes)
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
  pthread_cond_init(condition, &attributes)
  pthread_condattr_destroy(&attributes)
}

/// False if the deadline has passed; wakes without reason are possible.
func waitForSignal(
  _ condition: UnsafeMutablePointer<pthread_cond_t>,
  _ mutex: UnsafeMutablePointer<pthread_mutex_t>, until nanoseconds: UInt64?
) -> Bool {
  guard let nanoseconds else { return pthread_cond_wait(condition, mutex) == 0 }
  var deadline = timespec(
    tv_sec: Int(clamping: nanoseconds / 1_000_000_000),
    tv_nsec: Int(nanoseconds % 1_000_000_000))
  return pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT
}
