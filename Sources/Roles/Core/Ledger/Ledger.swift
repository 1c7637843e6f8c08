import LogStore
import ReplicationCore

// The fold of the facts: DESIGN's table, and nothing that depends on the order, the number or the
// places of the records. A value without clock, chance or I/O. What a fold costs doesn't depend on
// how many calls there are, but for a binary search.

/// All that this node knows. It keeps in memory, for each call that is not released, the bytes of
/// its Submitted and Finished records, which are handed out, and the small records of its open
/// tasks.
public struct Ledger: Sendable {
  private var sessions: [SessionEntry] = []
  private var numbers: [SessionName: Int] = [:]
  private var lastSession = 0
  private(set) var segments = SegmentTable()
  private(set) var removed: [NodeID: Kept] = [:]
  private(set) var alive: [NodeID: (count: UInt64, kept: Kept)] = [:]
  /// Names of all sessions, ascending.
  public private(set) var sessionNames: [SessionName] = []
  /// Records of known kinds that could not be decoded. They are ignored, and live for ever.
  public private(set) var unreadable = 0
  let bugs: LedgerBugs

  public init() { bugs = [] }

  package init(plantedBugs: LedgerBugs) { bugs = plantedBugs }

  /// Takes in what entered the log. Returns the calls of which anything was learnt or that were
  /// released, ascending, each once.
  public mutating func fold(_ batch: FactBatch) -> [CallName] {
    var arrival = Arrival(
      place: Place(
        sequence: batch.sequence.value, ordinal: batch.firstOrdinal.value,
        segment: segments.number(batch.segment)),
      gone: segments.gone, takesLater: bugs.contains(.keepsLater))
    var changes: [CallName] = []
    for record in batch.records {
      do throws(ProtoError) {
        try fold(record, arrival, &changes)
      } catch {
        unreadable += 1
      }
      arrival.place.ordinal &+= 1
    }
    guard changes.count > 1 else { return changes }
    changes.sort()
    var unique = 1
    for index in 1..<changes.count where changes[index] != changes[unique - 1] {
      changes[unique] = changes[index]
      unique += 1
    }
    changes.removeSubrange(unique...)
    return changes
  }

  /// This node deleted its copy of a segment: its records are evidence no longer.
  public mutating func forget(_ segment: SegmentName) { segments.forget(segment) }

  // MARK: What is read most

  /// All that is known of a session; nil if nothing is.
  public func session(_ name: SessionName) -> SessionEntry? {
    numbers[name].map { sessions[$0] }
  }

  /// All that is known of a counter, a digest each; nil if nothing is or it is released.
  public func entry(of call: CallName) -> CallEntry? {
    guard let versions = versions(of: call) else { return nil }
    return CallEntry(call: call, versions: versions)
  }

  /// What is known of one call; nil if nothing is or it is released.
  public func version(of call: CallName, digest: Digest) -> CallVersion? {
    versions(of: call)?.first { $0.digest == digest }
  }

  /// Nil if nothing is known of the call.
  public func state(of call: CallName, digest: Digest) -> CallState? {
    isReleased(call) ? .released : version(of: call, digest: digest)?.state
  }

  public func isReleased(_ call: CallName) -> Bool {
    numbers[call.session].map { sessions[$0].released.contains(call.counter) } ?? false
  }

  func versions(of call: CallName) -> [CallVersion]? {
    numbers[call.session].flatMap { sessions[$0].calls[call.counter] }
  }
}

/// The fold.
extension Ledger {
  private mutating func fold(
    _ record: Record, _ arrival: Arrival, _ changes: inout [CallName]
  ) throws(ProtoError) {
    let payload = record.payload
    guard let fact = try Fact.decode(record) else { return }
    switch fact {
    case .submitted(let fact):
      update(fact.call, fact.digest, &changes) { version in
        version.submit(payload, failureLimit: fact.spec.failureLimit, arrival)
      }
    case .assigned(let fact):
      foldTask(TaskFact(fact), fact.call, fact.digest, payload, arrival, &changes)
    case .finished(let fact):
      foldTask(TaskFact(fact), fact.call, fact.digest, payload, arrival, &changes)
    case .failed(let fact):
      foldTask(TaskFact(fact), fact.call, fact.digest, payload, arrival, &changes)
    case .lost(let fact):
      foldTask(TaskFact(fact), fact.call, fact.digest, payload, arrival, &changes)
    case .cancelled(let fact):
      update(fact.call, fact.digest, &changes) { version in
        version.cancel(payload, arrival)
      }
    case .collected(let fact):
      update(fact.call, fact.digest, &changes) { version in
        version.collect(fact.result, payload, arrival)
      }
    case .opened(let fact):
      let number = sessionNumber(fact.session)
      _ = sessions[number].open(fact, payload, arrival)
    case .released(let fact): foldRelease(fact, payload, arrival, &changes)
    case .removed(let fact):
      if removed[fact.node]?.merge(payload, arrival) == nil {
        removed[fact.node] = Kept(payload, arrival.place)
      }
    case .alive(let fact): foldAlive(fact, payload, arrival)
    }
  }

  private mutating func foldTask(
    _ fact: TaskFact, _ call: CallName, _ digest: Digest, _ payload: [UInt8],
    _ arrival: Arrival, _ changes: inout [CallName]
  ) {
    update(call, digest, &changes) { version in version.merge(fact, payload, arrival) }
  }

  private mutating func foldRelease(
    _ fact: Released, _ payload: [UInt8], _ arrival: Arrival, _ changes: inout [CallName]
  ) {
    let number = sessionNumber(fact.session)
    var dropped: [CallName] = []
    _ = sessions[number].release(CounterSet(fact.ranges), payload, arrival, bugs: bugs) {
      counter in
      dropped.append(CallName(session: fact.session, counter: counter))
    }
    changes += dropped
  }

  private mutating func foldAlive(_ fact: Alive, _ payload: [UInt8], _ arrival: Arrival) {
    guard var known = alive[fact.node] else {
      alive[fact.node] = (fact.count, Kept(payload, arrival.place))
      return
    }
    if fact.count == known.count {
      _ = known.kept.merge(payload, arrival)
    } else if fact.count > known.count || arrival.takesLater {
      known = (fact.count, Kept(payload, arrival.place))
    }
    alive[fact.node] = known
  }

  private mutating func update(
    _ call: CallName, _ digest: Digest, _ changes: inout [CallName],
    _ body: (inout CallVersion) -> Bool
  ) {
    let number = sessionNumber(call.session)
    let changed = sessions[number].update(call.counter, digest, bugs: bugs, body)
    if changed && changes.last != call { changes.append(call) }
  }

  private mutating func sessionNumber(_ name: SessionName) -> Int {
    if lastSession < sessions.count && sessions[lastSession].name == name { return lastSession }
    if let number = numbers[name] {
      lastSession = number
      return number
    }
    lastSession = sessions.count
    numbers[name] = lastSession
    sessions.append(SessionEntry(name: name))
    var low = 0
    var high = sessionNames.count
    while low < high {
      let middle = (low + high) / 2
      if sessionNames[middle] < name { low = middle + 1 } else { high = middle }
    }
    sessionNames.insert(name, at: low)
    return lastSession
  }
}

/// All that is known of one counter of a session.
public struct CallEntry: Sendable {
  public let call: CallName
  /// In the order of their digests; nearly always one.
  public let versions: [CallVersion]

  public subscript(digest: Digest) -> CallVersion? { versions.first { $0.digest == digest } }
}
