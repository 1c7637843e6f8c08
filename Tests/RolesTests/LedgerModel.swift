import LogStore
import ReplicationCore

@testable import RolesCore

// The ledger's table written down a second time, slowly: every question is answered from the whole
// set of records. What Ledger says incrementally must be what this says.

struct LedgerModel {
  private(set) var records: Set<Record> = []
  private(set) var facts: [(fact: Fact, payload: [UInt8])] = []

  init(_ records: [Record]) {
    for record in records where self.records.insert(record).inserted {
      guard let fact = (try? Fact.decode(record)) ?? nil else { continue }
      facts.append((fact, record.payload))
    }
  }

  func released(_ session: SessionName) -> Set<UInt64> {
    var set: Set<UInt64> = []
    for case (.released(let fact), _) in facts where fact.session == session {
      for range in fact.ranges { set.formUnion(range.lowerBound.value...range.upperBound.value) }
    }
    return set
  }

  func isReleased(_ call: CallName) -> Bool {
    released(call.session).contains(call.counter.value)
  }

  /// All calls of which anything is said, released or not.
  var keys: Set<CallKey> { Set(facts.compactMap { Self.key($0.fact) }) }

  static func key(_ fact: Fact) -> CallKey? {
    switch fact {
    case .submitted(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .assigned(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .finished(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .failed(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .lost(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .cancelled(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .collected(let fact): CallKey(call: fact.call, digest: fact.digest)
    case .opened, .released, .removed, .alive: nil
    }
  }

  func about(_ key: CallKey) -> [(fact: Fact, payload: [UInt8])] {
    facts.filter { Self.key($0.fact) == key }
  }

  /// The phase of each task, and the least record that says it.
  func tasks(_ key: CallKey) -> [TaskName: (TaskEntry.Phase, [UInt8])] {
    var tasks: [TaskName: (TaskEntry.Phase, [UInt8])] = [:]
    for (fact, payload) in about(key) {
      let name: TaskName
      let phase: TaskEntry.Phase
      switch fact {
      case .assigned(let fact): (name, phase) = (fact.task, .assigned)
      case .failed(let fact): (name, phase) = (fact.task, .failed)
      case .finished(let fact): (name, phase) = (fact.task, .finished)
      case .lost(let fact): (name, phase) = (fact.task, .lost)
      default: continue
      }
      if let (known, bytes) = tasks[name],
        known > phase || known == phase && !payload.lexicographicallyPrecedes(bytes)
      {
        continue
      }
      tasks[name] = (phase, payload)
    }
    return tasks
  }

  func isCancelled(_ key: CallKey) -> Bool {
    about(key).contains { if case .cancelled = $0.fact { true } else { false } }
  }

  func collections(_ key: CallKey) -> Set<Hash256> {
    Set(
      about(key).compactMap { if case .collected(let fact) = $0.fact { fact.result } else { nil } })
  }

  func submission(_ key: CallKey) -> (Submitted, [UInt8])? {
    var best: (Submitted, [UInt8])?
    for case (.submitted(let fact), let payload) in about(key) {
      if best.map({ payload.lexicographicallyPrecedes($0.1) }) ?? true { best = (fact, payload) }
    }
    return best
  }

  /// Finished tasks that count, with their results' hashes.
  func finished(_ key: CallKey) -> [TaskName: Hash256] {
    tasks(key).compactMapValues { phase, payload in
      phase == .finished ? (try? Finished(decoding: payload))?.result.hash : nil
    }
  }

  func fixedResult(_ key: CallKey) -> Hash256? {
    let lost = tasks(key).values.contains { $0.0 == .lost }
    let have = Set(finished(key).values)
    return collections(key).filter { have.contains($0) || !lost }.min()
  }

  func resultTask(_ key: CallKey) -> TaskName? {
    let finished = finished(key)
    let hash = fixedResult(key) ?? finished.values.min()
    return finished.filter { $0.value == hash }.keys.min()
  }

  func state(_ key: CallKey) -> CallState {
    if isReleased(key.call) { return .released }
    if fixedResult(key) != nil { return .collected }
    if isCancelled(key) { return .cancelled }
    let phases = tasks(key).values.map(\.0)
    if phases.contains(.finished) { return .finished }
    if let (fact, _) = submission(key) {
      let limit = fact.spec.failureLimit == 0 ? 5 : Int(fact.spec.failureLimit)
      let isOverTime = tasks(key).values.contains { task in
        task.0 == .failed && (try? Failed(decoding: task.1))?.reason == .timeLimit
      }
      if fact.spec.failureLimit == 0, isOverTime { return .exhausted }
      let weight = tasks(key).values.reduce(0) { sum, task in
        guard task.0 == .failed, let fact = try? Failed(decoding: task.1) else { return sum }
        let weights: [FailureReason: Int] = [.serverRestarted: 1, .neverArrived: 2]
        return sum + (weights[fact.reason] ?? 8)
      }
      if weight >= limit * 8 { return .exhausted }
    }
    return phases.contains(.assigned) ? .assigned : .pending
  }

  func knownThrough(_ session: SessionName) -> UInt64 {
    var known = released(session)
    for key in keys where key.call.session == session {
      if submission(key) != nil || !collections(key).isEmpty {
        known.insert(key.call.counter.value)
      }
    }
    var through: UInt64 = 0
    while known.contains(through + 1) { through += 1 }
    return through
  }

  /// DESIGN's last column.
  func isDeadForEver(_ record: Record) -> Bool {
    guard let fact = (try? Fact.decode(record)) ?? nil else { return false }
    if let key = Self.key(fact) {
      if isReleased(key.call) { return true }
      let tasks = tasks(key)
      switch fact {
      case .assigned(let fact):
        return isCancelled(key) || (tasks[fact.task].map { $0.0 > .assigned } ?? false)
      case .failed(let fact):
        return isCancelled(key) || (tasks[fact.task].map { $0.0 > .failed } ?? false)
      case .finished(let fact): return tasks[fact.task]?.0 == .lost
      default: return false
      }
    }
    switch fact {
    case .released(let fact):
      let mine = CounterSet(fact.ranges)
      return facts.contains { other, payload in
        guard case .released(let other) = other, other.session == fact.session else { return false }
        let ranges = CounterSet(other.ranges)
        return ranges.isSuperset(of: mine)
          && (ranges != mine || payload.lexicographicallyPrecedes(record.payload))
      }
    case .alive(let fact):
      return facts.contains {
        guard case .alive(let other) = $0.fact else { return false }
        return other.node == fact.node && other.count > fact.count
      }
    default: return false
    }
  }
}
