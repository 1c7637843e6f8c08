import LogStore
import ReplicationCore

// A client's records: which are appended, which are held already, which are refused. Submissions
// leave no gap in a session's counters; what is released or dead for ever is simply counted.
// Nothing is answered here: the request goes on when all of it is durable.

/// A client's request while its answer is not due.
struct ClientWait: Sendable {
  var session: SessionName
  /// When the long poll ends.
  var deadline: Instant
  var isTwin: Bool
  var wantsHash: Bool
  var digestsFrom: CallCounter
  var wantsResults: Bool
  var have = CounterSet()
  var wanted = CounterSet()
  var resultBytes: UInt64
  /// All of its records but submissions.
  var controls: [Record] = []
  /// Of its submissions.
  var first: CallCounter?
  var last: CallCounter?
  var needs = LogSequence.zero
  var isDurable = false
  /// The record that must be durable elsewhere before this is looked at again.
  var unsafe: Position?
}

/// What is to be done with a request's records.
private struct Examined {
  var append: [Record] = []
  var needs = LogSequence.zero
}

extension Coordinator {
  mutating func receive(_ request: ClientRequest, as token: RequestToken) {
    hearOf(request.coordinators)
    let session = request.session
    let isKnown = sessions[session] != nil
    var hearing = IncarnationWatch.Hearing.same
    if isKnown || !request.records.isEmpty {
      hearing =
        sessions[session, default: SessionTrack()].incarnations
        .hear(request.incarnation, at: now, settings: settings)
    }
    let poll = min(
      .milliseconds(Int64(clamping: request.poll)), settings.clientPollLimit)
    var wait = ClientWait(
      session: session, deadline: mayPoll ? now + poll : now, isTwin: hearing == .twin,
      wantsHash: request.wantsHash, digestsFrom: request.digestsFrom,
      wantsResults: request.wantsResults,
      resultBytes: min(
        request.resultBytes == 0 ? settings.resultBytes : request.resultBytes,
        settings.resultBytesLimit))
    for range in request.have { wait.have.insert(range.possible) }
    for range in request.wanted { wait.wanted.insert(range.possible) }
    let refusal: Refusal
    do throws(Refusal) {
      guard identity != nil else {
        throw Refusal(.catchingUp, "the coordinator has not started yet")
      }
      guard mayPark else {
        throw Refusal(.tooLarge, "\(parked.count) requests wait already; come again")
      }
      let examined = try examine(request, &wait)
      wait.needs = examined.needs
      parked[token] = .client(wait)
      missResults(for: wait)
      if examined.append.isEmpty {
        hold(token, until: wait.needs)
      } else {
        append(examined.append, for: token)
      }
      return
    } catch {
      refusal = error
    }
    reply(token, .client(clientResponse(to: wait, refusal: refusal)))
    dropIfEmpty(session)
  }

  // MARK: Examining

  private mutating func examine(
    _ request: ClientRequest, _ wait: inout ClientWait
  ) throws(Refusal) -> Examined {
    var examined = Examined()
    var facts: [(record: Record, fact: Fact)] = []
    facts.reserveCapacity(request.records.count)
    for record in request.records {
      facts.append((record, try decode(record, of: request.session)))
    }
    if !settings.plantedBugs.contains(.acceptsGaps) { try refuseGap(facts, request.session) }
    for (record, fact) in facts {
      if case .submitted(let submitted) = fact {
        wait.first = wait.first ?? submitted.call.counter
        wait.last = submitted.call.counter
      } else {
        wait.controls.append(record)
      }
      switch ledger.standing(of: record) {
      case .new, .unknownKind, .unreadable: examined.append.append(record)
      // A relaunched program submits the same call at another time of day: the fold keeps one of
      // equal digests, so the one that is held will do.
      case .held(let evidence), .superseded(let evidence), .released(let evidence):
        examined.needs = max(examined.needs, evidence.sequence)
      }
    }
    guard isLogFull, !examined.append.isEmpty else { return examined }
    // The reserve takes what makes room.
    let freeing = examined.append.filter { $0.kind == .released || $0.kind == .cancelled }
    guard freeing.count == examined.append.count else {
      if !freeing.isEmpty { emit(freeing) }
      throw Refusal(.logFull, "the coordinator's log is full; only releases are taken")
    }
    return examined
  }

  private func decode(
    _ record: Record, of session: SessionName
  ) throws(Refusal) -> Fact {
    guard record.payload.count <= settings.recordLimit else {
      throw Refusal(
        .tooLarge,
        "a record of \(record.payload.count) bytes exceeds the limit of \(settings.recordLimit)")
    }
    let fact: Fact?
    do throws(ProtoError) {
      fact = try Fact.decode(record)
    } catch {
      throw Refusal(.badRecord, "a record of kind \(record.kind) can't be read: \(error)")
    }
    let owner: SessionName
    switch fact {
    case .submitted(let value):
      owner = value.call.session
      guard value.digest == Digest.of(spec: value.spec) else {
        throw Refusal(.badRecord, "the digest of call \(value.call.counter) is not its spec's")
      }
    case .cancelled(let value): owner = value.call.session
    case .collected(let value): owner = value.call.session
    case .opened(let value): owner = value.session
    case .released(let value): owner = value.session
    case .assigned, .finished, .failed, .lost, .removed, .alive, nil:
      throw Refusal(.badRecord, "clients don't send records of kind \(record.kind)")
    }
    guard owner == session, let fact else {
      throw Refusal(.badRecord, "a record is of session \(owner), not of \(session)")
    }
    return fact
  }

  /// Each submission follows on what is known, of this request too; else a crash of the client
  /// could leave a hole that nobody fills.
  private func refuseGap(
    _ facts: [(record: Record, fact: Fact)], _ session: SessionName
  ) throws(Refusal) {
    var others = CounterSet()
    for (_, fact) in facts {
      switch fact {
      case .released(let released): for range in released.ranges { others.insert(range) }
      case .collected(let collected): others.insert(collected.call.counter)
      default: continue
      }
    }
    let entry = ledger.session(session)
    var reach = entry?.knownThrough ?? .zero
    for case (_, .submitted(let submitted)) in facts {
      // What is known further on counts too, once it is reached.
      while reach < .greatest {
        let before = reach
        if let range = others.range(containing: reach.next) { reach = range.upperBound }
        reach = entry?.known(after: reach) ?? reach
        if reach == before { break }
      }
      let counter = submitted.call.counter
      guard counter <= reach.next else {
        let text = "call \(counter) leaves a gap: calls up to \(reach) are known"
        throw Refusal(isCaughtUp ? .gap : .catchingUp, text)
      }
      reach = max(reach, counter)
    }
  }

  /// Tells the ring of coordinators that others know.
  mutating func hearOf(_ addresses: [String]) {
    let news = addresses.prefix(64).filter { $0.utf8.count < 256 && !ring.addresses.contains($0) }
    if !news.isEmpty { directives.append(.heardOf(Array(news))) }
  }

  /// A session that only a question mentioned leaves nothing behind.
  mutating func dropIfEmpty(_ session: SessionName) {
    guard let track = sessions[session], track.polls.isEmpty, track.calls.isEmpty,
      ledger.session(session) == nil
    else { return }
    sessions[session] = nil
  }
}

extension ClosedRange<CallCounter> {
  /// Without what no call can bear: the wire allows any number.
  fileprivate var possible: ClosedRange<CallCounter> { clamped(to: .zero...(.greatest)) }
}
