// The client that cores' shells use. It promises one completion an exchange, in time, on the loop.

import NIOCore
import Synchronization

public typealias ExchangeCompletion = @Sendable (Result<[UInt8], TransportError>) -> Void

/// Exchanges on one lane never wait behind the bytes of another: each lane has a connection.
public enum TransportLane: UInt8, Hashable, Sendable, CaseIterable {
  case control
  case bulk
}

public struct TransportExchange: Hashable, Sendable {
  let value: UInt64
}

/// Sends requests and brings their answers. Connections are made when they are needed, kept while
/// they are used, and mean nothing: when one ends, its exchanges fail at once and the next exchange
/// connects again. Every method may be called from any thread; completions come on the transport's
/// thread, once each.
public final class TransportClient: Sendable {
  private let core: ClientCore
  private let eventLoop: any EventLoop
  private let lastExchange = Atomic<UInt64>(0)

  public init(on loop: TransportLoop, settings: TransportSettings = .init()) {
    eventLoop = loop.eventLoop
    core = ClientCore(loop: loop, settings: settings)
  }

  /// One request to whoever listens on `address`; one answer, or why there is none, in `timeout`.
  @discardableResult
  public func exchange(
    with address: HostPort, lane: TransportLane = .control, _ payload: [UInt8], timeout: Duration,
    completion: @escaping ExchangeCompletion
  ) -> TransportExchange {
    let id = lastExchange.add(1, ordering: .relaxed).newValue
    let deadline = NIODeadline.now() + TimeAmount(timeout)
    onLoop {
      $0.start(
        id, ClientCore.Key(address: address, lane: lane), payload, deadline: deadline,
        completion: completion)
    }
    return TransportExchange(value: id)
  }

  /// Completes the exchange with `.stopped`, unless it is completed already.
  public func cancel(_ id: TransportExchange) { onLoop { $0.cancel(id.value) } }

  /// Completes all exchanges with `.stopped`, closes all connections; later exchanges fail so too.
  public func stop() {
    if eventLoop.inEventLoop { return core.stop() }
    try? eventLoop.submit { [core] in core.stop() }.wait()
    try? eventLoop.submit {}.wait()
  }

  private func onLoop(_ body: @escaping @Sendable (ClientCore) -> Void) {
    if eventLoop.inEventLoop {
      body(core)
    } else {
      eventLoop.execute { [core] in body(core) }
    }
  }
}
