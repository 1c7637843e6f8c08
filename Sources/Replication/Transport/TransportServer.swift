// The server that cores' shells use. It promises to say when nobody waits for an answer any more.

import LogStore
import NIOCore
import NIOPosix
import Synchronization

/// What a server tells its owner, on the transport's thread: hand over and return.
public struct TransportEvents: Sendable {
  public var onRequest: @Sendable (IncomingRequest) -> Void
  /// The connection of an unanswered request went: nobody waits for the answer any more.
  public var onGone: @Sendable (RequestID) -> Void
  /// A connection was ended for cause; for the log and people. Not called for ordinary ends.
  public var onProblem: @Sendable (TransportError) -> Void

  public init(
    onRequest: @escaping @Sendable (IncomingRequest) -> Void,
    onGone: @escaping @Sendable (RequestID) -> Void = { _ in },
    onProblem: @escaping @Sendable (TransportError) -> Void = { _ in }
  ) {
    self.onRequest = onRequest
    self.onGone = onGone
    self.onProblem = onProblem
  }
}

public struct IncomingRequest: Sendable {
  public let id: RequestID
  public let payload: [UInt8]
  /// The other end's numeric address, for people.
  public let peer: String
  let server: TransportServer

  /// Answers it; from any thread. The second answer and one after `onGone` are dropped.
  public func reply(_ payload: [UInt8]) { server.reply(to: id, payload) }
  public func refuse(_ reason: String) { server.refuse(id, reason) }
}

/// Listens on one address, hands over requests and sends answers, in any order. Every method may be
/// called from any thread. It lives until it is stopped.
public final class TransportServer: Sendable {
  private struct State {
    var address: HostPort
    var listener: (any Channel)?
    var connections: ServerConnections?
  }

  private let eventLoop: any EventLoop
  private let state: Guarded<State>
  let connectionCount = Atomic<Int>(0)
  let partialCount = Atomic<Int>(0)

  /// Listens once it returns; requests may come before it does. Not from a callback.
  public static func start(
    on loop: TransportLoop, at address: HostPort, settings: TransportSettings = .init(),
    events: TransportEvents
  ) throws(TransportError) -> TransportServer {
    let server = TransportServer(eventLoop: loop.eventLoop, address: address)
    let connections = ServerConnections(
      settings: settings, events: events, eventLoop: loop.eventLoop, server: server)
    let listener: any Channel
    do {
      listener = try listen(loop.group, address, connections)
    } catch {
      throw listenError(address, error)
    }
    server.state.withLock { state in
      state.address.port = listener.localAddress?.port ?? address.port
      state.listener = listener
      state.connections = connections
    }
    return server
  }

  private static func listen(
    _ group: MultiThreadedEventLoopGroup, _ address: HostPort, _ connections: ServerConnections
  ) throws -> any Channel {
    try ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 512)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        // Out of descriptors: try again soon instead of at once and for ever.
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { _ in .milliseconds(200) })
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 4)
      .childChannelOption(.writeBufferWaterMark, value: .init(low: 128 << 10, high: 512 << 10))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try connections.accept(channel) }
      }
      .bind(host: address.host, port: address.port).wait()
  }

  private init(eventLoop: any EventLoop, address: HostPort) {
    self.eventLoop = eventLoop
    state = Guarded(State(address: address))
  }

  /// Where it listens; the port is the real one if 0 was asked for.
  public var address: HostPort { state.withLock { $0.address } }

  public func reply(to id: RequestID, _ payload: [UInt8]) {
    onLoop { $0.reply(to: id, payload) }
  }

  /// Says that the request is not carried out.
  public func refuse(_ id: RequestID, _ reason: String) {
    onLoop { $0.refuse(id, reason) }
  }

  /// Connections at the moment.
  public var openConnections: Int { connectionCount.load(ordering: .relaxed) }

  /// Bytes of unfinished frames at the moment.
  public var partialBytes: Int { partialCount.load(ordering: .relaxed) }

  /// Frees the port, ends all connections (`onGone` is called for what was unanswered), and returns
  /// when that is done. Not from a callback.
  public func stop() {
    precondition(!eventLoop.inEventLoop, "stop would wait for itself")
    let ended = state.withLock { state in
      defer { (state.listener, state.connections) = (nil, nil) }
      return (state.listener, state.connections)
    }
    guard let listener = ended.0, let connections = ended.1 else { return }
    try? listener.close().wait()
    try? eventLoop.submit { connections.stop() }.wait()
    // Links end in the turns that follow their close.
    try? eventLoop.submit {}.wait()
  }

  private func onLoop(_ body: @escaping @Sendable (ServerConnections) -> Void) {
    // A request may be answered before `start` has returned.
    if eventLoop.inEventLoop {
      if let connections = state.withLock({ $0.connections }) { body(connections) }
    } else {
      eventLoop.execute { [self] in
        if let connections = state.withLock({ $0.connections }) { body(connections) }
      }
    }
  }
}
