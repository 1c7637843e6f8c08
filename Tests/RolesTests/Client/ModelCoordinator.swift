import LogStore
import ReplicationCore

@testable import RolesCore

/// A coordinator as a client sees it, in its simplest form: sets of records that are durable at
/// once. It judges what a client may send, and answers as calls.proto demands.
struct ModelCoordinator {
  var submitted: [CallCounter: [Digest: Record]] = [:]
  var collected: [CallCounter: Hash256] = [:]
  var cancelled: Set<CallCounter> = []
  var released = CounterRanges()
  var results: [CallCounter: [Digest: Record]] = [:]
  var exhausted: [CallCounter: Record] = [:]
  var controls: Set<Record> = []
  var missingArchives: [ArchiveID] = []
  var pageLimit = 3
  /// What a client did wrong.
  var complaints: [String] = []

  private func knows(_ counter: CallCounter) -> Bool {
    submitted[counter] != nil || collected[counter] != nil || released.contains(counter)
  }

  var knownThrough: CallCounter {
    var counter = CallCounter.zero
    while true {
      if let range = released.range(containing: counter.next) {
        if range.upperBound >= CallCounter.greatest { return range.upperBound }
        counter = range.upperBound
      } else if knows(counter.next) {
        counter = counter.next
      } else {
        return counter
      }
    }
  }

  mutating func merge(_ other: ModelCoordinator) {
    for (counter, entries) in other.submitted {
      submitted[counter, default: [:]].merge(entries) { old, _ in old }
    }
    collected.merge(other.collected) { min($0, $1) }
    cancelled.formUnion(other.cancelled)
    for range in other.released.ranges { released.insert(range) }
    for (counter, entries) in other.results {
      results[counter, default: [:]].merge(entries) { old, _ in old }
    }
    controls.formUnion(other.controls)
    dropReleased()
  }

  private mutating func dropReleased() {
    for counter in submitted.keys where released.contains(counter) { submitted[counter] = nil }
    for counter in results.keys where released.contains(counter) { results[counter] = nil }
  }

  mutating func take(_ request: ClientRequest) -> Refusal? {
    if request.records.count > 1066 { complaints.append("too many records") }
    var lastSubmitted = CallCounter.zero
    for record in request.records {
      guard let fact = try? Fact.decode(record) else { return Refusal(.badRecord, "unreadable") }
      switch fact {
      case .opened: controls.insert(record)
      case .released(let value):
        if lastSubmitted > .zero { complaints.append("Released after Submitted") }
        for range in value.ranges { released.insert(range) }
        controls.insert(record)
        dropReleased()
      case .submitted(let value):
        let counter = value.call.counter
        if counter <= lastSubmitted { complaints.append("submissions don't ascend") }
        lastSubmitted = counter
        guard counter.value <= knownThrough.value + 1 else {
          return Refusal(.gap, "known through \(knownThrough)")
        }
        if !released.contains(counter) { submitted[counter, default: [:]][value.digest] = record }
      case .collected(let value):
        collected[value.call.counter] = min(
          value.result, collected[value.call.counter] ?? value.result)
        controls.insert(record)
      case .cancelled(let value):
        cancelled.insert(value.call.counter)
        controls.insert(record)
      default: return Refusal(.badRecord, "not for a coordinator")
      }
    }
    return nil
  }

  func answer(_ request: ClientRequest, copies: [ModelCoordinator], refusal: Refusal?)
    -> ClientResponse
  {
    var response = ClientResponse()
    response.acceptedThrough = knownThrough
    response.safeThrough = copies.reduce(knownThrough) { min($0, $1.knownThrough) }
    response.refusal = refusal
    let mine = request.records.filter { $0.kind != .submitted }
    response.controlsSafe = copies.allSatisfy { copy in
      mine.allSatisfy { copy.controls.contains($0) }
    }
    response.released = released.ranges
    response.missingArchives = missingArchives
    addDigests(request, &response)
    guard request.wantsResults else { return response }
    let wanted = CounterRanges(request.wanted)
    for counter in results.keys.sorted() where wanted.isEmpty || wanted.contains(counter) {
      guard !cancelled.contains(counter), collected[counter] == nil || !wanted.isEmpty else {
        continue
      }
      response.results += (results[counter] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
    response.exhausted = exhausted.filter { wanted.contains($0.key) }.sorted { $0.key < $1.key }
      .map(\.value)
    return response
  }

  private func addDigests(_ request: ClientRequest, _ response: inout ClientResponse) {
    let through = knownThrough
    guard through < CallCounter.greatest else { return }
    if request.wantsHash {
      var hash = RunningHash()
      var first = CallCounter(1)
      while let range = released.range(containing: first) { first = range.upperBound.next }
      response.hashFrom = first
      var counter = first
      while counter <= through {
        if let digest = submitted[counter]?.keys.min() { hash.update(digest) }
        counter = counter.next
      }
      response.digestsHash = hash.value
    }
    guard request.digestsFrom > .zero else { return }
    var counter = request.digestsFrom
    while counter <= through, counter.value < request.digestsFrom.value + UInt64(pageLimit) {
      for digest in (submitted[counter] ?? [:]).keys.sorted() {
        response.digests.append(CallDigest(counter: counter, digest: digest))
      }
      response.digestsThrough = counter
      counter = counter.next
    }
  }

  /// Runs a call: the result is a function of the digest, as for a deterministic command.
  mutating func finish(_ counter: CallCounter, session: SessionName) {
    for (digest, _) in submitted[counter] ?? [:] where results[counter]?[digest] == nil {
      results[counter, default: [:]][digest] = Example.finished(session, counter, digest)
    }
  }
}

/// Values that tests share.
enum Example {
  static let session = SessionName(
    user: UserID(ID128(high: 1, low: 2)), session: SessionID(ID128(high: 3, low: 4)))
  static let node = NodeID(ID128(high: 7, low: 7))
  static let serverNode = NodeID(ID128(high: 9, low: 9))

  static func spec(_ text: String) -> CallSpec {
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = [Array(text.utf8)]
    return spec
  }

  static func digest(_ text: String) -> Digest { Digest.of(spec: spec(text)) }

  static func task(_ number: UInt64) -> TaskName {
    TaskName(node: NodeID(ID128(high: 5, low: 5)), start: Nonce(1), counter: number)
  }

  static func result(_ text: String) -> CallResult {
    var result = CallResult(hash: .zero)
    result.stdout = .inline(Array(text.utf8))
    result.hash = result.computedHash
    return result
  }

  static func finished(
    _ session: SessionName, _ counter: CallCounter, _ digest: Digest, _ text: String? = nil
  ) -> Record {
    Record(
      .finished(
        Finished(
          task: task(counter.value), call: CallName(session: session, counter: counter),
          digest: digest, server: serverNode, result: result(text ?? digest.description))))
  }

  static func submitted(_ counter: UInt64, _ text: String) -> Record {
    let spec = spec(text)
    return Record(
      .submitted(
        Submitted(
          call: CallName(session: session, counter: CallCounter(counter)),
          digest: Digest.of(spec: spec), spec: spec, wallTime: 5)))
  }
}

extension Instant {
  static func ms(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000)
  }
}
