// The two exchanges that a client has under way at most, what an answer teaches whatever it was
// asked, and how a coordinator that fails is left for the next one.

import LogStore
import ReplicationCore

extension Client {
  /// What the present coordinator knows, as far as it said so.
  struct Contact: Sendable {
    /// It answered once, or needs no question.
    var isKnown = false
    /// Opened and all live Released were sent to it.
    var isGreeted = false
    /// The digests were compared.
    var isCompared = false
    var acceptedThrough = CallCounter.zero
    /// Submissions up to here are there, though their archives may not be.
    var heldThrough = CallCounter.zero
    var lastSync = Instant.zero
    /// Something happened that the next answer may tell of.
    var asksAgain = false
    /// Submissions were sent again from here after a refusal.
    var rewoundTo: CallCounter?
    /// Submissions that it asked for although it knows that they were collected.
    var resend = CounterRanges()
    /// Smaller after a refusal for size.
    var batchRecords = Int.max
  }

  struct SyncExchange: Sendable {
    var id: ExchangeID
    var address: String
    var deadline: Instant
    var firstSubmission: CallCounter?
    var through = CallCounter.zero
    var acceptedAtStart = CallCounter.zero
    var controlsThrough: UInt64 = 0
    /// If the controls are safe, so are all before this.
    var provesThrough: UInt64?
    var records = 0
    var bytes = 0
    var asksDigestsFrom = CallCounter.zero
    var asksHash = false
    var asksResults = false
    /// Submissions that the coordinator asked for.
    var resent: [CallCounter] = []
  }

  struct PollExchange: Sendable {
    var id: ExchangeID
    var address: String
    var start: Instant
    var deadline: Instant
    /// Submissions after this one are not asked for, unless it is open.
    var coveredThrough = CallCounter.zero
    var isOpen = false
    var acceptedAtStart = CallCounter.zero
    var asksExhausted = false
  }

  mutating func answered(
    _ id: ExchangeID, _ response: ClientResponse, at now: Instant, _ out: inout [Directive]
  ) {
    if let sync, sync.id == id {
      self.sync = nil
      coordinators.merge(response.coordinators)
      if let refusal = response.refusal {
        return syncRefused(sync, refusal, response, at: now, &out)
      }
      synced(sync, response, at: now, &out)
      // A poll may still bring what is there.
      if response.logFull, poll == nil { leaveFull(sync.address, at: now, &out) }
    } else if let poll, poll.id == id {
      self.poll = nil
      coordinators.merge(response.coordinators)
      if response.refusal != nil {
        return leave(poll.address, suspects: false, at: now, &out)
      }
      let before = pace.taken
      polled(poll, response, at: now, &out)
      if response.logFull, pace.taken == before { leaveFull(poll.address, at: now, &out) }
    }
  }

  mutating func exchangeFailed(_ id: ExchangeID, at now: Instant, _ out: inout [Directive]) {
    if let sync, sync.id == id {
      self.sync = nil
      leave(sync.address, suspects: true, at: now, &out)
    } else if let poll, poll.id == id {
      self.poll = nil
      leave(poll.address, suspects: true, at: now, &out)
    }
  }

  /// The shell tells failures; this holds even if it doesn't.
  mutating func expireExchanges(at now: Instant, _ out: inout [Directive]) {
    if let sync, now >= sync.deadline {
      out.append(.abandon(sync.id))
      exchangeFailed(sync.id, at: now, &out)
    }
    if let poll, now >= poll.deadline {
      out.append(.abandon(poll.id))
      exchangeFailed(poll.id, at: now, &out)
    }
  }

  /// On to the next coordinator; what it knows is to be found out.
  mutating func leave(
    _ address: String, suspects: Bool, at now: Instant, _ out: inout [Directive]
  ) {
    if suspects { out.append(.suspect(address)) }
    coordinators.failed(at: now, dice: &dice)
    forgetContact(&out)
  }

  /// The same for one that answers and takes nothing.
  mutating func leaveRefusing(
    _ address: String, _ refusal: Refusal, at now: Instant, _ out: inout [Directive]
  ) {
    if coordinators.isNews(refusal, of: address) {
      out.append(.note("coordinator \(address) refuses: \(refusal.text)"))
    }
    coordinators.refused(at: now, dice: &dice)
    forgetContact(&out)
  }

  /// Nothing new comes to a coordinator whose log is full: another one has the results.
  private mutating func leaveFull(
    _ address: String, at now: Instant, _ out: inout [Directive]
  ) {
    // The program hears what was said here before it begins anew at another.
    tellProgress(&out)
    guard coordinators.isFull(at: now) else { return }
    out.append(.note("the log of coordinator \(address) is full; trying the next one"))
    forgetContact(&out)
  }

  private mutating func forgetContact(_ out: inout [Directive]) {
    if let sync {
      out.append(.abandon(sync.id))
      self.sync = nil
    }
    if let poll {
      out.append(.abandon(poll.id))
      self.poll = nil
    }
    contact = Contact()
    outbox.restart()
    history.restart()
    disputed = [:]
    archives.restart()
    pace.reset()
  }

  /// What every answer says. One that was asked before a later answer came may say less: that is
  /// old. One asked after it that says less comes from a coordinator that lost its disk.
  mutating func learn(
    _ response: ClientResponse, acceptedAtStart: CallCounter, at now: Instant,
    _ out: inout [Directive]
  ) {
    coordinators.succeeded()
    if response.conflictingIncarnation && !toldConflict {
      toldConflict = true
      out.append(.conflict)
    }
    if response.released != lastReleasedAnswer {
      lastReleasedAnswer = response.released
      forget(response.released, &out)
      adopt(response.released, at: now)
    }
    if response.acceptedThrough < acceptedAtStart {
      contact.acceptedThrough = response.acceptedThrough
      contact.heldThrough = response.acceptedThrough
      contact.isGreeted = false
      outbox.restart()
    } else {
      contact.acceptedThrough = max(contact.acceptedThrough, response.acceptedThrough)
      contact.heldThrough = max(contact.heldThrough, contact.acceptedThrough)
    }
    safeThrough = max(safeThrough, response.safeThrough)
    take(response.missingArchives, &out)
    for range in response.missingSubmissions { contact.resend.insert(range) }
    for record in response.results { takeResult(record, at: now, &out) }
    for record in response.exhausted { takeExhausted(record, at: now, &out) }
  }

  /// What the coordinator knows beyond this may be another program's calls: their digests are on
  /// their way, and nothing is called accepted before.
  private var comparedThrough: CallCounter {
    guard attachment == nil, let rest = history.rest else { return .greatest }
    return CallCounter(rest.lowerBound.value - 1)
  }

  mutating func tellProgress(_ out: inout [Directive]) {
    var progress = Progress()
    progress.submittedThrough = submittedThrough
    progress.acceptedThrough = min(contact.acceptedThrough, comparedThrough)
    progress.safeThrough = min(safeThrough, comparedThrough)
    let unlogged =
      unlogged.count + (pendingRelease.isEmpty ? 0 : 1) + (pendingCancels.isEmpty ? 0 : 1)
    progress.isFlushing = isFlushing
    progress.unheldControls = outbox.unheldCount + unlogged
    progress.unsafeControls = outbox.unsafeCount + unlogged
    progress.isEnded = releases.safe.covers(CallCounter(1)...CallCounter.greatest)
    guard progress != toldProgress else { return }
    toldProgress = progress
    out.append(.progress(progress))
  }

  mutating func tellWake(at now: Instant, _ out: inout [Directive]) {
    var wishes: [Instant] = []
    if let sync { wishes.append(sync.deadline) }
    if let poll { wishes.append(poll.deadline) }
    if let retry = unlogged.retryAt { wishes.append(retry) }
    if let since = pendingReleaseSince { wishes.append(since + settings.controlDelay) }
    if sync == nil, let due = syncDue() { wishes.append(max(due, coordinators.resumeAt)) }
    if poll == nil, let due = pollDue() { wishes.append(max(due, coordinators.resumeAt)) }
    // What is due and could not be done waits for an event, not for the clock.
    let wake = wishes.filter { $0 > now }.min()
    guard let wake, wake != toldWake else { return }
    toldWake = wake
    out.append(.wakeAt(wake))
  }
}
