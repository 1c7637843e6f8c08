import LogStore
import ReplicationCore

// A client's answer: when it is due and what it says. It is not due before all records of the
// request are durable here; then it comes at once if there is something to tell, or when the poll
// ends.

extension Coordinator {
  /// Looks at a client's request again: its records became durable here or elsewhere, a result
  /// arrived, or its time is over.
  mutating func continueClient(_ token: RequestToken) {
    guard case .client(var wait)? = parked[token] else { return }
    guard wait.isDurable || isDurable(wait.needs) else { return }
    wait.isDurable = true
    let delivery = delivery(for: wait)
    let unsafe = wait.wantsResults ? nil : firstUnsafe(of: wait)
    parked[token] = .client(wait)
    if !isDue(wait, delivery, unsafe) {
      sessions[wait.session, default: SessionTrack()].polls.insert(token)
      agenda.set(.poll(token), at: wait.deadline)
      if unsafe != wait.unsafe {
        stopAwaitingSafety(of: wait.unsafe, for: token)
        wait.unsafe = unsafe
        parked[token] = .client(wait)
        if let unsafe { awaitSafety(of: unsafe, for: token) }
      }
      return
    }
    let response = clientResponse(to: wait, delivery: delivery)
    unpark(token)
    reply(token, .client(response))
  }

  private func isDue(_ wait: ClientWait, _ delivery: Delivery, _ unsafe: Position?) -> Bool {
    if wait.isTwin || wait.deadline <= now || !delivery.isEmpty { return true }
    if let first = wait.first, let last = wait.last,
      let blocked = sessions[wait.session]?.blocked.first(from: .start(of: first)),
      blocked.counter <= last
    {
      // The client has to put an archive; it can't know before it is told.
      return true
    }
    return !wait.wantsResults && unsafe == nil
  }

  mutating func clientResponse(
    to wait: ClientWait, delivery: Delivery = Delivery(), refusal: Refusal? = nil
  ) -> ClientResponse {
    var response = ClientResponse()
    response.refusal = refusal
    response.conflictingIncarnation = wait.isTwin
    response.coordinators = ring.addresses
    response.logFull = isLogFull
    if sessions[wait.session] == nil, ledger.session(wait.session) != nil {
      sessions[wait.session] = SessionTrack()
    }
    guard sessions[wait.session] != nil else {
      response.controlsSafe = refusal == nil && firstUnsafeControl(of: wait) == nil
      return response
    }
    response.acceptedThrough = acceptedThrough(in: wait.session)
    response.safeThrough = safeThrough(in: wait.session)
    response.controlsSafe = refusal == nil && firstUnsafeControl(of: wait) == nil
    if wait.wantsHash { hashDigests(in: wait.session, into: &response) }
    listDigests(wait, into: &response)
    response.results = delivery.results
    response.exhausted = delivery.exhausted
    response.released = ledger.session(wait.session)?.released.ranges ?? []
    response.missingArchives = missingArchives(in: wait.session)
    response.missingSubmissions = missingSubmissions(of: wait, through: response.acceptedThrough)
    return response
  }

  /// Of the first submissions that wait for some, so that the answer stays small.
  private func missingArchives(in session: SessionName) -> [ArchiveID] {
    var missing = SortedSet<ArchiveID>()
    var place = sessions[session]?.blocked.first
    while let found = place, missing.count < 256 {
      let call = CallName(session: session, counter: found.counter)
      for id in missingInputs(of: CallKey(call: call, digest: found.digest)) {
        missing.insert(id)
      }
      place = sessions[session]?.blocked.first(after: found)
    }
    return missing.elements
  }

  // MARK: How far

  mutating func acceptedThrough(in session: SessionName) -> CallCounter {
    guard let track = sessions[session] else { return .zero }
    let through = ledger.contiguous(in: session, after: track.durableThrough) {
      _, _, evidence in isDurable(evidence.sequence)
    }
    sessions[session]?.durableThrough = through
    return sessions[session]?.acceptedThrough ?? .zero
  }

  mutating func safeThrough(in session: SessionName) -> CallCounter {
    let accepted = acceptedThrough(in: session)
    guard let track = sessions[session] else { return .zero }
    let through = ledger.contiguous(in: session, after: track.safeThrough) {
      _, version, evidence in
      isSafe(evidence) && (version.map { areInputsSafe($0, session) } ?? true)
    }
    sessions[session]?.safeThrough = through
    return min(through, accepted)
  }

  private func areInputsSafe(_ version: CallVersion, _ session: SessionName) -> Bool {
    guard copies > 1, version.state < .finished else { return true }
    guard let submission = version.submission else { return true }
    return submission.spec.archives.allSatisfy { isSafe($0) }
  }

  /// Durable here and at as many other coordinators as `copies` asks for.
  func isSafe(_ evidence: Evidence) -> Bool {
    guard isDurable(evidence.sequence) else { return false }
    if copies == 1 { return true }
    return evidence.positions.contains { position in
      peersDurable[position.segment].map { $0 > position.ordinal } ?? false
    }
  }

  private func firstUnsafeControl(of wait: ClientWait) -> Position? {
    for record in wait.controls {
      guard let evidence = ledger.standing(of: record).evidence, !isSafe(evidence) else {
        continue
      }
      return evidence.position
    }
    return nil
  }

  /// The first record of the request that is not safe yet.
  private mutating func firstUnsafe(of wait: ClientWait) -> Position? {
    if let control = firstUnsafeControl(of: wait) { return control }
    guard let last = wait.last, safeThrough(in: wait.session) < last else { return nil }
    var position: Position?
    // The first counter that is not safe ends the search at once.
    _ = ledger.contiguous(
      in: wait.session, after: sessions[wait.session]?.safeThrough ?? .zero
    ) { _, _, evidence in
      if !isSafe(evidence) { position = position ?? evidence.position }
      return false
    }
    return position
  }

  // MARK: Digests

  /// The running hash, for a client that has just come.
  private mutating func hashDigests(in session: SessionName, into response: inout ClientResponse) {
    guard let entry = ledger.session(session), var run = sessions[session]?.digests else {
      return
    }
    let watermark = entry.released.range(containing: CallCounter(1))?.upperBound ?? .zero
    // An ended session is released to the last counter there is.
    let first = watermark < .greatest ? watermark.next : watermark
    if run.from != first { run.restart(from: first) }
    let accepted = response.acceptedThrough
    while run.through < accepted {
      if let range = entry.released.range(containing: run.through.next) {
        run.skip(through: min(range.upperBound, accepted))
        continue
      }
      let call = CallName(session: session, counter: run.through.next)
      run.append(ledger.entry(of: call)?.versions.first?.digest)
    }
    sessions[session]?.digests = run
    response.hashFrom = run.from
    if run.through == accepted { response.digestsHash = run.value }
  }

  /// One page of digests, counter by counter, no further than accepted.
  private func listDigests(_ wait: ClientWait, into response: inout ClientResponse) {
    let accepted = response.acceptedThrough
    guard wait.digestsFrom > .zero, wait.digestsFrom <= accepted else { return }
    response.digestsThrough = accepted
    var digests: [CallDigest] = []
    ledger.forEachCall(of: wait.session, from: wait.digestsFrom) { entry in
      let counter = entry.call.counter
      guard counter <= accepted else { return false }
      if digests.count >= CallDigest.pageLimit {
        response.digestsThrough = CallCounter(counter.value - 1)
        return false
      }
      for version in entry.versions {
        digests.append(CallDigest(counter: counter, digest: version.digest))
      }
      return true
    }
    response.digests = digests
  }
}

extension Standing {
  /// Of the record that stands for this one; nil if nothing does.
  var evidence: Evidence? {
    switch self {
    case .held(let evidence), .superseded(let evidence), .released(let evidence): evidence
    case .new, .unknownKind, .unreadable: nil
    }
  }
}
