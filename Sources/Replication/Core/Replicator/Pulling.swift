import LogStore

// Fetching what a neighbour holds and this node lacks: everything after a start or when no
// predecessor is heard, one's own older segments at any time, and what the predecessor does not
// bring although the successor has had it for a while.

extension Replicator {
  /// Whether somebody ships to us.
  var hearsPredecessor: Bool { now - lastPredecessor < settings.suspicionTimeout }

  mutating func pumpPulls() {
    while let name = pulls.next() {
      guard let pull = pulls.pulls[name] else { continue }
      let end = vector.end(of: name)?.end ?? .zero
      let isPushed = inbox.pushed[name].map { now - $0 <= settings.heartbeatPeriod * 2 } ?? false
      if end >= pull.target || isPushed || pull.failures > 3 || retirements.contains(name) {
        pulls.finish(name)
        continue
      }
      let count = min(settings.chunkLimit, pulls.share)
      let request = FetchRequest(
        from: local, segment: name, offset: end, maxBytes: UInt64(count))
      let id = send(
        .fetch(request), to: pull.route, timeout: settings.transferTimeout(bytes: count),
        .fetch(name, end))
      pulls.begin(name, id)
    }
  }

  mutating func fetched(
    _ exchange: Exchange, _ name: SegmentName, _ offset: Offset, _ response: FetchResponse
  ) {
    guard let pull = pulls.pull(name, of: exchange.id) else {
      pulls.ended()
      return
    }
    switch response.outcome {
    case .bytes(let bytes) where !bytes.isEmpty:
      pulls.window.answered(bytes: bytes.count, after: now - exchange.sentAt, at: now)
      let id = inbox.begin(.pull(name, exchange.id))
      emit(.ingest(id, name, at: offset, bytes))
      return
    case .bytes, .absent: catchUp.drop(pull.peer)
    case .retired(let record): learnedRetired(name, by: record)
    case .refused(let reason): note("\(name) can't be fetched from \(pull.route): \(reason)")
    }
    pulls.ended()
    pulls.finish(name)
  }

  mutating func ingestedPull(
    _ name: SegmentName, _ exchange: ExchangeID, _ outcome: IngestOutcome
  ) {
    pulls.ended()
    if case .accepted(let end) = outcome {
      logChanged(end)
      toldUnstored[name.log] = nil
    }
    guard let pull = pulls.pull(name, of: exchange) else { return }
    switch outcome {
    case .accepted:
      pulls.again(name, failed: false)
      return
    case .gap(let end), .damaged(let end):
      if let end { logChanged(end) }
      pulls.again(name, failed: true)
      return
    case .diverged: diverged(name, from: nil)
    case .retired:
      if catchUp.excuse(name) { emit(.caughtUp) }
    case .ownAhead:
      raise(.bytesBeyondEnd(name, theirs: pull.target, ours: vector.end(of: name)?.end ?? .zero))
    case .refused(let reason):
      if toldUnstored.updateValue(reason, forKey: name.log) != reason {
        note("what was fetched of \(name) can't be stored: \(reason)")
      }
    }
    pulls.finish(name)
  }

  mutating func lostFetch(_ name: SegmentName, _ exchange: Exchange) {
    pulls.ended()
    pulls.window.failed(at: now)
    if pulls.pull(name, of: exchange.id) != nil { pulls.finish(name) }
    pulls.dropWaiting(at: exchange.route)
  }

  /// Who hears no predecessor asks the others in turn, the successor's own Sync apart: so a part of
  /// the ring that nobody ships to is mended.
  mutating func rotatePulls() {
    guard !hearsPredecessor, !ring.others.isEmpty else { return }
    let routes = ring.others.map(\.route)
    let next = (routes.firstIndex(of: rotation) ?? -1) + 1
    rotation = routes[next % routes.count]
    if rotation != successor?.route { sync(at: rotation, .pull) }
  }
}
