import Glibc
import LogStore
import Synchronization

// Ctrl-C and SIGTERM as a value: a thread of its own waits for them, so that no handler runs in the
// middle of anything. The second one ends the process at once.

final class Interrupts: Sendable {
  private let pending = Atomic<Int32>(0)
  private let listener = Guarded<(@Sendable () -> Void)?>(nil)

  /// The signal that came, or nil.
  var signal: Int32? {
    let value = pending.load(ordering: .acquiring)
    return value == 0 ? nil : value
  }

  /// Called once, on another thread, when the first signal comes.
  func onSignal(_ body: @escaping @Sendable () -> Void) { listener.withLock { $0 = body } }

  /// To be called before any other thread is started: they inherit the mask.
  static func install() -> Interrupts {
    let interrupts = Interrupts()
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&mask, number) }
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    let body = Unmanaged.passRetained(interrupts)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument {
          Unmanaged<Interrupts>.fromOpaque(argument).takeRetainedValue().wait()
        }
        return nil
      }, body.toOpaque())
    if code == 0 { pthread_detach(thread) } else { body.release() }
    return interrupts
  }

  private func wait() {
    var mask = sigset_t()
    sigemptyset(&mask)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&mask, number) }
    while true {
      var number: Int32 = 0
      guard sigwait(&mask, &number) == 0 else { continue }
      if pending.exchange(number, ordering: .acquiringAndReleasing) != 0 { _exit(128 + number) }
      listener.withLock { $0 }?()
    }
  }
}
