#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// One thread of the engine, for what blocks: started, and joined once. Swift's tasks may not block
// on a disk.
final class WorkThread: Sendable {
  private let handle = Guarded<pthread_t?>(nil)

  /// Nil if the system gives no thread.
  init?(_ body: @escaping @Sendable () -> Void) {
    let boxed = Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        argument.map { Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run() }
        return nil
      }, boxed.toOpaque())
    guard code == 0 else {
      boxed.release()
      return nil
    }
    handle.withLock { $0 = thread }
  }

  /// Waits for its end; the second call returns at once.
  func join() {
    let thread = handle.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let thread { pthread_join(thread, nil) }
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
}
