// Submit: the k-th submit of a run is call k. What an earlier run logged, or a coordinator knows,
// under that number is the call, if the digest is the same; else the program has changed and
// nothing is submitted any more. Returns wait in the gate as the strategy demands.

import LogStore
import ReplicationCore

extension Client {
  struct WaitingSubmit: Sendable {
    var ticket: Ticket
    var spec: CallSpec
    var wallTime: UInt64
  }

  /// The one submission whose facts have not come back yet.
  struct Appending: Sendable {
    var ticket: Ticket
    var counter: CallCounter
    var digest: Digest
    var record: Record
  }

  /// A submit that has not returned.
  struct PendingReturn: Sendable {
    var ticket: Ticket
    var call: CallName
    var known: Submission.Known
  }

  /// One append at a time: its facts come back in the same turn, and a refused one must not leave a
  /// gap before its successors.
  mutating func takeSubmits(_ out: inout [Directive]) {
    while appending == nil, !unlogged.isInFlight, isPlaced(), let next = waitingSubmits.popFirst() {
      if let divergence {
        out.append(.refused(next.ticket, .diverged(divergence)))
      } else if attachment != nil {
        out.append(.refused(next.ticket, .attached))
      } else if isEnding || submittedThrough >= CallCounter.greatest {
        out.append(.refused(next.ticket, .ended))
      } else {
        take(next, &out)
      }
    }
  }

  /// Whether it is known which call the next submit is.
  private mutating func isPlaced() -> Bool {
    guard goesOn else { return true }
    guard contact.isKnown, isOwnLogAccepted else { return false }
    goesOn = false
    submittedThrough = max(submittedThrough, contact.acceptedThrough)
    return true
  }

  private mutating func take(_ submit: WaitingSubmit, _ out: inout [Directive]) {
    let counter = submittedThrough.next
    if released.contains(counter) {
      submittedThrough = counter
      return giveBack(submit.ticket, counter, .released, sequence: .zero, &out)
    }
    let digest = Digest.of(spec: submit.spec)
    if let call = calls[counter] {
      guard matches(counter, digest) else {
        diverge(
          at: counter, known: [call.digest], submitted: digest, .ownLog, submit.ticket, &out)
        return
      }
      if call.isLogged { return resume(call, counter, submit.ticket, &out) }
    } else if let known = history.expected[counter], !known.contains(digest) {
      diverge(
        at: counter, known: known, submitted: digest, .coordinator(coordinators.current ?? ""),
        submit.ticket, &out)
      return
    }
    let submitted = Submitted(
      call: name(counter), digest: digest, spec: submit.spec, wallTime: submit.wallTime)
    let record = Record(.submitted(submitted))
    appending = Appending(
      ticket: submit.ticket, counter: counter, digest: digest, record: record)
    out.append(.append(isOpened ? [record] : [openedRecord, record]))
  }

  private var openedRecord: Record {
    Record(
      .opened(
        Opened(
          session: settings.session, userText: settings.userText,
          sessionText: settings.sessionText, mode: settings.mode)))
  }

  private mutating func resume(
    _ call: ClientCall, _ counter: CallCounter, _ ticket: Ticket, _ out: inout [Directive]
  ) {
    submittedThrough = counter
    history.expected[counter] = nil
    if call.isCancelled {
      return giveBack(ticket, counter, .cancelled, sequence: call.sequence, &out)
    }
    missing.insert(counter)
    let known = call.collected.map { Submission.Known.collected($0) } ?? .resumed
    giveBack(ticket, counter, known, sequence: call.sequence, &out)
  }

  /// The append of a submission came back as a fact.
  mutating func appended(
    _ done: Appending, at position: Position, _ sequence: LogSequence, _ out: inout [Directive]
  ) {
    appending = nil
    submittedThrough = done.counter
    history.expected[done.counter] = nil
    let collected = calls[done.counter]?.collected
    let isCancelled = calls[done.counter]?.isCancelled ?? false
    calls[done.counter] = ClientCall(
      digest: done.digest, sequence: sequence, isLogged: true, isCancelled: isCancelled,
      collected: collected)
    shelf.put(.submitted(done.counter), done.record, at: position)
    if !isCancelled { missing.insert(done.counter) }
    let known: Submission.Known =
      if isCancelled { .cancelled } else if let collected { .collected(collected) } else { .new }
    giveBack(done.ticket, done.counter, known, sequence: sequence, &out)
  }

  private mutating func giveBack(
    _ ticket: Ticket, _ counter: CallCounter, _ known: Submission.Known, sequence: LogSequence,
    _ out: inout [Directive]
  ) {
    let pending = PendingReturn(ticket: ticket, call: name(counter), known: known)
    let proof = gate.proof(of: sequence)
    if gate.isEmpty, let permission = ReturnPermission(settings.strategy, proof) {
      out.append(
        .submitted(ticket, Submission(call: pending.call, known: known, permission: permission)))
    } else {
      gate.hold(pending, until: sequence)
    }
  }

  mutating func returnDurable(_ out: inout [Directive]) {
    while let (pending, proof) = gate.next() {
      guard let permission = ReturnPermission(settings.strategy, proof) else { return }
      let submission = Submission(
        call: pending.call, known: pending.known, permission: permission)
      out.append(.submitted(pending.ticket, submission))
    }
  }

  /// Whatever waits behind a refused append is refused too: it would get another number.
  /// What is not a submission is tried again.
  mutating func appendRefused(_ reason: String, at now: Instant, _ out: inout [Directive]) {
    let (isControl, isNews) = unlogged.refused(at: now)
    if isNews { out.append(.note("the client's log takes nothing now: \(reason)")) }
    guard !isControl, let refused = appending else { return }
    appending = nil
    out.append(.refused(refused.ticket, .log(reason)))
    while let next = waitingSubmits.popFirst() {
      out.append(.refused(next.ticket, .log(reason)))
    }
  }

  func matches(_ counter: CallCounter, _ digest: Digest) -> Bool {
    guard let call = calls[counter] else { return false }
    return call.digest == digest || alternatives[counter]?.contains(digest) == true
  }

  mutating func diverge(
    at counter: CallCounter, known: [Digest], submitted: Digest?,
    _ witness: Divergence.Witness, _ ticket: Ticket?, _ out: inout [Directive]
  ) {
    let found = Divergence(
      call: name(counter), known: known, submitted: submitted, witness: witness)
    if let ticket { out.append(.refused(ticket, .diverged(found))) }
    guard divergence == nil else { return }
    divergence = found
    out.append(.diverged(found))
  }
}
