import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// I3, and the planted bugs that it must catch. A failure prints its seed; the seed gives the facts.

/// Of many seeds, the first at which two ways of folding differ.
private func firstFailure(
  _ seeds: Range<UInt64>, _ check: (inout LedgerWorld) -> String?
) -> String? {
  for seed in seeds {
    var world = LedgerWorld(seed: seed)
    if let problem = check(&world) { return "seed \(seed): \(problem)" }
  }
  return nil
}

/// Any order, repetition, grouping and segment gives the same state.
private func orderMatters(_ world: inout LedgerWorld, bugs: LedgerBugs) -> String? {
  let records = world.records(world.upTo(60) + 1)
  let straight = Ledger(folding: records, in: world, bugs: bugs)
  for _ in 0..<3 {
    var other = Ledger(plantedBugs: bugs)
    for batch in world.batches(of: records) { _ = other.fold(batch) }
    if other.fingerprint() != straight.fingerprint() { return "the order of facts is seen" }
  }
  return nil
}

/// Nodes that each drop what is dead for ever whenever they like, and tell each other what they
/// have left, end up with what a node knows that never dropped anything.
private func droppingMatters(_ world: inout LedgerWorld, bugs: LedgerBugs) -> String? {
  var all = Ledger(plantedBugs: bugs)
  var stores: [Set<Record>] = [[], [], []]
  var ledgers = stores.map { _ in Ledger(plantedBugs: bugs) }

  func inOrder(_ records: Set<Record>) -> [Record] {
    records.sorted {
      $0.kind == $1.kind ? precedes($0.payload, $1.payload) : $0.kind < $1.kind
    }
  }
  func drop(_ node: Int) -> String? {
    let before = ledgers[node].fingerprint()
    stores[node] = stores[node].filter { !ledgers[node].isDeadForEver($0) }
    var fresh = Ledger(plantedBugs: bugs)
    fresh.fold(inOrder(stores[node]), in: world)
    ledgers[node] = fresh
    return fresh.fingerprint() == before ? nil : "dropping the dead changed the state at once"
  }
  for _ in 0..<world.upTo(60) + 5 {
    let record = world.record()
    all.fold([record], in: world)
    let node = world.upTo(3)
    stores[node].insert(record)
    ledgers[node].fold([record], in: world)
    switch world.upTo(6) {
    case 0: if let problem = drop(world.upTo(3)) { return problem }
    case 1:
      let (from, to) = (world.upTo(3), world.upTo(3))
      stores[to].formUnion(stores[from])
      ledgers[to].fold(inOrder(stores[from]), in: world)
    default: break
    }
  }
  var union = Ledger(plantedBugs: bugs)
  for store in stores { union.fold(inOrder(store), in: world) }
  return union.fingerprint() == all.fingerprint()
    ? nil : "dropping the dead changed the state later"
}

@Suite struct LedgerPropertyTests {
  @Test func stateDependsOnlyOnTheSetOfFacts() {
    #expect(firstFailure(0..<3000) { orderMatters(&$0, bugs: []) } == nil)
  }

  @Test func leavingOutWhatIsDeadForEverChangesNothingNowOrLater() {
    #expect(firstFailure(0..<3000) { droppingMatters(&$0, bugs: []) } == nil)
  }

  @Test func keepingTheLaterFactIsCaught() {
    #expect(firstFailure(0..<100) { orderMatters(&$0, bugs: .keepsLater) } != nil)
  }

  @Test func droppingWhatIsDeadNowIsCaught() {
    #expect(firstFailure(0..<300) { droppingMatters(&$0, bugs: .deadNowIsDead) } != nil)
  }

  @Test func contiguityWithoutCollectedAndReleasedIsCaught() {
    #expect(
      firstFailure(0..<100) { orderMatters(&$0, bugs: .contiguityCountsSubmittedOnly) } != nil)
    #expect(
      firstFailure(0..<100) { differsFromModel(&$0, bugs: .contiguityCountsSubmittedOnly) } != nil)
  }

  @Test func everyAnswerIsWhatTheTableSays() {
    #expect(firstFailure(0..<2000) { differsFromModel(&$0, bugs: []) } == nil)
  }

  /// After each fold: what changed is told, exactly, and nothing steps back where it must not.
  @Test func changesAreToldAndStatesOnlyStepBackForLosses() {
    let failure = firstFailure(0..<500) { world in
      if world.upTo(2) == 0 { world.weights[4] = 0 }
      let mayLose = world.weights[4] > 0
      var ledger = Ledger()
      var before: [CallName: [Seen]] = [:]
      var states: [CallKey: CallState] = [:]
      for _ in 0..<60 {
        let told = ledger.fold(world.records(world.upTo(3) + 1), in: world)
        let after = dump(ledger, world)
        let changed = Set(after.keys).union(before.keys).filter { after[$0] != before[$0] }
        // A call that came and was released in one batch is told, though nothing is left of it.
        let passed = told.filter { ledger.isReleased($0) && !changed.contains($0) }
        if told != changed.union(passed).sorted() {
          return "told \(told), changed \(changed.sorted())"
        }
        before = after
        for (key, state) in states {
          guard let now = ledger.state(of: key.call, digest: key.digest) else {
            return "\(key) is forgotten"
          }
          let isFinal =
            switch state {
            case .released, .cancelled: true
            case .finished, .collected: !mayLose
            case .pending, .assigned, .exhausted: false
            }
          if isFinal && now < state { return "\(key) went from \(state) to \(now)" }
        }
        for call in after.keys {
          for version in ledger.entry(of: call)?.versions ?? [] {
            states[CallKey(call: call, digest: version.digest)] = version.state
          }
        }
        for key in states.keys where ledger.isReleased(key.call) { states[key] = .released }
      }
      return nil
    }
    #expect(failure == nil)
  }
}

/// All that can be read of one call with one digest.
private struct Seen: Equatable {
  var digest: Digest
  var state: CallState
  var records: [Record]
}

private func dump(_ ledger: Ledger, _ world: LedgerWorld) -> [CallName: [Seen]] {
  var dump: [CallName: [Seen]] = [:]
  for session in world.sessions {
    for entry in ledger.calls(of: session) {
      dump[entry.call] = entry.versions.map { version in
        var records = version.tasks.map(\.record)
        records += version.collections.map { Record(kind: .collected, payload: $0.kept.payload) }
        if let submitted = version.submittedRecord { records.append(submitted) }
        if let cancelled = version.cancelled {
          records.append(Record(kind: .cancelled, payload: cancelled.payload))
        }
        return Seen(digest: version.digest, state: version.state, records: records)
      }
    }
  }
  return dump
}

/// What the ledger answers beside what the model answers.
private func differsFromModel(_ world: inout LedgerWorld, bugs: LedgerBugs) -> String? {
  let records = world.records(world.upTo(60) + 1)
  var ledger = Ledger(plantedBugs: bugs)
  for batch in world.batches(of: records) { _ = ledger.fold(batch) }
  let model = LedgerModel(records)
  for key in model.keys {
    let state = ledger.state(of: key.call, digest: key.digest)
    if state != model.state(key) { return "\(key): \(String(describing: state))" }
    guard let version = ledger.version(of: key.call, digest: key.digest) else { continue }
    if version.fixedResult != model.fixedResult(key) { return "\(key): fixed result" }
    if version.resultTask?.name != model.resultTask(key) { return "\(key): result" }
    if version.submitted?.payload != model.submission(key)?.1 { return "\(key): submission" }
    var tasks = model.tasks(key)
    if model.isCancelled(key) { tasks = tasks.filter { $0.value.0 >= .finished } }
    if version.tasks.map(\.name) != tasks.keys.sorted() { return "\(key): tasks" }
    for task in version.tasks where task.phase != tasks[task.name]?.0 { return "\(key): phase" }
    for task in version.tasks where task.record.payload != tasks[task.name]?.1 {
      return "\(key): record of \(task.name)"
    }
  }
  for record in records where ledger.isDeadForEver(record) != model.isDeadForEver(record) {
    return "dead for ever: \(record)"
  }
  return sessionsDiffer(ledger, model, world)
}

private func sessionsDiffer(
  _ ledger: Ledger, _ model: LedgerModel, _ world: LedgerWorld
) -> String? {
  for session in world.sessions {
    guard let entry = ledger.session(session) else { continue }
    if entry.knownThrough.value != model.knownThrough(session) { return "known through" }
    let released = model.released(session)
    for state in CallState.allCases where state != .released {
      let count = model.keys.count { $0.call.session == session && model.state($0) == state }
      if entry.count(of: state) != UInt64(count) { return "count of \(state)" }
    }
    if entry.count(of: .released) != UInt64(released.count) { return "count of released" }
    let live = Set(model.keys.map(\.call)).filter {
      $0.session == session && !model.isReleased($0)
    }
    if ledger.calls(of: session).map(\.call) != live.sorted() { return "calls" }
  }
  return nil
}
