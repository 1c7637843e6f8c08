import LogStore
import ReplicationCore
import RolesCore

// I4: whenever a copy of a segment has gone, every record in it is dead for ever, by a fold of what
// is durable there, or stands there byte for byte, durable, in another segment. Archives: see
// ArchiveDeletionCheck.

extension World {
  /// Called around each step in which a node may clean.
  func watchDeletions(_ node: Int, before: Bool) {
    guard let engine = nodes[node].engine, violation == nil else { return }
    let held = engine.facts.vector() + engine.archives.log.vector()
    if before {
      noteSegments(of: node)
      heldBefore = [:]
      for end in held { heldBefore[end.name] = Int(end.end.value) }
      return
    }
    let left = Set(held.map(\.name))
    let gone = heldBefore.keys.filter { !left.contains($0) }.sorted()
    guard !gone.isEmpty else { return }
    say("\(nodes[node].name) deletes \(gone.map(\.description).joined(separator: " "))")
    for name in gone {
      statistics.deletions += 1
      let isThere = nodes.contains { $0.isRunning && $0.identity == name.node }
      if !isThere { statistics.adoptions += 1 }
      if name.log == .facts {
        checkDeletion(of: name, node, engine.facts)
      } else {
        checkArchiveDeletion(of: name, node, engine.archives.log)
      }
    }
    checkPromises(of: node, "after a deletion")
  }

  private func checkDeletion(of name: SegmentName, _ node: Int, _ log: Log) {
    // Its copy may have been shorter than others'.
    guard let bytes = segments.bytes[name], let end = heldBefore[name], violation == nil else {
      return
    }
    let records: [Record]
    do throws(LogError) {
      records = try Self.records(of: name, Array(bytes.prefix(end)), log)
    } catch {
      return violate("I4", "the deleted \(name) could not be read: \(error)")
    }
    let facts = certainFacts(of: node)
    let lacking = records.filter { !facts.records.contains($0) }
    guard !lacking.isEmpty else { return }
    let ledger = nodes[node].role == .coordinator ? Self.fold(facts) : nil
    for record in lacking {
      if record.kind.isLogStores {
        checkForgotten(record, of: name, node, log)
        continue
      }
      // What servers and clients may forget depends on what they were told: see I1.
      guard let ledger else { continue }
      let isDead = record.payload.withUnsafeBytes { ledger.isDeadForEver(record.kind, $0) }
      if !isDead {
        return violate(
          "I4",
          "\(nodes[node].name) deleted \(name) with the \(describe(record)), which is alive"
            + " and has no durable cover there\(covers(of: record, log))")
      }
    }
  }

  /// A licence that goes must not be forgotten.
  func checkForgotten(_ record: Record, of name: SegmentName, _ node: Int, _ log: Log) {
    guard case .retired(let other)? = Retirement(record),
      log.retirements.isRetired(other) == nil
    else { return }
    violate("I4", "\(nodes[node].name) deleted \(name) and forgot that \(other) is retired")
  }

  /// Where the log itself sees the record, for people.
  func covers(of record: Record, _ log: Log) -> String {
    var words: [String] = []
    for end in log.vector() {
      try? log.forEachRecord(in: end.name) { position, kind, payload in
        guard kind == record.kind, payload.elementsEqual(record.payload) else { return }
        words.append("\(position) of \(end.records), durable to \(end.durableRecords)")
      }
    }
    return words.isEmpty ? "" : "; the log has it at " + words.joined(separator: ", ")
  }

  /// The records of a segment, from its bytes.
  static func records(
    of name: SegmentName, _ bytes: [UInt8], _ log: Log
  ) throws(LogError) -> [Record] {
    let disk = SimulatedDisk()
    let path = log.path(of: name)
    do throws(FileError) {
      try disk.makeDirectory(log.directory)
      let file = try disk.open(path, .create)
      try bytes.withUnsafeBufferPointer { raw throws(FileError) in
        try disk.write(file, UnsafeRawBufferPointer(raw), at: 0)
      }
    } catch { throw .io(error) }
    return try DiskFacts.read(log.directory, node: name.node, on: disk).places.map(\.record)
  }

  static func fold(_ facts: DiskFacts) -> Ledger {
    var ledger = Ledger()
    for (position, record) in facts.places {
      _ = ledger.fold(
        FactBatch(
          segment: position.segment, firstOrdinal: position.ordinal, records: [record],
          sequence: .zero))
    }
    return ledger
  }
}

extension Retirement {
  init?(_ record: Record) {
    let found = record.payload.withUnsafeBytes { Retirement(kind: record.kind, payload: $0) }
    guard let found else { return nil }
    self = found
  }
}
