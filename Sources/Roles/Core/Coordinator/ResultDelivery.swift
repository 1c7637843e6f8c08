import LogStore
import ReplicationCore

// Results to clients: finished and exhausted calls that nobody collected, in the order of counters,
// as many as fit. A result may be told before it is durable: the worst is that it is computed
// again. None is told before the coordinator caught up, since it may not know what was cancelled or
// collected.

struct Delivery: Sendable {
  var results: [Record] = []
  var exhausted: [Record] = []
  var isEmpty: Bool { results.isEmpty && exhausted.isEmpty }
}

extension Coordinator {
  /// Keeps the session's list of what may be delivered; whoever waits for it is looked at.
  mutating func updateDelivery(of key: CallKey) {
    guard let track = calls[key] else { return }
    let session = key.call.session
    let place = SessionPlace(counter: key.call.counter, digest: key.digest)
    let isComplete = track.outputs.allSatisfy { isHeld($0) }
    if track.state == .exhausted || track.state == .finished && isComplete {
      // Said again even if it is listed: an exhausted call may have finished after all.
      sessions[session]?.deliverable.insert(place)
      dirtySessions.insert(session)
    } else {
      sessions[session]?.deliverable.remove(place)
    }
    if track.state == .collected && track.hasResult && isComplete {
      if sessions[session]?.collected.insert(place) == true { dirtySessions.insert(session) }
    } else {
      sessions[session]?.collected.remove(place)
    }
  }

  func delivery(for wait: ClientWait) -> Delivery {
    var delivery = Delivery()
    guard isServing, wait.wantsResults, let session = sessions[wait.session] else {
      return delivery
    }
    var bytes: UInt64 = 0
    if wait.wanted.isEmpty {
      var from = SessionPlace.start(of: .zero)
      while let place = next(in: session.deliverable, from: from, wait) {
        guard add(place, wait.session, &delivery, &bytes, wait.resultBytes) else { break }
        from = place.next
      }
      return delivery
    }
    // A client that asks for a call by its counter gets the result that another instance collected.
    var open = SessionPlace.start(of: .zero)
    var seen = open
    while true {
      let a = next(in: session.deliverable, from: open, wait)
      let b = next(in: session.collected, from: seen, wait)
      guard let place = [a, b].compactMap({ $0 }).min() else { break }
      guard add(place, wait.session, &delivery, &bytes, wait.resultBytes) else { break }
      if place == a { open = place.next } else { seen = place.next }
    }
    return delivery
  }

  /// The first place from `from` on that the client wants and doesn't have.
  func next(
    in places: SortedSet<SessionPlace>, from: SessionPlace, _ wait: ClientWait
  ) -> SessionPlace? {
    var from = from
    while let place = places.first(from: from) {
      if let range = wait.have.range(containing: place.counter) {
        from = .start(of: range.upperBound.next)
      } else if wait.wanted.isEmpty || wait.wanted.contains(place.counter) {
        return place
      } else {
        guard let range = wait.wanted.firstRange(after: place.counter) else { return nil }
        from = .start(of: range.lowerBound)
      }
    }
    return nil
  }

  /// False if the answer is full. At least one is sent, however large.
  private func add(
    _ place: SessionPlace, _ session: SessionName, _ delivery: inout Delivery,
    _ bytes: inout UInt64, _ limit: UInt64
  ) -> Bool {
    let call = CallName(session: session, counter: place.counter)
    guard let version = ledger.version(of: call, digest: place.digest) else { return true }
    let isExhausted = version.state == .exhausted
    guard let record = isExhausted ? version.lastFailedRecord : version.resultRecord else {
      return true
    }
    let size = UInt64(record.payload.count)
    guard delivery.isEmpty || bytes + size <= limit else { return false }
    bytes += size
    if isExhausted {
      delivery.exhausted.append(record)
    } else {
      delivery.results.append(record)
    }
    return true
  }

  /// Looks at every poll of the sessions that this event touched.
  mutating func answerDirtySessions() {
    while let name = dirtySessions.popFirst() {
      for token in sessions[name]?.polls.elements ?? [] { continueClient(token) }
    }
  }
}

extension SessionPlace {
  /// The place after this one, whatever stands there.
  var next: SessionPlace {
    var bytes = digest.bytes
    for index in bytes.indices.reversed() {
      bytes[index] &+= 1
      if bytes[index] != 0 { break }
    }
    guard let digest = Hash256(bytes: bytes), digest != .zero else {
      return .start(of: counter.next)
    }
    return SessionPlace(counter: counter, digest: digest)
  }
}

extension CounterSet {
  /// The first range that begins after a counter.
  fileprivate func firstRange(after counter: CallCounter) -> ClosedRange<CallCounter>? {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound > counter { high = middle } else { low = middle + 1 }
    }
    return low < ranges.count ? ranges[low] : nil
  }
}
