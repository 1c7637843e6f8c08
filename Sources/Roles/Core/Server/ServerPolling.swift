// The poll: heartbeat, pull for work and long poll in one. A new one follows each answer, so one is
// always under way. A task that ends while a poll waits may leave room that the poll didn't tell
// of: then a second one, with a greater sequence, supersedes it. Also how a coordinator that fails
// is left for the next one.

import LogStore
import ReplicationCore

extension Server {
  struct Poll: Sendable {
    var id: ExchangeID
    var address: String
    var sequence: UInt64
    var wants: UInt64
    var start: Instant
    var deadline: Instant
  }

  /// Slows down what comes back at once and brings nothing.
  struct Pace: Sendable {
    var pollNotBefore = Instant.zero
    var deliverNotBefore = Instant.zero
    var fruitless = 0
  }

  mutating func startPoll(at now: Instant, _ out: inout [Directive]) {
    guard let address = coordinators.current, now >= coordinators.resumeAt,
      now >= pace.pollNotBefore
    else { return }
    if let last = polls.last {
      // A waiting poll that wants something is answered with something: then the next says more.
      let told = last.wants
      let isWorthIt = told == 0 ? wants > 0 : wants >= told * 2
      guard polls.count == 1, isWorthIt else { return }
    }
    let request = heartbeat()
    let timeout = settings.heartbeat + settings.suspicion
    let poll = Poll(
      id: drawExchange(), address: address, sequence: sequence, wants: request.wants, start: now,
      deadline: now + timeout)
    polls.append(poll)
    out.append(.poll(poll.id, to: address, request, timeout: timeout))
  }

  private mutating func heartbeat() -> ServerRequest {
    sequence += 1
    var request = ServerRequest(server: node)
    request.incarnation = incarnation
    request.sequence = sequence
    request.seen = (polls.first?.sequence ?? sequence) - 1
    request.host = offer.host
    request.slots = UInt64(max(0, offer.slots))
    request.wants = wants
    request.services = offer.services
    request.running = (Array(tasks.keys) + Array(logging) + unlogged.map(\.task)).sorted()
    let page = held.page(limit: settings.holdingListed)
    request.holding = page.names
    request.holdingAfter = page.after
    request.holdingThrough = page.through
    request.poll = settings.heartbeat.wholeMilliseconds
    request.coordinators = coordinators.addresses
    return request
  }

  // MARK: Leaving

  /// An orderly stop: the coordinator is told, so that it need not wait for the suspicion time.
  enum Leaving: Hashable, Sendable {
    case no
    case saying(ExchangeID, until: Instant)
    case said
  }

  /// Nothing more is to be waited for before the process ends.
  public var hasLeft: Bool { leaving == .said }

  mutating func leave(at now: Instant, _ out: inout [Directive]) {
    guard leaving == .no else { return }
    leaving = .said
    guard isStarted, let address = coordinators.current, now >= coordinators.resumeAt else {
      return
    }
    var request = heartbeat()
    request.wants = 0
    request.poll = 0
    request.leaving = true
    for poll in polls { out.append(.abandon(poll.id)) }
    polls = []
    let id = drawExchange()
    leaving = .saying(id, until: now + settings.farewell)
    out.append(.poll(id, to: address, request, timeout: settings.farewell))
  }

  /// Whether this was the answer to the farewell, or its failure: both end it.
  private mutating func endsFarewell(_ id: ExchangeID) -> Bool {
    guard case .saying(id, _) = leaving else { return false }
    leaving = .said
    return true
  }

  // MARK: Answers

  mutating func answered(
    _ id: ExchangeID, _ response: ServerResponse, at now: Instant, _ out: inout [Directive]
  ) {
    if endsFarewell(id) { return }
    guard let index = polls.firstIndex(where: { $0.id == id }) else { return }
    let poll = polls.remove(at: index)
    coordinators.merge(response.coordinators)
    if let refusal = response.refusal {
      if coordinators.isNews(refusal, of: poll.address) {
        out.append(.note("coordinator \(poll.address) refuses: \(refusal.text)"))
      }
      return leave(poll.address, suspects: false, at: now, &out)
    }
    coordinators.succeeded()
    coordinators.accepted()
    if response.conflictingIncarnation && !toldConflict {
      toldConflict = true
      out.append(.conflict)
    }
    cancel(response.cancel, &out)
    drop(response.safe, &out)
    resend(response.send)
    take(response.assignments, &out)
    let isFruitless =
      response.assignments.isEmpty && response.cancel.isEmpty && response.safe.isEmpty
      && response.send.isEmpty && now < poll.start + settings.heartbeat / 2
    // It gives out no work and takes no results.
    if response.logFull, coordinators.isFull(at: now) {
      out.append(.note("the log of coordinator \(poll.address) is full; trying the next one"))
      return forgetContact(&out)
    }
    guard isFruitless, polls.isEmpty else {
      pace.fruitless = 0
      pace.pollNotBefore = .zero
      return
    }
    let pause = min(
      Duration.milliseconds(5) * (1 << min(pace.fruitless, 20)), settings.heartbeat)
    pace.fruitless += 1
    pace.pollNotBefore = now + pause
  }

  mutating func exchangeFailed(_ id: ExchangeID, at now: Instant, _ out: inout [Directive]) {
    if endsFarewell(id) { return }
    if let poll = polls.first(where: { $0.id == id }) {
      polls.removeAll { $0.id == id }
      leave(poll.address, suspects: true, at: now, &out)
    } else if let delivery, delivery.id == id {
      for task in delivery.tasks { held.makeReady(task) }
      self.delivery = nil
      leave(delivery.address, suspects: true, at: now, &out)
    }
  }

  /// The shell tells failures; this holds even if it doesn't.
  mutating func expireExchanges(at now: Instant, _ out: inout [Directive]) {
    if case .saying(let id, let deadline) = leaving, now >= deadline {
      out.append(.abandon(id))
      leaving = .said
    }
    if let poll = polls.first(where: { now >= $0.deadline }) {
      out.append(.abandon(poll.id))
      exchangeFailed(poll.id, at: now, &out)
    }
    if let delivery, now >= delivery.deadline {
      out.append(.abandon(delivery.id))
      exchangeFailed(delivery.id, at: now, &out)
    }
  }

  /// On to the next coordinator. It learns from the heartbeat what this server holds and asks for
  /// what it lacks.
  mutating func leave(
    _ address: String, suspects: Bool, at now: Instant, _ out: inout [Directive]
  ) {
    if suspects { out.append(.suspect(address)) }
    coordinators.failed(at: now, dice: &dice)
    forgetContact(&out)
  }

  private mutating func forgetContact(_ out: inout [Directive]) {
    for poll in polls { out.append(.abandon(poll.id)) }
    polls = []
    if let delivery {
      out.append(.abandon(delivery.id))
      for task in delivery.tasks { held.makeReady(task) }
      self.delivery = nil
    }
    held.restart()
    puts.restart()
    pace = Pace()
  }

  mutating func tellWake(at now: Instant, _ out: inout [Directive]) {
    var wishes = polls.map(\.deadline) + [coordinators.resumeAt]
    if let delivery { wishes.append(delivery.deadline) }
    if case .saying(_, let deadline) = leaving { wishes.append(deadline) }
    if polls.isEmpty { wishes.append(pace.pollNotBefore) }
    if held.hasReady { wishes.append(pace.deliverNotBefore) }
    if let logRetryAt { wishes.append(logRetryAt) }
    if let retry = fetches.nextRetry { wishes.append(retry) }
    guard let wake = wishes.filter({ $0 > now }).min(), wake != toldWake else { return }
    toldWake = wake
    out.append(.wakeAt(wake))
  }
}
