// The client's facts: recovered, or its own appends coming back. Only those of its session count. A
// record that comes again (a drained segment's) only changes where it stands.

import LogStore
import ReplicationCore

extension Client {
  mutating func fold(_ batch: FactBatch, at now: Instant, _ out: inout [Directive]) {
    unlogged.appended(batch.records)
    for (index, record) in batch.records.enumerated() {
      let position = batch.position(index)
      if let done = appending, done.record == record {
        appended(done, at: position, batch.sequence, &out)
        continue
      }
      fold(record, at: position, batch.sequence, now, &out)
    }
  }

  private mutating func fold(
    _ record: Record, at position: Position, _ sequence: LogSequence, _ now: Instant,
    _ out: inout [Directive]
  ) {
    switch record.kind {
    case .submitted, .cancelled, .collected, .opened, .released: break
    default: return
    }
    let fact: Fact?
    do throws(ProtoError) { fact = try Fact.decode(record) } catch {
      out.append(.note("a record at \(position) can't be read: \(error)"))
      return
    }
    switch fact {
    case .submitted(let value) where value.call.session == settings.session:
      fold(value, record, position, sequence)
    case .cancelled(let value) where value.call.session == settings.session:
      fold(value, record, position, now, &out)
    case .collected(let value) where value.call.session == settings.session:
      fold(value, record, position, now)
    case .opened(let value) where value.session == settings.session:
      if !isOpened { outbox.append(.opened, at: now) }
      isOpened = true
      shelf.put(.opened, record, at: position)
    case .released(let value) where value.session == settings.session:
      fold(value, record, position, now, &out)
    default: break
    }
  }

  private mutating func fold(
    _ value: Submitted, _ record: Record, _ position: Position, _ sequence: LogSequence
  ) {
    let counter = value.call.counter
    guard !released.contains(counter) else { return }
    guard let known = calls[counter] else {
      calls[counter] = ClientCall(digest: value.digest, sequence: sequence, isLogged: true)
      shelf.put(.submitted(counter), record, at: position)
      return
    }
    if known.digest == value.digest {
      if !known.isLogged {
        calls[counter]?.isLogged = true
        calls[counter]?.sequence = sequence
      }
      shelf.put(.submitted(counter), record, at: position)
    } else if alternatives[counter]?.contains(value.digest) != true {
      alternatives[counter, default: []].append(value.digest)
    }
  }

  private mutating func fold(
    _ value: Cancelled, _ record: Record, _ position: Position, _ now: Instant,
    _ out: inout [Directive]
  ) {
    let counter = value.call.counter
    guard !released.contains(counter) else { return }
    let key = ClientRecordKey.cancelled(counter)
    if !shelf.holds(key) { outbox.append(key, at: now) }
    shelf.put(key, record, at: position)
    if calls[counter] == nil {
      calls[counter] = ClientCall(digest: value.digest, isLogged: false)
    }
    calls[counter]?.isCancelled = true
    exhausted.remove(counter)
    if missing.remove(counter) { out.append(.cancelled(value.call)) }
  }

  private mutating func fold(
    _ value: Collected, _ record: Record, _ position: Position, _ now: Instant
  ) {
    let counter = value.call.counter
    guard !released.contains(counter) else { return }
    let key = ClientRecordKey.collected(counter)
    if calls[counter] == nil {
      calls[counter] = ClientCall(digest: value.digest, isLogged: false)
    }
    // Of two the least hash counts; that record is the one to send.
    if let known = calls[counter]?.collected {
      if value.result > known { return }
      if value.result < known { shelf.remove(key) }
    }
    if !shelf.holds(key) { outbox.append(key, at: now) }
    calls[counter]?.collected = value.result
    shelf.put(key, record, at: position)
  }

  private mutating func fold(
    _ value: Released, _ record: Record, _ position: Position, _ now: Instant,
    _ out: inout [Directive]
  ) {
    let (number, covered) = releases.fold(CounterRanges(value.ranges))
    for old in covered { shelf.remove(.released(old)) }
    if !covered.contains(number) {
      let key = ClientRecordKey.released(number)
      if !shelf.holds(key) { outbox.append(key, at: now) }
      shelf.put(key, record, at: position)
    }
    forget(value.ranges, &out)
  }

  /// These are released, whoever says so: nothing of them is kept but the ranges.
  mutating func forget(_ ranges: [ClosedRange<CallCounter>], _ out: inout [Directive]) {
    var waitedFor: [ClosedRange<CallCounter>] = []
    for range in ranges {
      for new in released.gaps(in: range) {
        waitedFor += missing.intersection(new) + exhausted.intersection(new)
        missing.remove(new)
        exhausted.remove(new)
        pendingRelease.remove(new)
        pendingCancels.remove(new)
        forgetCalls(new)
        released.insert(new)
      }
    }
    if !waitedFor.isEmpty { out.append(.released(waitedFor)) }
  }

  private mutating func forgetCalls(_ range: ClosedRange<CallCounter>) {
    let span = range.upperBound.value - range.lowerBound.value
    if span < UInt64(calls.count) {
      for value in range.lowerBound.value...range.upperBound.value {
        forgetCall(CallCounter(value))
      }
    } else {
      // The order doesn't matter: each is forgotten by itself and nothing is said.
      for counter in calls.keys.filter({ range.contains($0) }) { forgetCall(counter) }
    }
  }

  private mutating func forgetCall(_ counter: CallCounter) {
    guard calls.removeValue(forKey: counter) != nil else { return }
    alternatives[counter] = nil
    shelf.remove(.submitted(counter))
    shelf.remove(.cancelled(counter))
    shelf.remove(.collected(counter))
  }
}
