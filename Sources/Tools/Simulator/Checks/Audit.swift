import LogStore
import ReplicationCore
import RolesCore

// Now and then everything is looked at: the bytes of all copies (I2), and each coordinator's ledger
// against a fold of all its records in another order (I3).

extension World {
  func audit() {
    for node in nodes.indices where nodes[node].isRunning && violation == nil {
      noteSegments(of: node)
      if nodes[node].role == .coordinator { checkLedger(of: node) }
    }
  }

  private func checkLedger(of node: Int) {
    guard let log = nodes[node].engine?.facts else { return }
    // What is only buffered is in the ledger too.
    guard let gathered = onDisk(of: node, { Self.gather(log) }) else { return }
    var facts: [FactBatch]
    switch gathered {
    case .success(let batches): facts = batches
    case .failure(let error):
      return violate("I10", "\(nodes[node].name) can't read its log: \(error)")
    }
    facts.shuffle(using: &dice)
    var ledger = Ledger()
    for batch in facts { _ = ledger.fold(batch) }
    // A record may come twice.
    for batch in facts.prefix(facts.count / 4) { _ = ledger.fold(batch) }
    guard let known = nodes[node].engine?.coordinator?.ledger else { return }
    trace.add(known.fingerprint().a)
    if ledger.fingerprint() != known.fingerprint() {
      violate(
        "I3",
        "\(nodes[node].name) folded \(facts.count) records to another state than their fold"
          + " in another order\(difference(known, ledger))")
    }
  }

  private static func gather(_ log: Log) -> Result<[FactBatch], LogError> {
    var batches: [FactBatch] = []
    do throws(LogError) {
      try log.write()
      for end in log.vector() {
        try log.forEachRecord(in: end.name) { position, kind, payload in
          batches.append(
            FactBatch(
              segment: position.segment, firstOrdinal: position.ordinal,
              records: [Record(kind: kind, payload: [UInt8](payload))], sequence: .zero))
        }
      }
    } catch { return .failure(error) }
    return .success(batches)
  }

  /// The first call whose states differ, for people.
  func difference(_ a: Ledger, _ b: Ledger) -> String {
    for session in Set(a.sessionNames).union(b.sessionNames).sorted() {
      guard let mine = a.session(session), let other = b.session(session) else {
        return ": only one knows session \(session.session)"
      }
      if mine.released.ranges != other.released.ranges {
        return ": released \(mine.released.ranges) and \(other.released.ranges)"
      }
      if mine.knownThrough != other.knownThrough {
        return ": known through \(mine.knownThrough) and \(other.knownThrough)"
      }
      for counter in 1...max(mine.knownThrough.value, 1) {
        let call = CallName(session: session, counter: CallCounter(counter))
        let left = a.entry(of: call)?.versions.map { "\($0.state) \($0.tasks.map(\.phase))" }
        let right = b.entry(of: call)?.versions.map { "\($0.state) \($0.tasks.map(\.phase))" }
        if left != right { return ": call \(counter) is \(left ?? []) and \(right ?? [])" }
      }
    }
    return ""
  }
}
