// What the program says about calls that it submitted: collected, cancelled, released, all done.
// Each becomes a record in the own log first; the outbox brings it to the coordinator and keeps it
// until it is safe. Releases are batched.

import LogStore
import ReplicationCore

extension Client {
  mutating func collect(
    _ counter: CallCounter, _ result: Hash256, at now: Instant
  ) {
    guard let call = calls[counter], !call.isCancelled else { return }
    // The program has it: it need not come again.
    missing.remove(counter)
    exhausted.remove(counter)
    if settings.mode == .releaseOnCollection {
      release([counter...counter], at: now)
    } else if call.collected.map({ result < $0 }) ?? true {
      let collected = Collected(call: name(counter), digest: call.digest, result: result)
      unlogged.add([Record(.collected(collected))])
    }
  }

  mutating func cancel(_ counter: CallCounter, at now: Instant, _ out: inout [Directive]) {
    guard !released.contains(counter), counter > .zero else { return }
    let records = cancellations(counter)
    if !records.isEmpty {
      unlogged.add(records)
    } else if calls[counter] == nil {
      guard attachment != nil else {
        return out.append(.note("call \(counter) was not submitted, it can't be cancelled"))
      }
      // Another program's call: its digest comes from the coordinator.
      pendingCancels.insert(counter)
    }
  }

  mutating func cancelAll() {
    for counter in calls.keys.sorted() { unlogged.add(cancellations(counter)) }
    attachment?.cancelsAll = toldAttached == nil
  }

  /// None for a call that is unknown, collected (a cancellation would say nothing) or cancelled.
  private func cancellations(_ counter: CallCounter) -> [Record] {
    guard let call = calls[counter], !call.isCancelled, call.collected == nil else { return [] }
    let digests = [call.digest] + (attachment == nil ? [] : alternatives[counter] ?? [])
    return digests.map { Record(.cancelled(Cancelled(call: name(counter), digest: $0))) }
  }

  /// The digests of further calls are known: what waited for them can be said.
  mutating func cancelKnown(_ range: ClosedRange<CallCounter>) {
    let wanted =
      attachment?.cancelsAll == true ? [range] : pendingCancels.intersection(range)
    for part in wanted {
      for value in part.lowerBound.value...part.upperBound.value {
        unlogged.add(cancellations(CallCounter(value)))
      }
    }
    pendingCancels.remove(range)
  }

  mutating func release(_ ranges: [ClosedRange<CallCounter>], at now: Instant) {
    for range in ranges {
      for new in released.gaps(in: range.clamped(to: CallCounter(1)...CallCounter.greatest)) {
        pendingRelease.insert(new)
        missing.remove(new)
        exhausted.remove(new)
      }
    }
    if !pendingRelease.isEmpty && pendingReleaseSince == nil { pendingReleaseSince = now }
  }

  /// Releases that another's log or an earlier start wrote: without a record of its own this client
  /// could not tell a coordinator that has lost them, and what follows would never be accepted.
  mutating func adopt(_ learnt: [ClosedRange<CallCounter>], at now: Instant) {
    guard attachment == nil else { return }
    for range in learnt where range.upperBound < CallCounter.greatest && !releases.isLive(range) {
      pendingRelease.insert(range)
    }
    if !pendingRelease.isEmpty && pendingReleaseSince == nil { pendingReleaseSince = now }
  }

  mutating func endSession(at now: Instant) {
    isEnding = true
    let all = CallCounter(1)...CallCounter.greatest
    release([all], at: now)
    // Another run ended the session and only the coordinators know: this log says it too, so that
    // its end can become safe here.
    if pendingRelease.isEmpty, !releases.isLive(all) {
      pendingRelease.insert(all)
      pendingReleaseSince = now
    }
  }

  /// One Released for all that gathered, when the next exchange can take it or it waited long
  /// enough. While the log takes nothing more gathers.
  mutating func flushReleases(at now: Instant) {
    guard let since = pendingReleaseSince, !pendingRelease.isEmpty else {
      pendingReleaseSince = nil
      return
    }
    let isDue =
      isEnding || isFlushing || now >= since + settings.controlDelay
      || pendingRelease.rangeCount >= settings.batchRecords
    guard isDue, unlogged.count == 0 else { return }
    let ranges = releases.nextRecord(adding: pendingRelease, to: released)
    let record = Released(session: settings.session, ranges: ranges.ranges)
    pendingRelease = CounterRanges()
    pendingReleaseSince = nil
    unlogged.add([Record(.released(record))])
  }

  /// One append at a time, so that a refusal tells what was refused.
  mutating func appendControls(at now: Instant, _ out: inout [Directive]) {
    guard appending == nil,
      let records = unlogged.next(limit: settings.batchRecords, at: now)
    else { return }
    out.append(.append(records))
  }

  /// These controls are durable at enough nodes.
  mutating func controlsBecameSafe(_ keys: [ClientRecordKey], at now: Instant) {
    for key in keys {
      switch key {
      case .cancelled(let counter): release([counter...counter], at: now)
      case .released(let number): releases.markSafe(number)
      case .opened, .submitted, .collected: break
      }
      shelf.uncache(key)
    }
  }

  /// A record that nobody needs any more isn't sent.
  func isObsolete(_ key: ClientRecordKey) -> Bool { !shelf.holds(key) }
}
