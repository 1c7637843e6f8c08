// The thread that does all socket I/O of a process, and its clock.

import NIOCore
import NIOPosix

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The one I/O thread that all servers and clients of a process share. Callbacks of the transport
/// run on it: they must hand over and return, never wait.
public final class TransportLoop: Sendable {
  let group: MultiThreadedEventLoopGroup
  let eventLoop: any EventLoop

  public init() {
    // A peer that goes while we write is an error of that connection, not the end of the process.
    _ = signal(SIGPIPE, SIG_IGN)
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    eventLoop = group.next()
  }

  /// Ends the thread, after servers and clients were stopped. Not from a callback.
  public func shutdown() {
    precondition(!eventLoop.inEventLoop, "shutdown would wait for itself")
    try? group.syncShutdownGracefully()
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let (product, over) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self = over ? .nanoseconds(.max) : .nanoseconds(product + attoseconds / 1_000_000_000)
  }
}

extension NIODeadline {
  static func - (a: NIODeadline, b: NIODeadline) -> Duration {
    let span: TimeAmount = a - b
    return .nanoseconds(span.nanoseconds)
  }
}
