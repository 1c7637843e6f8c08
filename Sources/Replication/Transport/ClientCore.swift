// The loop's side of a client: its connections, their deadlines and bounds.

import NIOCore
import NIOPosix

/// The client's connections, by address and lane.
final class ClientCore: @unchecked Sendable {  // proof: stays on its loop
  struct Key: Hashable {
    var address: HostPort
    var lane: TransportLane
  }

  private let loop: TransportLoop
  private let settings: TransportSettings
  /// Those that take new exchanges.
  private var connections: [Key: ClientConnection] = [:]
  /// These and those that are ending.
  private var all: [UInt64: ClientConnection] = [:]
  private var lastConnection: UInt64 = 0
  private var ticker: RepeatedTask?
  private var alarm: (at: NIODeadline, task: Scheduled<Void>)?
  private var stopped = false

  init(loop: TransportLoop, settings: TransportSettings) {
    self.loop = loop
    self.settings = settings
  }

  func start(
    _ id: UInt64, _ key: Key, _ payload: [UInt8], deadline: NIODeadline,
    completion: @escaping ExchangeCompletion
  ) {
    guard !stopped else { return completion(.failure(.stopped)) }
    if let connection = connections[key], connection.handler?.isClosing == true {
      // Its end is on its way; the exchange shall not die with it.
      connections[key] = nil
    }
    let connection: ClientConnection
    if let known = connections[key] {
      connection = known
    } else {
      if let full = makeRoom(key.address) { return completion(.failure(full)) }
      connection = connect(key)
    }
    if let error = connection.start(id, payload, deadline: deadline, completion: completion) {
      completion(.failure(error))
    } else {
      wake(at: deadline)
    }
  }

  private func makeRoom(_ address: HostPort) -> TransportError? {
    guard all.count >= settings.connectionLimit else { return nil }
    let idle = connections.filter { $0.value.exchanges.isEmpty }
    guard let victim = idle.min(by: { $0.value.lastActivity < $1.value.lastActivity }) else {
      return .busy(
        peer: address.description, reason: "\(all.count) connections are in use already")
    }
    connections[victim.key] = nil
    victim.value.close(.closed(peer: victim.key.address.description, reason: "it was idle"))
    return nil
  }

  private func connect(_ key: Key) -> ClientConnection {
    lastConnection += 1
    let connection = ClientConnection(
      number: lastConnection, address: key.address, settings: settings
    ) { [weak self] ended in
      guard let self else { return }
      all[ended.number] = nil
      if connections[key] === ended { connections[key] = nil }
    }
    connections[key] = connection
    all[connection.number] = connection
    startTicking()
    let bootstrap = ClientBootstrap(group: loop.group)
      .connectTimeout(TimeAmount(settings.connectTime))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.socketOption(.so_keepalive), value: 1)
      .channelOption(.maxMessagesPerRead, value: 4)
      .channelOption(.writeBufferWaterMark, value: .init(low: 128 << 10, high: 512 << 10))
    // A literal address needs no resolver, whose thread might answer after the loop has ended.
    let literal = try? SocketAddress(ipAddress: key.address.host, port: key.address.port)
    let connecting =
      literal.map { bootstrap.connect(to: $0) }
      ?? bootstrap.connect(host: key.address.host, port: key.address.port)
    connecting
      .hop(to: loop.eventLoop)
      .whenComplete { result in
        switch result {
        case .failure(let error):
          connection.handler?.failed(connectError(key.address, error))
        case .success(let channel):
          guard let link = connection.handler, !link.isClosing else {
            return channel.close(promise: nil)
          }
          do {
            try channel.pipeline.syncOperations.addHandler(link)
          } catch {
            link.failed(.unreachable(key.address, reason: describe(error)))
            channel.close(promise: nil)
          }
        }
      }
    return connection
  }

  func cancel(_ id: UInt64) {
    for connection in Array(all.values) { connection.abandon(id, .stopped) }
  }

  // MARK: Time

  /// One alarm for the earliest deadline; those of completed exchanges ring for nothing, once.
  private func wake(at deadline: NIODeadline) {
    if let alarm {
      guard deadline < alarm.at else { return }
      alarm.task.cancel()
    }
    let task = loop.eventLoop.scheduleTask(deadline: deadline) { [self] in
      alarm = nil
      let now = NIODeadline.now()
      var next: NIODeadline?
      for connection in Array(all.values) {
        guard let deadline = connection.expire(now) else { continue }
        next = min(next ?? deadline, deadline)
      }
      if let next { wake(at: next) }
    }
    alarm = (deadline, task)
  }

  private func startTicking() {
    guard ticker == nil else { return }
    let tick = TimeAmount(settings.tick)
    ticker = loop.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [self] _ in
      let now = NIODeadline.now()
      for connection in Array(all.values) { connection.handler?.tick(now) }
      if all.isEmpty {
        ticker?.cancel()
        ticker = nil
      }
    }
  }

  func stop() {
    stopped = true
    ticker?.cancel()
    alarm?.task.cancel()
    for connection in Array(all.values) { connection.close(.stopped) }
  }
}
