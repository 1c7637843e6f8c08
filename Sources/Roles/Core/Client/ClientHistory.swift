// Is this program the one that made the session? Compared once with each coordinator: a running
// hash over all digests, and digest by digest where that differs or this client knows less. Also
// how an attached client, which re-executes nothing, learns its calls.

import LogStore
import ReplicationCore

/// Digests that a coordinator knows, fetched in pages no further ahead than needed.
struct DigestHistory: Sendable {
  /// Of calls that this client's log doesn't know yet.
  var expected: [CallCounter: [Digest]] = [:]
  /// What is still to be fetched.
  var rest: ClosedRange<CallCounter>?
  /// The hash differed: all is fetched at once, to say where.
  var isUrgent = false

  mutating func restart() {
    rest = nil
    isUrgent = false
  }

  mutating func want(_ range: ClosedRange<CallCounter>, urgently: Bool) {
    rest = range
    isUrgent = urgently
  }

  mutating func fetched(through: CallCounter) {
    guard let rest, through >= rest.lowerBound else { return }
    self.rest = through >= rest.upperBound ? nil : through.next...rest.upperBound
  }
}

extension Client {
  struct Attachment: Sendable {
    var wantsResults: Bool
    /// Calls that become known are cancelled, until all are known once.
    var cancelsAll = false
    /// Digests up to here are known.
    var through = CallCounter.zero
  }

  mutating func attach(wantsResults: Bool) {
    guard attachment == nil, submittedThrough == .zero, appending == nil else { return }
    attachment = Attachment(wantsResults: wantsResults)
    // Calls that the own log knows are asked for like the others.
    contact.isCompared = false
    contact.asksAgain = true
  }

  /// Where the next page of digests starts, if one is wanted now.
  func historyPage() -> CallCounter? {
    guard let rest = history.rest else { return nil }
    if history.isUrgent || attachment != nil { return rest.lowerBound }
    let (ahead, over) = submittedThrough.value.addingReportingOverflow(settings.digestsAhead)
    return over || rest.lowerBound.value <= ahead ? rest.lowerBound : nil
  }

  mutating func learnHistory(
    _ exchange: SyncExchange, _ response: ClientResponse, at now: Instant,
    _ out: inout [Directive]
  ) {
    if exchange.asksHash && !contact.isCompared {
      contact.isCompared = true
      compare(response)
    }
    if exchange.asksDigestsFrom > .zero { takePage(exchange, response, at: now, &out) }
    guard attachment != nil, history.rest == nil, isOwnLogAccepted else { return }
    if let through = attachment?.through, through < contact.acceptedThrough {
      history.want(through.next...contact.acceptedThrough, urgently: true)
    } else if toldAttached.map({ $0 < contact.acceptedThrough }) ?? true {
      toldAttached = contact.acceptedThrough
      attachment?.cancelsAll = false
      out.append(.attached(through: contact.acceptedThrough))
    }
  }

  private mutating func compare(_ response: ClientResponse) {
    let first = max(response.hashFrom, CallCounter(1))
    guard attachment == nil, first <= response.acceptedThrough else { return }
    let all = first...response.acceptedThrough
    guard let hash = ownHash(over: all) else {
      return history.want(all, urgently: false)
    }
    if let known = response.digestsHash, known != hash { history.want(all, urgently: true) }
  }

  /// Over the digests of the own log; nil if it lacks one.
  private func ownHash(over range: ClosedRange<CallCounter>) -> Hash256? {
    var hash = RunningHash()
    for part in released.gaps(in: range) {
      // One lookup a call, once a coordinator; a client that knows little stops at once.
      for value in part.lowerBound.value...part.upperBound.value {
        guard let call = calls[CallCounter(value)] else { return nil }
        hash.update(call.digest)
      }
    }
    return hash.value
  }

  private mutating func takePage(
    _ exchange: SyncExchange, _ response: ClientResponse, at now: Instant,
    _ out: inout [Directive]
  ) {
    guard let rest = history.rest, response.digestsThrough >= rest.lowerBound else {
      if response.digestsThrough == .zero {
        history.rest = nil
        out.append(.note("coordinator \(exchange.address) doesn't tell digests"))
      }
      return
    }
    let page = rest.lowerBound...min(response.digestsThrough, rest.upperBound)
    var index = 0
    let digests = response.digests
    while index < digests.count {
      let counter = digests[index].counter
      var known: [Digest] = []
      while index < digests.count, digests[index].counter == counter {
        known.append(digests[index].digest)
        index += 1
      }
      guard page.contains(counter), !released.contains(counter) else { continue }
      take(known, of: counter, exchange, &out)
    }
    history.fetched(through: page.upperBound)
    if attachment != nil { attachment?.through = page.upperBound }
    cancelKnown(page)
  }

  private mutating func take(
    _ known: [Digest], of counter: CallCounter, _ exchange: SyncExchange,
    _ out: inout [Directive]
  ) {
    if let call = calls[counter], attachment == nil {
      if !known.contains(where: { matches(counter, $0) }) {
        diverge(
          at: counter, known: known, submitted: call.digest, .coordinator(exchange.address), nil,
          &out)
      }
    } else if attachment != nil {
      adopt(known, counter)
    } else if appending?.counter != counter {
      history.expected[counter] = known
    }
  }

  /// A call of another program becomes this client's.
  private mutating func adopt(_ known: [Digest], _ counter: CallCounter) {
    if calls[counter] == nil, let first = known.first {
      calls[counter] = ClientCall(digest: first, isLogged: false)
    }
    let others = known.filter { $0 != calls[counter]?.digest }
    if !others.isEmpty { alternatives[counter] = others }
    if attachment?.wantsResults == true, calls[counter]?.isCancelled == false {
      missing.insert(counter)
    }
  }
}
