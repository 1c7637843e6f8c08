import LogStore
import ReplicationCore
import RolesCore

// What rotted while the node runs, found by a read or by the scrubber. A coordinator goes on: the
// damaged file is kept aside, what memory still knows of it is appended again, and the neighbours
// ship the rest, since its vector says that it has less. Where a client or a server has its records
// in the log, the node restarts and recovers: they know records by their places.

extension FactBatch {
  fileprivate init(_ records: [Record], at first: Position, _ sequence: LogSequence) {
    self.init(
      segment: first.segment, firstOrdinal: first.ordinal, records: records, sequence: sequence)
  }
}

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
      switch error {
      case .full, .bufferFull:
        // Nothing has changed: the next read tries again, and what is intact serves meanwhile.
        complain("\(name) is damaged, and there is no space to keep it aside: \(error)")
      // It grew meanwhile: the next read looks again.
      case .notDrained: break
      default: recoverByRestart(error)
      }
      return false
    }
    unhealed.insert(name)
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
    let log = archives.log
    cleaning.archives.drainer?.copyBecameShorter(log)
    return finding
  }

  private mutating func setFactsAside(
    _ name: SegmentName
  ) throws(LogError) -> RecoveryReport.Finding? {
    var batches: [FactBatch] = []
    var again: Set<Record> = []
    let ledger = coordinator?.ledger
    var rescued = 0
    guard
      let finding = try facts.setAsideDamage(
        in: name,
        visit: { position, kind, payload in
          let record = Record(kind: kind, payload: [UInt8](payload))
          again.insert(record)
          batches.append(FactBatch([record], at: position, .zero))
        },
        rescue: { ordinal throws(LogError) in
          let known = ledger?.records(onlyIn: name, from: ordinal).filter { !again.contains($0) }
          rescued = known?.count ?? 0
          try facts.append(all: known ?? [], usingReserve: true) { records, appended in
            batches.append(FactBatch(records, at: appended.first, appended.sequence))
          }
        })
    else { return nil }
    if rescued > 0 {
      outputs.append(.note("\(rescued) records of \(name) are written again from memory"))
    }
    // All of it is durable by now.
    arrivedFacts += batches
    let log = facts
    cleaning.facts.drainer?.copyBecameShorter(log)
    return finding
  }

  /// The drainer could not read them to their end. True if one was set aside.
  mutating func heal(_ names: [SegmentName]) -> Bool {
    var isShorter = false
    for name in names where log(of: name).isComplete(name) == true {
      do throws(LogError) { try log(of: name).forEachRecord(in: name) { _, _, _ in } } catch {
        if healIfDamaged(error) { isShorter = true }
      }
    }
    return isShorter
  }

  /// The end of the node's life: what a survey reads is closed.
  public mutating func stop() {
    let (facts, archives) = (facts, archives.log)
    cleaning.facts.drainer?.stop(facts)
    cleaning.archives.drainer?.stop(archives)
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

  /// The same trouble is told once in a row.
  private mutating func complain(_ text: String) {
    guard diskComplaint != text else { return }
    diskComplaint = text
    outputs.append(.warning(text))
  }

  private static let warningLimit = 50
}
