import LogStore
import ReplicationCore

// Requests whose answers are not due yet: for durability here, for durability elsewhere, for news.
// It owns the order in which they go on; what the answers say is their own parts' business.

enum Parked: Sendable {
  case client(ClientWait)
  case server(NodeID)
  case results(ResultsWait)
  case operation(OperatorWait)
}

/// An order of an operator that is answered once it is durable.
struct OperatorWait: Sendable {
  var needs = LogSequence.zero
  var done: String
}

struct DurabilityWait: Hashable, Comparable, Sendable {
  var sequence: LogSequence
  var token: RequestToken
  static func < (a: DurabilityWait, b: DurabilityWait) -> Bool {
    a.sequence != b.sequence ? a.sequence < b.sequence : a.token < b.token
  }
}

struct SafetyWait: Hashable, Comparable, Sendable {
  var ordinal: Ordinal
  var token: RequestToken
  static func < (a: SafetyWait, b: SafetyWait) -> Bool {
    a.ordinal != b.ordinal ? a.ordinal < b.ordinal : a.token < b.token
  }
}

/// A record on its way through the log.
struct Outgoing: Sendable {
  var record: Record
  var token: RequestToken?
  /// The request's last one: it goes on when this is back.
  var isLast = false
  var task: TaskName?
  var call: CallKey?
}

extension Coordinator {
  /// Whether another request may wait; polls give way first.
  var mayPoll: Bool { parked.count < settings.parkedLimit }
  var mayPark: Bool { parked.count < 2 * settings.parkedLimit }

  // MARK: Appending

  /// Appends records for a request that is parked under `token` and goes on when they are durable.
  mutating func append(_ records: [Record], for token: RequestToken) {
    for (index, record) in records.enumerated() {
      outbox.append(
        Outgoing(record: record, token: token, isLast: index == records.count - 1))
    }
    emit(records)
  }

  mutating func append(_ fact: Fact) {
    let record = Record(fact)
    outbox.append(Outgoing(record: record))
    emit([record])
  }

  /// One directive a frame's worth.
  func batches(of records: [Record]) -> [[Record]] {
    var result: [[Record]] = []
    var batch: [Record] = []
    var bytes = 0
    for record in records {
      if bytes + record.payload.count > settings.appendBytes, !batch.isEmpty {
        result.append(batch)
        batch = []
        bytes = 0
      }
      batch.append(record)
      bytes += record.payload.count
    }
    if !batch.isEmpty { result.append(batch) }
    return result
  }

  mutating func emit(_ records: [Record]) {
    for batch in batches(of: records) { directives.append(.append(batch)) }
  }

  /// Own appends come back in order, among those of other cores of the same node.
  mutating func cameBack(_ batch: FactBatch) {
    guard !outbox.isEmpty else { return }
    for record in batch.records {
      guard let first = outbox.first else { return }
      guard first.record == record else { continue }
      outbox.removeFirst()
      if let token = first.token, first.isLast { hold(token, until: batch.sequence) }
    }
  }

  // MARK: Waiting for durability

  /// The request goes on when the log is durable up to `sequence` and to what it needed before.
  mutating func hold(_ token: RequestToken, until sequence: LogSequence) {
    guard var waiting = parked[token] else { return }
    let needs: LogSequence
    switch waiting {
    case .client(var wait):
      wait.needs = max(wait.needs, sequence)
      needs = wait.needs
      waiting = .client(wait)
    case .results(var wait):
      wait.needs = max(wait.needs, sequence)
      needs = wait.needs
      waiting = .results(wait)
    case .operation(var wait):
      wait.needs = max(wait.needs, sequence)
      needs = wait.needs
      waiting = .operation(wait)
    case .server: return
    }
    parked[token] = waiting
    if isDurable(needs) {
      goOn(token)
    } else {
      durabilityQueue.insert(DurabilityWait(sequence: needs, token: token))
    }
  }

  func isDurable(_ sequence: LogSequence) -> Bool {
    sequence <= durable || settings.plantedBugs.contains(.answersBeforeDurable)
  }

  mutating func persisted(through sequence: LogSequence) {
    guard sequence > durable else { return }
    durable = sequence
    while let first = durabilityQueue.first, first.sequence <= durable {
      durabilityQueue.remove(first)
      goOn(first.token)
    }
  }

  private mutating func goOn(_ token: RequestToken) {
    switch parked[token] {
    case .client: continueClient(token)
    case .results: continueResults(token)
    case .operation(let wait):
      parked[token] = nil
      reply(token, .operation(.done(wait.done)))
    case .server, nil: return
    }
  }

  // MARK: Waiting for another coordinator

  mutating func awaitSafety(of position: Position, for token: RequestToken) {
    safetyWaits[position.segment, default: SortedSet()].insert(
      SafetyWait(ordinal: position.ordinal, token: token))
  }

  mutating func stopAwaitingSafety(of position: Position?, for token: RequestToken) {
    guard let position else { return }
    safetyWaits[position.segment]?.remove(
      SafetyWait(ordinal: position.ordinal, token: token))
    if safetyWaits[position.segment]?.isEmpty == true { safetyWaits[position.segment] = nil }
  }

  mutating func peer(holds records: Ordinal, of segment: SegmentName) {
    if let known = peersDurable[segment], known >= records { return }
    peersDurable[segment] = records
    var due: [RequestToken] = []
    while let first = safetyWaits[segment]?.first, first.ordinal < records {
      safetyWaits[segment]?.remove(first)
      due.append(first.token)
    }
    if safetyWaits[segment]?.isEmpty == true { safetyWaits[segment] = nil }
    for token in due { continueClient(token) }
  }

  /// What stood there stands elsewhere, or matters no more.
  mutating func segmentDeleted(_ segment: SegmentName) {
    ledger.forget(segment)
    peersDurable[segment] = nil
    for wait in safetyWaits.removeValue(forKey: segment)?.elements ?? [] {
      continueClient(wait.token)
    }
  }

  // MARK: Ends

  mutating func reply(_ token: RequestToken, _ reply: Reply) {
    directives.append(.reply(token, reply))
  }

  mutating func refuse(_ token: RequestToken, _ refusal: Refusal) {
    switch parked[token] {
    case .client(let wait):
      let response = clientResponse(to: wait, refusal: refusal)
      unpark(token)
      reply(token, .client(response))
    case .results(let wait):
      unpark(token)
      reply(token, .results(resultsResponse(to: wait, refusal: refusal)))
    case .operation:
      unpark(token)
      reply(token, .operation(.refused(refusal)))
    case .server, nil: return
    }
  }

  mutating func pollEnded(_ token: RequestToken) {
    switch parked[token] {
    case .client: continueClient(token)
    case .server(let server): answer(server)
    case .results, .operation, nil: return
    }
  }

  /// Out of every queue. The outbox keeps its records: they are appended all the same.
  mutating func unpark(_ token: RequestToken) {
    guard let waiting = parked.removeValue(forKey: token) else { return }
    agenda.cancel(.poll(token))
    switch waiting {
    case .client(let wait):
      durabilityQueue.remove(DurabilityWait(sequence: wait.needs, token: token))
      stopAwaitingSafety(of: wait.unsafe, for: token)
      sessions[wait.session]?.polls.remove(token)
      dropIfEmpty(wait.session)
    case .results(let wait):
      durabilityQueue.remove(DurabilityWait(sequence: wait.needs, token: token))
    case .operation(let wait):
      durabilityQueue.remove(DurabilityWait(sequence: wait.needs, token: token))
    case .server(let server): stopWaiting(server)
    }
  }

  mutating func forget(_ token: RequestToken) { unpark(token) }
}
