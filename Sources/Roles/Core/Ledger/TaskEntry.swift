import LogStore

/// What is known of one attempt at a call. The greatest phase counts, and within it the least
/// bytes; a lost task's server and result are forgotten, since its Finished may be gone elsewhere.
public struct TaskEntry: Sendable {
  public enum Phase: UInt8, Hashable, Comparable, Sendable {
    case assigned, failed, finished, lost
    public static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
  }

  public let name: TaskName
  public private(set) var phase: Phase
  /// Who has it or had it; nil if it is lost.
  public private(set) var server: NodeID?
  /// The result's hash of a finished task.
  public private(set) var result: Hash256?
  /// Of a failed task: what it counts against the call's bound; else 0.
  public private(set) var failureWeight: UInt64
  /// It failed at a bound that the call itself names.
  public private(set) var metOwnBound: Bool
  private(set) var kept: Kept

  /// The record that counts: Assigned, Failed, Finished or Lost as the phase says.
  public var record: Record { Record(kind: phase.kind, payload: kept.payload) }

  init(_ fact: TaskFact, _ payload: [UInt8], _ place: Place) {
    name = fact.name
    phase = fact.phase
    server = fact.server
    result = fact.result
    failureWeight = fact.failureWeight
    metOwnBound = fact.metOwnBound
    kept = Kept(payload, place)
  }

  /// True if the entry changed.
  mutating func merge(_ fact: TaskFact, _ payload: [UInt8], _ arrival: Arrival) -> Bool {
    if fact.phase == phase {
      guard kept.merge(payload, arrival) else { return false }
    } else {
      guard arrival.takesLater || fact.phase > phase else { return false }
      kept = Kept(payload, arrival.place)
    }
    phase = fact.phase
    server = fact.server
    result = fact.result
    failureWeight = fact.failureWeight
    metOwnBound = fact.metOwnBound
    return true
  }
}

extension TaskEntry.Phase {
  public var kind: RecordKind {
    switch self {
    case .assigned: .assigned
    case .failed: .failed
    case .finished: .finished
    case .lost: .lost
    }
  }
}

/// What the fold needs of a fact about a task.
struct TaskFact {
  var name: TaskName
  var phase: TaskEntry.Phase
  var server: NodeID?
  var result: Hash256?
  var failureWeight: UInt64 = 0
  var metOwnBound = false

  init(_ fact: Assigned) {
    (name, phase, server) = (fact.task, .assigned, fact.server)
  }
  init(_ fact: Failed) {
    (name, phase, server) = (fact.task, .failed, fact.server)
    failureWeight = fact.reason.weight
    metOwnBound = fact.reason.meetsOwnBound
  }
  init(_ fact: Finished) {
    (name, phase, server, result) = (fact.task, .finished, fact.server, fact.result.hash)
  }
  init(_ fact: Lost) {
    (name, phase) = (fact.task, .lost)
  }
}
