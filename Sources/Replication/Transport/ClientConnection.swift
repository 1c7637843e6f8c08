// One connection as a client sees it: which exchanges wait for it, and that each is completed once.

import NIOCore
import ReplicationCore

/// The client's side of one connection: the exchanges that wait for it. Each is completed once.
final class ClientConnection: LinkOwner, @unchecked Sendable {  // proof: stays on its loop
  struct Exchange {
    var deadline: NIODeadline
    var completion: ExchangeCompletion
  }

  let number: UInt64
  let address: HostPort
  private let settings: TransportSettings
  private let onEnd: (ClientConnection) -> Void
  private(set) var exchanges: [UInt64: Exchange] = [:]
  private(set) var ended = false
  private var link: Link?

  init(
    number: UInt64, address: HostPort, settings: TransportSettings,
    onEnd: @escaping (ClientConnection) -> Void
  ) {
    self.number = number
    self.address = address
    self.settings = settings
    self.onEnd = onEnd
    link = Link(
      number: number, peer: address.description, settings: settings,
      idleTime: settings.idleTime, owner: self)
  }

  /// For the pipeline; nil once it has ended.
  var handler: Link? { link }
  var lastActivity: NIODeadline { link?.lastActivity ?? .uptimeNanoseconds(0) }

  /// Sends a request, now or when the connection is made; returns why not.
  func start(
    _ id: UInt64, _ payload: [UInt8], deadline: NIODeadline,
    completion: @escaping ExchangeCompletion
  ) -> TransportError? {
    guard payload.count + Frame.overhead <= settings.frameLimit else {
      return .frameTooLarge(
        peer: address.description, length: UInt64(payload.count + Frame.overhead),
        limit: settings.frameLimit)
    }
    guard exchanges.count < settings.exchangeLimit else {
      return .busy(
        peer: address.description, reason: "\(exchanges.count) exchanges are under way with it")
    }
    guard let link else { return .closed(peer: address.description, reason: "it has just ended") }
    guard link.waitingBytes == 0 || link.waitingBytes + payload.count <= settings.sendLimit else {
      return .busy(peer: address.description, reason: "too many bytes wait to be sent to it")
    }
    let frame = Frame(type: .request, exchange: id, payload: payload)
    exchanges[id] = Exchange(deadline: deadline, completion: completion)
    link.send(frame)
    return nil
  }

  /// Gives up one exchange; its answer is dropped when it comes.
  func abandon(_ id: UInt64, _ error: TransportError) {
    exchanges.removeValue(forKey: id)?.completion(.failure(error))
  }

  /// Completes what is overdue and tells the next deadline.
  func expire(_ now: NIODeadline) -> NIODeadline? {
    var next: NIODeadline?
    var overdue: [UInt64] = []
    for (id, exchange) in exchanges {
      if exchange.deadline <= now {
        overdue.append(id)
      } else {
        next = min(next ?? exchange.deadline, exchange.deadline)
      }
    }
    let what = link?.isOpen == true ? "an answer" : "a connection"
    for id in overdue.sorted() {
      abandon(id, .timedOut(peer: address.description, waitingFor: what))
    }
    return next
  }

  func close(_ cause: TransportError) { link?.close(cause) }

  // MARK: LinkOwner

  func linkOpened(_ link: Link) {}

  func link(_ link: Link, received frame: Frame) {
    switch frame.type {
    case .response:
      exchanges.removeValue(forKey: frame.exchange)?.completion(.success(frame.payload))
    case .refusal:
      let reason = (try? Refused(decoding: frame.payload))?.reason ?? "without a readable reason"
      let error = TransportError.rejected(peer: link.peer, reason: reason)
      if frame.exchange == 0 {
        link.close(error)
      } else {
        abandon(frame.exchange, error)
      }
    case .preface, .request: link.complain("a \(frame.type) frame at a client")
    }
  }

  func link(_ link: Link, holds delta: Int) {}

  func isBusy(_ link: Link) -> Bool { !exchanges.isEmpty }

  func linkClosed(_ link: Link, _ cause: TransportError) {
    ended = true
    self.link = nil
    onEnd(self)
    let failed = exchanges.sorted { $0.key < $1.key }
    exchanges = [:]
    for (_, exchange) in failed { exchange.completion(.failure(cause)) }
  }
}
