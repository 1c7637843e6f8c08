#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Threads that appended and go on when it is durable. It owns who waits and who commits for all:
// the first that comes, on its own thread, for handing over costs as much as a quick sync. It tells
// it for whom a sync is worth a moment: those that the last sync let go come back soon, and one
// sync for all of them is as quick as one for the first. It knows no log and does no I/O.

final class CommitWaiters: @unchecked Sendable {  // proof: all `var`s are used under mutex only
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  /// A commit ended.
  private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// As many wait as are expected.
  private let gathered = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var waiting: [LogSequence] = []
  private var durable = LogSequence.zero
  /// Writes and commits that ended.
  private var turns: UInt64 = 0
  /// The last one that failed, and how; all that waited then fail with it.
  private var failure: (turn: UInt64, error: LogError)?
  private var isOver = false
  /// One of those that wait commits.
  private var isLed = false
  /// Who waited when the last commit ended, whether it let them go or not.
  private var expected = 0

  init() {
    pthread_mutex_init(mutex, nil)
    initializeMonotonic(ended)
    initializeMonotonic(gathered)
  }

  deinit {
    for condition in [ended, gathered] {
      pthread_cond_destroy(condition)
      condition.deallocate()
    }
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Returns when `sequence` is durable; throws what the commit threw that should have made it so.
  /// If nobody else does, the caller runs `commit`, which ends with `committed`; nil: another
  /// thread does.
  func wait(for sequence: LogSequence, leading commit: (() -> Void)?) throws(LogError) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard durable < sequence else { return }
    let turn = turns
    waiting.append(sequence)
    if waiting.count >= expected { pthread_cond_signal(gathered) }
    while durable < sequence {
      if let failure, failure.turn > turn || isOver { throw failure.error }
      guard let commit, !isLed else {
        pthread_cond_wait(ended, mutex)
        continue
      }
      isLed = true
      pthread_mutex_unlock(mutex)
      commit()
      pthread_mutex_lock(mutex)
    }
  }

  /// Something was written or committed: there may be room again.
  func progressed() {
    pthread_mutex_lock(mutex)
    turns += 1
    pthread_cond_broadcast(ended)
    pthread_mutex_unlock(mutex)
  }

  var turn: UInt64 {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return turns
  }

  /// Returns when a write or commit has ended since `turn`, for who found no room; throws if none
  /// will.
  func wait(after turn: UInt64) throws(LogError) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while turns == turn {
      if isOver, let failure { throw failure.error }
      pthread_cond_wait(ended, mutex)
    }
  }

  /// Returns when more than `sequence` is durable; false if no more will be.
  func wait(beyond sequence: LogSequence) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while durable <= sequence && !isOver { pthread_cond_wait(ended, mutex) }
    return durable > sequence
  }

  /// Who is about to commit: until as many wait as did last time, or `deadline`.
  func gather(until deadline: UInt64) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while waiting.count < expected, waitForSignal(gathered, mutex, until: deadline) {}
  }

  /// A commit ended. `led`: by one of those that wait. `isLast`: none follows, so whoever waits or
  /// comes fails with `error`.
  func committed(
    through sequence: LogSequence, _ error: LogError?, led: Bool = false, isLast: Bool = false
  ) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    durable = max(durable, sequence)
    turns += 1
    if led { isLed = false }
    expected = waiting.count
    if let error {
      // What ended the log is the reason that stays, though its thread closes it later.
      if !isOver { failure = (turns, error) }
      waiting = []
    } else {
      waiting.removeAll { $0 <= durable }
    }
    isOver = isOver || isLast
    pthread_cond_broadcast(ended)
  }
}
