import LogStore
import ReplicationCore

/// All that is known of one call with one digest. A function of the set of facts about it that are
/// not dead for ever; evidence and `abandoned` apart.
public struct CallVersion: Sendable {
  public static let defaultFailureLimit: UInt64 = 5

  public let digest: Digest
  public private(set) var state = CallState.pending
  /// In the order of their names. A cancelled call's assigned and failed tasks are dropped.
  public private(set) var tasks: [TaskEntry] = []
  public private(set) var isCancelled = false
  /// The result that a client has seen and that therefore stays; nil also if all its tasks are
  /// lost.
  public private(set) var fixedResult: Hash256?
  /// Assigned and failed tasks that a cancellation dropped, as far as this node saw them: a hint
  /// for killing them, not part of the state.
  public private(set) var abandoned: [TaskName] = []

  private(set) var submitted: Kept?
  private(set) var cancelled: Kept?
  /// In the order of the results' hashes; nearly always one.
  private(set) var collections: [(result: Hash256, kept: Kept)] = []
  private var failureLimit: UInt64 = 0
  /// Its client said how often it may fail.
  private var isLimitGiven = false
  private var resultIndex: Int?

  init(digest: Digest) { self.digest = digest }

  /// The record to hand out with an assignment; nil while only other facts have arrived.
  public var submittedRecord: Record? {
    submitted.map { Record(kind: .submitted, payload: $0.payload) }
  }

  /// The submission, decoded anew at each call.
  public var submission: Submitted? {
    guard let submitted else { return nil }
    return try? Submitted(decoding: submitted.payload)
  }

  public var isCollected: Bool { !collections.isEmpty }

  /// The task whose result is the call's: of those with the fixed hash, or else with the least hash
  /// of all finished ones, the least named. Nil if there is none here.
  public var resultTask: TaskEntry? { resultIndex.map { tasks[$0] } }

  /// The Finished record to hand out to a client, even of a cancelled or collected call.
  public var resultRecord: Record? { resultTask?.record }

  /// The result, decoded anew at each call.
  public var result: Finished? {
    guard let resultIndex else { return nil }
    return try? Finished(decoding: tasks[resultIndex].kept.payload)
  }

  /// It is exhausted by one task that met a bound of the call's own, such as its time limit.
  public var endedAtOwnBound: Bool {
    state == .exhausted && !isLimitGiven && tasks.contains(where: \.metOwnBound)
  }

  public var failures: Int { tasks.count { $0.phase == .failed } }

  /// The Failed record of the greatest task name, which an exhausted call's client is shown.
  public var lastFailedRecord: Record? { tasks.last { $0.phase == .failed }?.record }

  public func task(_ name: TaskName) -> TaskEntry? {
    let index = self.index(of: name)
    return index < tasks.count && tasks[index].name == name ? tasks[index] : nil
  }

  private func index(of name: TaskName) -> Int {
    var low = 0
    var high = tasks.count
    while low < high {
      let middle = (low + high) / 2
      if tasks[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The fold's rules for one call. Each returns whether anything but evidence changed.
extension CallVersion {
  mutating func submit(
    _ payload: [UInt8], failureLimit limit: UInt64, _ arrival: Arrival
  ) -> Bool {
    if submitted == nil {
      submitted = Kept(payload, arrival.place)
    } else if submitted?.merge(payload, arrival) != true {
      return false
    }
    failureLimit = limit == 0 ? Self.defaultFailureLimit : limit
    isLimitGiven = limit != 0
    derive()
    return true
  }

  mutating func merge(
    _ fact: TaskFact, _ payload: [UInt8], _ arrival: Arrival
  ) -> Bool {
    if isCancelled && fact.phase < .finished {
      abandon(fact.name)
      return false
    }
    let index = self.index(of: fact.name)
    if index < tasks.count && tasks[index].name == fact.name {
      guard tasks[index].merge(fact, payload, arrival) else { return false }
    } else {
      tasks.insert(TaskEntry(fact, payload, arrival.place), at: index)
    }
    derive()
    return true
  }

  mutating func cancel(
    _ payload: [UInt8], _ arrival: Arrival
  ) -> Bool {
    if cancelled != nil {
      return cancelled?.merge(payload, arrival) ?? false
    }
    cancelled = Kept(payload, arrival.place)
    isCancelled = true
    for task in tasks where task.phase < .finished { abandon(task.name) }
    tasks.removeAll { $0.phase < .finished }
    derive()
    return true
  }

  mutating func collect(
    _ result: Hash256, _ payload: [UInt8], _ arrival: Arrival
  ) -> Bool {
    if let index = collections.firstIndex(where: { $0.result == result }) {
      return collections[index].kept.merge(payload, arrival)
    }
    let index = collections.firstIndex { $0.result > result } ?? collections.count
    collections.insert((result, Kept(payload, arrival.place)), at: index)
    derive()
    return true
  }

  private mutating func abandon(_ task: TaskName) {
    guard abandoned.count < 64, !abandoned.contains(task) else { return }
    abandoned.append(task)
  }

  private func isExhausted(by weight: UInt64, metOwnBound: Bool) -> Bool {
    if metOwnBound && !isLimitGiven { return true }
    let (limit, isHuge) = failureLimit.multipliedReportingOverflow(by: FailureReason.fullWeight)
    return !isHuge && weight >= limit
  }

  /// State and result from the facts. A collection fixes its result while a task has it. If none
  /// has, it may only not have arrived - unless some task of the call is lost: then that is taken
  /// for the one with the result, whose Finished is dead for ever and need not be known here.
  private mutating func derive() {
    var lost = false
    var assigned = false
    var failed: UInt64 = 0
    var metOwnBound = false
    resultIndex = nil
    for (index, task) in tasks.enumerated() {
      switch task.phase {
      case .lost: lost = true
      case .assigned: assigned = true
      case .failed:
        failed += task.failureWeight
        metOwnBound = metOwnBound || task.metOwnBound
      case .finished:
        if let best = resultIndex.flatMap({ tasks[$0].result }), let hash = task.result,
          best <= hash
        {
          continue
        }
        resultIndex = index
      }
    }
    fixedResult = nil
    for collection in collections {
      let index = tasks.firstIndex { $0.phase == .finished && $0.result == collection.result }
      if index != nil || !lost {
        fixedResult = collection.result
        resultIndex = index
        break
      }
    }
    if fixedResult != nil {
      state = .collected
    } else if isCancelled {
      state = .cancelled
    } else if resultIndex != nil {
      state = .finished
    } else if submitted != nil && isExhausted(by: failed, metOwnBound: metOwnBound) {
      state = .exhausted
    } else {
      state = assigned ? .assigned : .pending
    }
  }
}
