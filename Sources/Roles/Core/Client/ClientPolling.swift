// Poll: the exchange that waits for results. It asks for what the program submitted and has not
// got, and, once the program is past all that the session knew, for whatever it will submit. A
// client takes only a result with its own digest, once.

import LogStore
import ReplicationCore

extension Client {
  /// Slows down polls that bring nothing but come back at once, so that an answer nobody can use
  /// (another program's result) makes no busy loop.
  struct PollPace: Sendable {
    var isPaused = false
    /// This run's submissions up to here were asked for in some exchange.
    var askedThrough = CallCounter.zero
    var notBefore = Instant.zero
    /// The coordinator knows calls that this run has not submitted.
    var isBehind = false
    var fruitless = 0
    /// Results and failures that were news.
    var taken: UInt64 = 0
    var exhaustedSince: Instant?
    /// Where the next question starts, when there are more ranges than fit.
    var rotation = 0

    mutating func reset() {
      let paused = isPaused
      let since = exhaustedSince
      self = PollPace()
      isPaused = paused
      exhaustedSince = since
    }
  }

  /// When the next poll is wanted.
  func pollDue() -> Instant? {
    guard isStarted, contact.isKnown, !pace.isPaused, coordinators.current != nil else {
      return nil
    }
    if !missing.isEmpty { return pace.notBefore }
    guard !exhausted.isEmpty, let since = pace.exhaustedSince else { return nil }
    return max(pace.notBefore, since + settings.exhaustedRecheck)
  }

  mutating func startPoll(at now: Instant, _ out: inout [Directive]) {
    guard poll == nil, let address = coordinators.current, now >= coordinators.resumeAt,
      let due = pollDue(), now >= due
    else { return }
    let asksExhausted =
      pace.exhaustedSince.map { now >= $0 + settings.exhaustedRecheck } ?? false
    var request = ClientRequest(session: settings.session)
    request.incarnation = incarnation
    request.wantsResults = true
    request.poll = settings.poll.wholeMilliseconds
    request.wanted = wantedRanges(withExhausted: asksExhausted && !exhausted.isEmpty)
    request.coordinators = coordinators.addresses
    let isOpen = isPastKnown
    if isOpen {
      // Ranges on the wire are not adjacent.
      var first = submittedThrough.next
      if let last = request.wanted.last, last.upperBound.next == first {
        first = last.lowerBound
        request.wanted.removeLast()
      }
      request.wanted.append(first...CallCounter.greatest)
    }
    let timeout = settings.poll + settings.suspicion
    let exchange = PollExchange(
      id: drawExchange(), address: address, start: now, deadline: now + timeout,
      coveredThrough: submittedThrough, isOpen: isOpen, acceptedAtStart: contact.acceptedThrough,
      asksExhausted: asksExhausted)
    if asksExhausted { pace.exhaustedSince = exhausted.isEmpty ? nil : now }
    pace.askedThrough = submittedThrough
    poll = exchange
    out.append(.send(exchange.id, to: address, request, timeout: timeout))
  }

  /// The program has submitted all that the coordinator knew, so what comes is its own.
  private var isPastKnown: Bool {
    attachment == nil && !pace.isBehind && submittedThrough >= contact.acceptedThrough
      && submittedThrough < CallCounter.greatest
  }

  private mutating func wantedRanges(withExhausted: Bool) -> [ClosedRange<CallCounter>] {
    var wanted = missing
    if withExhausted { for range in exhausted.ranges { wanted.insert(range) } }
    let all = wanted.ranges
    guard all.count > settings.wantedRanges else { return all }
    // They take turns; the question stays ascending.
    let start = pace.rotation % all.count
    pace.rotation = start + settings.wantedRanges
    let end = min(start + settings.wantedRanges, all.count)
    return Array(all[start..<end])
  }

  /// Calls that were submitted after the poll under way was sent, and that it doesn't cover: the
  /// next sync asks for those that are there already.
  func unpolledResults() -> [ClosedRange<CallCounter>]? {
    guard let poll, !poll.isOpen, !pace.isPaused, pace.askedThrough < submittedThrough else {
      return nil
    }
    let new = missing.intersection(pace.askedThrough.next...submittedThrough)
    return new.isEmpty ? nil : Array(new.prefix(settings.wantedRanges))
  }

  mutating func polled(
    _ exchange: PollExchange, _ response: ClientResponse, at now: Instant,
    _ out: inout [Directive]
  ) {
    let before = pace.taken
    learn(response, acceptedAtStart: exchange.acceptedAtStart, at: now, &out)
    let isEarly = now < exchange.start + settings.poll / 2
    if pace.taken != before || !isEarly {
      pace.fruitless = 0
      pace.notBefore = .zero
      return
    }
    let pause = min(
      Duration.milliseconds(5) * (1 << min(pace.fruitless, 20)), settings.heartbeat)
    pace.fruitless += 1
    pace.notBefore = now + pause
  }

  mutating func takeResult(_ record: Record, at now: Instant, _ out: inout [Directive]) {
    let fact: Fact?
    do throws(ProtoError) { fact = try Fact.decode(record) } catch {
      out.append(.note("a result can't be read: \(error)"))
      return
    }
    guard case .finished(let finished) = fact, finished.call.session == settings.session else {
      out.append(.note("a coordinator sent a record that is no result of this session"))
      return
    }
    let counter = finished.call.counter
    if attachment == nil && counter > submittedThrough { pace.isBehind = true }
    guard missing.contains(counter) || exhausted.contains(counter), let call = calls[counter]
    else { return }
    guard isOwn(call, finished) else { return }
    if let collected = call.collected, collected != finished.result.hash {
      guard isSettled(counter, at: now) else { return }
    }
    missing.remove(counter)
    exhausted.remove(counter)
    disputed[counter] = nil
    pace.taken += 1
    out.append(.result(finished.call, finished, record: record))
  }

  private func isOwn(_ call: ClientCall, _ finished: Finished) -> Bool {
    if settings.plantedBugs.contains(.ignoresDigest) || call.digest == finished.digest {
      return true
    }
    return attachment != nil
      && alternatives[finished.call.counter]?.contains(finished.digest) == true
  }

  /// What this client collected is the result. Only a coordinator that was told so and still gives
  /// another one is believed: then all copies of the first are lost.
  private mutating func isSettled(_ counter: CallCounter, at now: Instant) -> Bool {
    if let number = disputed[counter] { return number < outbox.heldThrough }
    disputed[counter] = outbox.end
    outbox.append(.collected(counter), at: now)
    return false
  }

  mutating func takeExhausted(_ record: Record, at now: Instant, _ out: inout [Directive]) {
    let fact: Fact?
    do throws(ProtoError) { fact = try Fact.decode(record) } catch {
      out.append(.note("a failure can't be read: \(error)"))
      return
    }
    guard case .failed(let failed) = fact, failed.call.session == settings.session,
      matches(failed.call.counter, failed.digest)
    else { return }
    guard missing.remove(failed.call.counter) else { return }
    exhausted.insert(failed.call.counter)
    pace.taken += 1
    if pace.exhaustedSince == nil { pace.exhaustedSince = now }
    out.append(.exhausted(failed.call, failed))
  }
}
