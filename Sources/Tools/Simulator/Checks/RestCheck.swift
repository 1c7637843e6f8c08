import LogStore
import ReplicationCore
import RolesCore

// Once faults have stopped: every client gets all its results and ends (L1), all coordinators come
// to hold the same facts and take back their suspicions (L2), servers drop what need not be kept
// (L3), and then nothing but heartbeats is said.

extension World {
  private var living: [Int] { coordinators.filter { nodes[$0].isRunning } }

  func awaitRest() {
    let deadline = now + scenario.patience
    run(until: deadline) { programs.allSatisfy(\.isDone) }
    guard violation == nil else { return }
    for program in programs where !program.isDone {
      return violate("L1", "client \(program.client) is stuck: \(stuck(program))")
    }
    say("all clients are done")
    expect("L2", "not all coordinators hold the same facts", deadline) { self.agree() }
    expect("L2", "a suspicion is never taken back", deadline) { self.suspected().isEmpty }
    expect("L3", "a server keeps what is safe", deadline) { self.unsafeResults() == nil }
    if scenario.adoptAfter != nil {
      expect("L2", "segments of the dead stay", deadline) { self.deadSegments() == nil }
    }
    guard violation == nil else { return }
    awaitSilence(deadline)
    expect("L2", "logs don't shrink to what lives", deadline) { self.unshrunk() == nil }
    guard violation == nil else { return }
    audit()
    for node in nodes.indices where nodes[node].isRunning {
      checkPromises(of: node, "at the end")
    }
  }

  /// Looks once a second until it holds.
  private func expect(
    _ invariant: String, _ text: String, _ deadline: Instant, _ holds: () -> Bool
  ) {
    guard violation == nil else { return }
    while !holds() {
      guard now < deadline else { return violate(invariant, "\(text): \(unrest())") }
      run(until: now + .seconds(1)) { false }
      if violation != nil { return }
    }
  }

  /// Five seconds in which nothing but heartbeats is said.
  private func awaitSilence(_ deadline: Instant) {
    while true {
      network.talk = [:]
      run(until: now + .seconds(5)) { false }
      if violation != nil { return }
      var rest: Set = ["sync", "poll"]
      // The living say that they live.
      if scenario.adoptAfter != nil { rest.insert("ship") }
      let talk = network.talk.filter { !rest.contains($0.key) }
      if talk.isEmpty { return }
      guard now < deadline else {
        return violate("L2", "there is talk beside heartbeats: \(talk.sorted { $0 < $1 })")
      }
    }
  }

  // MARK: - What holds

  private func agree() -> Bool {
    let prints = living.compactMap {
      nodes[$0].engine?.coordinator?.ledger.fingerprint(countsAlive: false)
    }
    return Set(prints).count <= 1
  }

  private func suspected() -> [String] {
    let gone = Set(nodes.filter(\.isGone).map(\.address))
    return living.flatMap { node in
      (nodes[node].engine?.replicator?.status.suspected ?? [])
        .filter { !gone.contains($0.address) }
        .map { "\(nodes[node].name) suspects \($0.address)" }
    }
  }

  /// A copy of a segment of a node that will not be there again: its disk is lost.
  private func deadSegments() -> String? {
    let there = Set(coordinators.filter { !nodes[$0].isGone }.compactMap { nodes[$0].identity })
    for node in living {
      guard let engine = nodes[node].engine else { continue }
      let held = engine.facts.vector() + engine.archives.log.vector()
      if let dead = held.first(where: { !there.contains($0.name.node) }) {
        return "\(nodes[node].name) holds \(dead.name)"
      }
    }
    return nil
  }

  private func unsafeResults() -> String? {
    for node in servers where nodes[node].isRunning {
      if let record = truth.promises(of: nodes[node].diskNumber).records.first {
        return "\(nodes[node].name) keeps the \(describe(record))"
      }
    }
    return nil
  }

  // MARK: - In words

  private func unrest() -> String {
    var words = suspected()
    if let text = unsafeResults() { words.append(text) }
    if scenario.adoptAfter != nil, let text = deadSegments() { words.append(text) }
    if let text = unshrunk() { words.append(text) }
    if let first = living.first, let mine = nodes[first].engine?.coordinator?.ledger {
      for other in living.dropFirst() {
        guard let theirs = nodes[other].engine?.coordinator?.ledger,
          mine.fingerprint(countsAlive: false) != theirs.fingerprint(countsAlive: false)
        else { continue }
        words.append(
          "\(nodes[first].name) and \(nodes[other].name) differ\(difference(mine, theirs))")
      }
    }
    return words.joined(separator: "; ")
  }

  private func stuck(_ program: Program) -> String {
    let missing = (1...program.calls.count).filter { program.settled[$0] == nil }
    var words = ["submitted \(program.submitted) of \(program.calls.count)"]
    if program.isEnding { words.append("is ending") }
    words.append("waits for \(missing.prefix(5))")
    if let counter = missing.first {
      let call = CallName(session: program.session, counter: CallCounter(UInt64(counter)))
      for node in living {
        let ledger = nodes[node].engine?.coordinator?.ledger
        let version = ledger?.entry(of: call)?.versions.first
        let state = version.map { version in
          let tasks = version.tasks.map { "\($0.name) \($0.phase) at \($0.server?.short ?? "")" }
          return "\(version.state) \(tasks)"
        }
        words.append(
          "\(nodes[node].name) has \(counter) as \(state ?? "unknown")"
            + " of \(ledger?.session(program.session)?.knownThrough.value ?? 0)")
      }
    }
    if let counter = missing.first { words += archives(of: counter, program) }
    return words.joined(separator: ", ")
  }

  /// Who has the archives that a call needs and gave.
  private func archives(of counter: Int, _ program: Program) -> [String] {
    var wanted = program.calls[counter - 1].spec.archives.map { ("input", $0) }
    let call = CallName(session: program.session, counter: CallCounter(UInt64(counter)))
    for node in living {
      let version = nodes[node].engine?.coordinator?.ledger.entry(of: call)?.versions.first
      guard let record = version?.resultRecord,
        case .finished(let finished)? = try? Fact.decode(record)
      else { continue }
      wanted += finished.result.archives.map { ("files", $0) }
      break
    }
    return wanted.map { what, id in
      let holders = nodes.filter { $0.engine?.archives.isComplete(id) == true }.map(\.name)
      return "\(what) \(id.description.prefix(8)) held by \(holders)"
    }
  }
}
