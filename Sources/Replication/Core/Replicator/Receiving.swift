import LogStore

// What peers ship to this node and fetch from it. A shipped piece is answered when it is durable,
// or after `acknowledgementDelay`, or at once if its sender has more of the segment to send: so the
// last piece of a burst tells the sender what is safe one commit and one round trip after it was
// written, and a long transfer is not slowed to the pace of the disk's syncs.

extension Replicator {
  mutating func receive(_ request: ShipRequest, _ token: RequestToken) {
    let name = request.segment
    guard request.from.node != local.node else {
      emit(.reply(token, .ship(ShipResponse(.refused("a node does not ship to itself")))))
      return
    }
    lastPredecessor = now
    if let record = retirements.record(retiring: name) {
      emit(.reply(token, .ship(ShipResponse(.retired(record), end: vector.end(of: name)))))
      return
    }
    if name.node == local.node && vector.end(of: name) == nil,
      let newest = newestOwn(name.log), name.serial >= newest.serial
    {
      raise(.unknownSegment(name))
      emit(.reply(token, .ship(ShipResponse(.refused("the owner never opened \(name)")))))
      return
    }
    inbox.notePush(name, at: now)
    let context = Inbox.IngestContext.ship(
      token, name, need: request.offset + request.bytes.count, more: request.more,
      from: request.from)
    emit(.ingest(inbox.begin(context), name, at: request.offset, request.bytes))
  }

  mutating func ingested(_ id: IngestID, _ outcome: IngestOutcome) {
    switch inbox.end(id) {
    case nil: return
    case .pull(let name, let exchange): ingestedPull(name, exchange, outcome)
    case .ship(let token, let name, let need, let more, let from):
      let response = ingestedShip(token, name, need, more, from, outcome)
      if let response { emit(.reply(token, .ship(response))) }
    }
  }

  /// Nil if the answer is kept back.
  private mutating func ingestedShip(
    _ token: RequestToken, _ name: SegmentName, _ need: Offset, _ more: Bool, _ from: PeerInfo,
    _ outcome: IngestOutcome
  ) -> ShipResponse? {
    switch outcome {
    case .accepted(let end):
      // On a ring of two the sender is the successor too: it needs nothing of this back.
      if let view, view.peer == from, view.end(of: name) < need {
        self.view?.held[name] = PeerView.Held(end: need, turn: turn)
        outbox.accepted(name, upTo: need)
      }
      logChanged(end)
      if !more && end.durableEnd < min(need, end.end)
        && inbox.held.count < settings.heldAcknowledgements
      {
        let deadline = now + settings.acknowledgementDelay
        inbox.held.append(
          .init(token: token, segment: name, need: min(need, end.end), deadline: deadline))
        return nil
      }
      return ShipResponse(.accepted, end: end)
    case .gap(let end): return ShipResponse(.gap, end: end)
    case .damaged(let end):
      if let end { logChanged(end) }
      return ShipResponse(.damaged, end: end)
    case .diverged(let end):
      diverged(name, from: from)
      return ShipResponse(.diverged, end: end)
    case .retired(let record):
      return ShipResponse(.retired(record), end: vector.end(of: name))
    case .ownAhead:
      raise(.bytesBeyondEnd(name, theirs: need, ours: vector.end(of: name)?.end ?? .zero))
      return ShipResponse(.refused("the owner never wrote that"))
    case .refused(let reason): return ShipResponse(.refused(reason), end: vector.end(of: name))
    }
  }

  /// Answers what has become durable of `name`, or for nil what has waited long enough.
  mutating func releaseHeld(of name: SegmentName?) {
    guard !inbox.held.isEmpty else { return }
    var kept: [Inbox.HeldAcknowledgement] = []
    for held in inbox.held {
      let end = vector.end(of: held.segment)
      let isDue: Bool
      if let name {
        isDue = held.segment == name && (end == nil || (end?.durableEnd ?? .zero) >= held.need)
      } else {
        isDue = now >= held.deadline
      }
      guard isDue else {
        kept.append(held)
        continue
      }
      if let end {
        emit(.reply(held.token, .ship(ShipResponse(.accepted, end: end))))
      } else if let record = retirements.record(retiring: held.segment) {
        emit(.reply(held.token, .ship(ShipResponse(.retired(record)))))
      } else {
        emit(.reply(held.token, .ship(ShipResponse(.gap))))
      }
    }
    if kept.count < inbox.held.count { inbox.held = kept }
  }

  // MARK: - Fetches of others

  mutating func serve(_ request: FetchRequest, _ token: RequestToken) {
    let name = request.segment
    guard let end = vector.end(of: name) else {
      let outcome = retirements.record(retiring: name).map(FetchOutcome.retired) ?? .absent
      emit(.reply(token, .fetch(FetchResponse(outcome))))
      return
    }
    guard request.offset < end.end else {
      emit(.reply(token, .fetch(FetchResponse(.bytes([]), end: end))))
      return
    }
    guard inbox.servedFetches < settings.servedFetches else {
      emit(.reply(token, .fetch(FetchResponse(.refused("too many fetches at once"), end: end))))
      return
    }
    let rest = end.end.value - request.offset.value
    let count = Int(min(rest, request.maxBytes, UInt64(settings.chunkLimit)))
    let id = inbox.begin(.fetch(token, name))
    emit(.read(id, name, from: request.offset, maxBytes: max(1, count)))
  }

  mutating func didRead(_ id: ReadID, _ outcome: ReadOutcome) {
    switch inbox.end(id) {
    case nil: return
    case .ship(let read, let generation):
      didReadForShip(read, generation: generation, outcome)
    case .fetch(let token, let name):
      let answer: FetchOutcome
      switch outcome {
      case .bytes(let bytes): answer = .bytes(bytes)
      case .failed(let reason): answer = .refused(reason)
      }
      emit(.reply(token, .fetch(FetchResponse(answer, end: vector.end(of: name)))))
    }
  }
}
