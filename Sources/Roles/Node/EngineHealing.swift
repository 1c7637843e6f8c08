import LogStore
import ReplicationCore
import RolesCore

// What rotted while the node runs, found by a read or by the scrubber. A coordinator goes on: the
// damaged file is kept aside, what memory still knows of it is appended again, and the neighbours
// ship the rest, since its vector says that it has less. Where a client or a server has its records
// in the log, the node restarts and recovers: they know records by their places.

extension NodeEngine {
  /// True if the copy was set aside and the node goes on without it.
  @discardableResult
  mutating func healIfDamaged(_ error: LogError) -> Bool {
    guard case .damaged(let path, _, _) = error, !isPoisoned else { return false }
    let isArchive = archives.log.segment(at: path) != nil
    let isAlone = server == nil && client == nil
    guard coordinator != nil, isArchive || isAlone,
      let name = archives.log.segment(at: path) ?? facts.segment(at: path)
    else {
      recoverByRestart(error)
      return false
    }
    do throws(LogError) {
      guard let finding = try isArchive ? setArchivesAside(name) : setFactsAside(name) else {
        return false
      }
      warn("\(finding)")
    } catch {
      recoverByRestart(error)
      return false
    }
    unhealed.insert(name)
    log(of: name).dropCheckpoint()
    outputs.append(.commitSoon(name.log))
    logAdvanced()
    return true
  }

  private mutating func recoverByRestart(_ error: LogError) {
    facts.dropCheckpoint()
    archives.log.dropCheckpoint()
    reportPoison("\(error); restarting to quarantine and heal it")
  }

  private mutating func setArchivesAside(
    _ name: SegmentName
  ) throws(LogError) -> RecoveryReport.Finding? {
    guard let finding = try archives.setAsideDamage(in: name) else { return nil }
    archiveNews.forget(name)
    cleaning.archives.drainer.copyBecameShorter(archives.log)
    return finding
  }

  private mutating func setFactsAside(
    _ name: SegmentName
  ) throws(LogError) -> RecoveryReport.Finding? {
    var salvaged: [(Position, Record)] = []
    guard
      let finding = try facts.setAsideDamage(
        in: name,
        visit: { salvaged.append(($0, Record(kind: $1, payload: [UInt8]($2)))) })
    else { return nil }
    let sequence = facts.sequence
    for (position, record) in salvaged {
      arrivedFacts.append(
        FactBatch(
          segment: position.segment, firstOrdinal: position.ordinal, records: [record],
          sequence: sequence))
    }
    let again = Set(salvaged.map(\.1))
    let kept = facts.end(of: name)?.records ?? .zero
    let known = (coordinator?.ledger.records(onlyIn: name, from: kept) ?? []).filter {
      !again.contains($0)
    }
    if !known.isEmpty {
      outputs.append(.note("\(known.count) records of \(name) are written again from memory"))
      append(known, for: .engine)
      try facts.commit()
    }
    cleaning.facts.drainer.copyBecameShorter(facts)
    return finding
  }

  /// After an ingest: what was cut short may be whole again.
  mutating func noteHealing(of name: SegmentName) {
    guard unhealed.contains(name), log(of: name).isComplete(name) == true else { return }
    unhealed.remove(name)
    warn("\(name) is whole again: another coordinator gave what was damaged")
  }

  /// At the start: what damage of earlier ones cut short.
  mutating func noteUnhealed() {
    for log in [facts, archives.log] {
      for end in log.vector() where log.isComplete(end.name) == false { unhealed.insert(end.name) }
    }
  }

  /// Told now, and in `rpcv grid` as long as the node runs.
  mutating func warn(_ text: String) {
    outputs.append(.warning(text))
    if diskWarnings.count == Self.warningLimit { diskWarnings.removeFirst() }
    diskWarnings.append(text)
  }

  private static let warningLimit = 50
}
