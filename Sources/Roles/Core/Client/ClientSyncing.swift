// Sync: the exchange that makes the coordinator know what the own log knows. First a question, then
// whatever lies between, bounded in records and bytes; at rest nothing, until all is safe a
// question a heartbeat.

import LogStore
import ReplicationCore

extension Client {
  /// When the next sync is wanted; nil if nothing is to be said or asked.
  func syncDue() -> Instant? {
    guard isStarted, coordinators.current != nil, loading.isEmpty else { return nil }
    let hasWork =
      submittedThrough > .zero || !calls.isEmpty || outbox.unsafeCount > 0
      || attachment != nil || !pendingCancels.isEmpty
    // A named session may be known to others: the question is asked before the first call.
    guard contact.isKnown else { return hasWork || !settings.isNewSession ? .zero : nil }
    if nextSubmission() != nil || nextResend() != nil || contact.asksAgain { return .zero }
    if historyPage() != nil || unpolledResults() != nil { return .zero }
    var due: Instant?
    if let oldest = nextControl() { due = oldest }
    // What is attached asks for others' calls, of which there may be news, or more to cancel.
    if !isAllSafe || attachment != nil {
      let again = contact.lastSync + settings.heartbeat
      due = due.map { min($0, again) } ?? again
    }
    return due
  }

  /// All that was submitted, collected, released is durable at enough nodes.
  private var isAllSafe: Bool {
    outbox.unsafeCount == 0 && (safeThrough >= loggedThrough || calls.isEmpty)
  }

  /// The last call that the own log would ship.
  private var loggedThrough: CallCounter {
    max(submittedThrough, contact.heldThrough)
  }

  /// When the oldest control may be sent that isn't held.
  private func nextControl() -> Instant? {
    guard outbox.unheldCount > 0, let since = outbox.oldestUnheld else { return nil }
    let key = outbox.item(outbox.heldThrough)?.key
    if let counter = key?.counter, counter > contact.heldThrough, calls[counter] != nil {
      return nil
    }
    let isUrgent =
      switch key {
      // Releases waited for each other before they were logged.
      case .cancelled, .released: true
      case .opened, .submitted, .collected, nil: isEnding || isFlushing || attachment != nil
      }
    return isUrgent ? since : since + settings.controlDelay
  }

  /// The coordinator accepted all that this log holds, so what it knows is all there is.
  var isOwnLogAccepted: Bool {
    nextSubmission() == nil && contact.heldThrough <= contact.acceptedThrough
  }

  /// The next submission that may be sent now.
  private func nextSubmission() -> CallCounter? {
    guard divergence == nil else { return nil }
    return submission(after: contact.heldThrough)
  }

  /// The first call after `counter` that isn't released, if it is logged and may be sent.
  private func submission(after counter: CallCounter) -> CallCounter? {
    var next = counter.next
    if let range = released.range(containing: next) {
      guard range.upperBound < CallCounter.greatest else { return nil }
      next = range.upperBound.next
    }
    guard let call = calls[next], let key = sendKey(next, call), shelf.holds(key) else {
      return nil
    }
    guard call.isLogged else { return next }
    let proof = gate.proof(of: call.sequence)
    return SendPermission(settings.strategy, proof) == nil ? nil : next
  }

  /// The first submission to be sent again that this log has. What can't be sent yet is asked for
  /// again by the next answer.
  private func nextResend(after counter: CallCounter = .zero) -> CallCounter? {
    guard divergence == nil else { return nil }
    for range in contact.resend.ranges where range.upperBound > counter {
      var next = max(range.lowerBound, counter.next)
      while next <= min(range.upperBound, contact.heldThrough, submittedThrough) {
        if let call = calls[next], call.isLogged, shelf.holds(.submitted(next)),
          SendPermission(settings.strategy, gate.proof(of: call.sequence)) != nil
        {
          return next
        }
        next = next.next
      }
    }
    return nil
  }

  /// What stands for the call: its submission, or, if that is gone, its collection.
  private func sendKey(_ counter: CallCounter, _ call: ClientCall) -> ClientRecordKey? {
    if call.isLogged { return .submitted(counter) }
    return call.collected == nil ? nil : .collected(counter)
  }

  mutating func startSync(at now: Instant, _ out: inout [Directive]) {
    guard sync == nil, let address = coordinators.current, now >= coordinators.resumeAt,
      let due = syncDue(), now >= due
    else { return }
    trimOutbox()
    var batch = SyncBatch(
      records: min(settings.batchRecords, contact.batchRecords), bytes: settings.batchBytes)
    var exchange = SyncExchange(
      id: ExchangeID(0), address: address, deadline: now + settings.suspicion)
    exchange.acceptedAtStart = contact.acceptedThrough
    exchange.through = contact.heldThrough
    fill(&batch, &exchange)
    let missing = batch.keys.filter { shelf.record($0) == nil }
    guard missing.isEmpty else { return load(missing, &out) }

    exchange.id = drawExchange()
    var request = ClientRequest(session: settings.session)
    request.incarnation = incarnation
    request.records = batch.keys.compactMap { shelf.record($0) }
    request.coordinators = coordinators.addresses
    exchange.records = request.records.count
    exchange.bytes = request.records.reduce(0) { $0 + $1.payload.count }
    // Nothing follows but the knowledge that the end is safe: it is waited for.
    let waits = isEnding && contact.isKnown ? settings.heartbeat : .zero
    request.poll = waits.wholeMilliseconds
    exchange.deadline = exchange.deadline + waits
    if !contact.isCompared {
      request.wantsHash = true
      exchange.asksHash = true
    }
    if contact.isKnown, let page = historyPage() {
      request.digestsFrom = page
      exchange.asksDigestsFrom = page
    }
    if contact.isKnown, let wanted = unpolledResults() {
      request.wantsResults = true
      request.wanted = wanted
      exchange.asksResults = true
      pace.askedThrough = submittedThrough
    }
    contact.isGreeted = true
    contact.asksAgain = false
    contact.lastSync = now
    sync = exchange
    out.append(.send(exchange.id, to: address, request, timeout: settings.suspicion + waits))
  }

  /// What no longer matters needs no proof that it is safe.
  private mutating func trimOutbox() {
    while let key = outbox.item(outbox.safeThrough)?.key, isObsolete(key) { outbox.dropFirst() }
  }

  /// Chooses what travels: Opened and Released first, submissions without a gap, then what was said
  /// of the calls that the coordinator knows by then.
  private func fill(_ batch: inout SyncBatch, _ exchange: inout SyncExchange) {
    if !contact.isGreeted {
      batch.addHead(.opened, shelf.size(of: .opened))
      for entry in releases.live {
        let key = ClientRecordKey.released(entry.number)
        batch.addHead(key, shelf.size(of: key))
      }
    }
    fillHeads(&batch, &exchange)
    guard contact.isKnown else {
      exchange.controlsThrough = outbox.heldThrough
      return
    }
    fillSubmissions(&batch, &exchange)
    fillTails(&batch, &exchange)
  }

  /// Releases travel ahead of other controls: they may make those needless.
  private func fillHeads(_ batch: inout SyncBatch, _ exchange: inout SyncExchange) {
    for number in outbox.heldThrough..<outbox.end {
      guard let key = outbox.item(number)?.key, number - outbox.heldThrough < 4096 else { break }
      switch key {
      case .opened, .released:
        if !isObsolete(key) { batch.addHead(key, shelf.size(of: key)) }
      case .submitted, .cancelled, .collected: break
      }
    }
  }

  private func fillSubmissions(_ batch: inout SyncBatch, _ exchange: inout SyncExchange) {
    guard divergence == nil else { return }
    while let next = nextResend(after: exchange.resent.last ?? .zero) {
      let key = ClientRecordKey.submitted(next)
      guard batch.addSubmission(key, shelf.size(of: key)) else { break }
      exchange.resent.append(next)
    }
    // Half of a full batch is left to the controls that wait.
    let reserved = min(outbox.unheldCount, batch.recordLimit / 2)
    while batch.count + reserved < batch.recordLimit || batch.count == 0,
      let next = submission(after: exchange.through), let call = calls[next],
      let key = sendKey(next, call)
    {
      guard batch.addSubmission(key, shelf.size(of: key)) else { break }
      if exchange.firstSubmission == nil { exchange.firstSubmission = next }
      exchange.through = next
      // What was said of it travels along, or the coordinator would schedule it meanwhile.
      if call.isCancelled { batch.addTail(.cancelled(next), shelf.size(of: .cancelled(next))) }
      if call.collected != nil {
        batch.addTail(.collected(next), shelf.size(of: .collected(next)))
      }
    }
  }

  private func fillTails(_ batch: inout SyncBatch, _ exchange: inout SyncExchange) {
    var number = outbox.heldThrough
    scan: while number < outbox.end, let key = outbox.item(number)?.key {
      if key.counter == nil, !isObsolete(key), !batch.contains(key) { break scan }
      if !isObsolete(key), !batch.contains(key) {
        if let counter = key.counter, counter > exchange.through, calls[counter]?.isLogged == true {
          break scan
        }
        guard batch.addTail(key, shelf.size(of: key)) else { break scan }
      }
      if batch.contains(key) { exchange.provesThrough = number + 1 }
      number += 1
    }
    exchange.controlsThrough = number
    // Nothing new to say: the newest that is held tells whether all are safe.
    if exchange.provesThrough == nil, let held = newestHeldControl() {
      if held.key.counter == nil { batch.addHead(held.key, shelf.size(of: held.key)) }
      if batch.contains(held.key) || batch.addTail(held.key, shelf.size(of: held.key)) {
        exchange.provesThrough = held.number + 1
      }
    }
  }

  /// The newest control that the coordinator holds, is not known to be safe and still matters.
  private func newestHeldControl() -> (number: UInt64, key: ClientRecordKey)? {
    var number = outbox.heldThrough
    while number > outbox.safeThrough, outbox.heldThrough - number < 4096 {
      number -= 1
      if let key = outbox.item(number)?.key, !isObsolete(key) { return (number, key) }
    }
    guard outbox.heldThrough > outbox.safeThrough, let key = outbox.item(outbox.safeThrough)?.key
    else { return nil }
    return (outbox.safeThrough, key)
  }
}
