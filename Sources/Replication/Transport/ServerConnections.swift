// The loop's side of a server: its connections, unanswered requests, bounds and back-pressure.

import NIOCore
import ReplicationCore
import Synchronization

/// Names one request of one server for as long as the process runs; never used twice.
public struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: RequestID, b: RequestID) -> Bool { a.value < b.value }
  public var description: String { String(value) }
}

/// A server's connections and the requests that wait for an answer, within their bounds.
final class ServerConnections: LinkOwner, @unchecked Sendable {  // proof: stays on its loop
  private struct Connection {
    var link: Link
    /// The peer's exchange ids and ours, of what is unanswered.
    var requests: [UInt64: RequestID] = [:]
    var paused = false
  }
  private struct Waiting {
    var connection: UInt64
    var exchange: UInt64
    var bytes: Int
  }

  /// So many are told that the server is full; more are closed without a word.
  private static let refusalsAtOnce = 32

  private let settings: TransportSettings
  private let events: TransportEvents
  private let eventLoop: any EventLoop
  /// It owns this until it is stopped.
  private let server: TransportServer
  private var connections: [UInt64: Connection] = [:]
  private var waiting: [RequestID: Waiting] = [:]
  private var lastConnection: UInt64 = 0
  private var lastRequest: UInt64 = 0
  /// Bytes of unanswered requests and of unfinished frames.
  private var heldBytes = 0
  /// Of them those of unfinished frames.
  private var partialBytes = 0
  private var pausedOrder = CircularBuffer<UInt64>()
  private var ticker: RepeatedTask?
  private(set) var stopped = false

  init(
    settings: TransportSettings, events: TransportEvents, eventLoop: any EventLoop,
    server: TransportServer
  ) {
    self.settings = settings
    self.events = events
    self.eventLoop = eventLoop
    self.server = server
  }

  /// Takes a connection that was just accepted.
  func accept(_ channel: any Channel) throws {
    guard !stopped else { return channel.close(promise: nil) }
    makeRoom()
    lastConnection += 1
    let link = Link(
      number: lastConnection, peer: "", settings: settings, idleTime: settings.idleTime * 2,
      owner: self)
    connections[link.number] = Connection(link: link)
    try channel.pipeline.syncOperations.addHandler(link)
    server.connectionCount.store(connections.count, ordering: .relaxed)
    startTicking()
    guard connections.count > settings.connectionLimit else { return }
    guard connections.count <= settings.connectionLimit + Self.refusalsAtOnce else {
      return link.close(.closed(peer: link.peer, reason: "too many others want to connect"))
    }
    let reason = "it has \(settings.connectionLimit) connections already"
    link.refuse(reason, .busy(peer: link.peer, reason: "refused, " + reason))
  }

  private func makeRoom() {
    guard connections.count >= settings.connectionLimit else { return }
    let idle = connections.values.filter { $0.requests.isEmpty && !$0.link.isClosing }
    // Strangers first, then the one that has been silent for longest.
    let victim = idle.min {
      ($0.link.isOpen ? 1 : 0, $0.link.lastActivity) < (
        $1.link.isOpen ? 1 : 0, $1.link.lastActivity
      )
    }
    victim?.link.close(
      .closed(peer: victim?.link.peer ?? "", reason: "it was idle and others want to connect"))
  }

  private func startTicking() {
    guard ticker == nil else { return }
    let tick = TimeAmount(settings.tick)
    ticker = eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [self] _ in
      let now = NIODeadline.now()
      for connection in Array(connections.values) { connection.link.tick(now) }
      if connections.isEmpty {
        ticker?.cancel()
        ticker = nil
      }
    }
  }

  // MARK: Answers

  func reply(to id: RequestID, _ payload: [UInt8]) {
    guard payload.count + Frame.overhead <= settings.frameLimit else {
      return refuse(id, "the answer of \(payload.count) bytes is over the limit of a frame")
    }
    answer(id, .response, payload)
  }

  func refuse(_ id: RequestID, _ reason: String) {
    answer(id, .refusal, Refused(reason: reason).encoded())
  }

  private func answer(_ id: RequestID, _ type: FrameType, _ payload: [UInt8]) {
    guard let request = waiting.removeValue(forKey: id) else { return }
    connections[request.connection]?.requests[request.exchange] = nil
    heldBytes -= request.bytes
    if let link = connections[request.connection]?.link {
      link.send(Frame(type: type, exchange: request.exchange, payload: payload))
      if link.waitingBytes > settings.sendLimit {
        link.close(
          .timedOut(peer: link.peer, waitingFor: "it to take \(link.waitingBytes) bytes"))
      }
    }
    resumeReading()
  }

  // MARK: LinkOwner

  func linkOpened(_ link: Link) {}

  func link(_ link: Link, received frame: Frame) {
    guard frame.type == .request else {
      return link.complain("a \(frame.type) frame at a server")
    }
    guard connections[link.number]?.requests[frame.exchange] == nil else {
      return link.complain("exchange \(frame.exchange) is under way already")
    }
    lastRequest += 1
    let id = RequestID(lastRequest)
    connections[link.number]?.requests[frame.exchange] = id
    waiting[id] = Waiting(
      connection: link.number, exchange: frame.exchange, bytes: frame.size)
    heldBytes += frame.size
    pauseIfNeeded(link)
    events.onRequest(
      IncomingRequest(id: id, payload: frame.payload, peer: link.peer, server: server))
  }

  func link(_ link: Link, holds delta: Int) {
    heldBytes += delta
    partialBytes += delta
    server.partialCount.store(partialBytes, ordering: .relaxed)
    if delta > 0 {
      dropBeginnings()
      pauseIfNeeded(link)
    } else {
      resumeReading()
    }
  }

  /// Unfinished frames may fill half of what may be held, or those who only ever begin would keep
  /// everybody's requests out. The one that began first goes: the slowest, or one that never ends.
  private func dropBeginnings() {
    while partialBytes > settings.receiveLimit / 2 {
      let begun = connections.values.lazy.map(\.link).filter { $0.partialBytes > 0 }
      guard begun.count > 1, let victim = begun.min(by: Self.beganEarlier) else { return }
      let reason = "its frame is unfinished and others need the room"
      victim.refuse(reason, .busy(peer: victim.peer, reason: "cut off, " + reason))
    }
  }

  private static func beganEarlier(_ a: Link, _ b: Link) -> Bool {
    guard let left = a.frameBegan, let right = b.frameBegan, left != right else {
      return a.number < b.number
    }
    return left < right
  }

  func isBusy(_ link: Link) -> Bool { connections[link.number]?.requests.isEmpty == false }

  func linkClosed(_ link: Link, _ cause: TransportError) {
    guard let connection = connections.removeValue(forKey: link.number) else { return }
    for id in connection.requests.values.sorted() {
      heldBytes -= waiting.removeValue(forKey: id)?.bytes ?? 0
      events.onGone(id)
    }
    server.connectionCount.store(connections.count, ordering: .relaxed)
    if case .closed = cause {} else if !stopped { events.onProblem(cause) }
    resumeReading()
  }

  // MARK: Back-pressure

  private func pauseIfNeeded(_ link: Link) {
    guard let connection = connections[link.number], !connection.paused else { return }
    guard
      connection.requests.count >= settings.requestLimit || heldBytes > settings.receiveLimit
    else { return }
    connections[link.number]?.paused = true
    pausedOrder.append(link.number)
    link.setReading(false)
  }

  private func resumeReading() {
    var left = pausedOrder.count
    while left > 0, heldBytes <= settings.receiveLimit {
      left -= 1
      let number = pausedOrder.removeFirst()
      guard let connection = connections[number], connection.paused else { continue }
      if connection.requests.count >= settings.requestLimit {
        pausedOrder.append(number)
        continue
      }
      connections[number]?.paused = false
      connection.link.setReading(true)
    }
  }

  func stop() {
    stopped = true
    ticker?.cancel()
    for connection in Array(connections.values) { connection.link.close(.stopped) }
  }
}
