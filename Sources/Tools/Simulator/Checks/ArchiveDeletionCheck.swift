import LogStore
import ReplicationCore
import RolesCore

// I4 for archives: what a deleted segment of the archives' log held stands there byte for byte,
// durable, in another one, or is of archives that no fact on that disk wants: none that is durable
// in a coordinator's ledger, no result that a server still owes, no submission that its client has
// not released.

extension World {
  func checkArchiveDeletion(of name: SegmentName, _ node: Int, _ log: Log) {
    guard let bytes = segments.bytes[name], let end = heldBefore[name], violation == nil else {
      return
    }
    let gone: [Record]
    let left: DiskFacts
    do throws(LogError) {
      gone = try Self.records(of: name, Array(bytes.prefix(end)), log)
      left = try DiskFacts.read(
        log.directory, node: nodes[node].identity, on: nodes[node].disk.certainImage())
    } catch {
      return violate("I4", "the deleted \(name) could not be read: \(error)")
    }
    let lacking = gone.filter { !left.records.contains($0) }
    guard !lacking.isEmpty else { return }
    let wanted = wantedArchives(of: node)
    var users: [Hash256: [Hash256]] = [:]
    for record in gone + left.records {
      guard let manifest = Self.manifest(record) else { continue }
      for chunk in manifest.chunks { users[chunk, default: []].append(manifest.id) }
    }
    for record in lacking {
      if record.kind.isLogStores {
        checkForgotten(record, of: name, node, log)
        continue
      }
      let archives = Self.manifest(record).map { [$0.id] } ?? users[Self.chunk(record)] ?? []
      guard let id = archives.first(where: { wanted.contains($0) }) else { continue }
      return violate(
        "I4",
        "\(nodes[node].name) deleted \(name) with a part of archive \(id), which a fact wants,"
          + " and has no durable cover there\(covers(of: record, log))")
    }
  }

  /// The archives that what is durable on the node's disk still needs.
  private func wantedArchives(of node: Int) -> Set<ArchiveID> {
    let facts = certainFacts(of: node)
    if nodes[node].role == .coordinator { return Self.fold(facts).namedArchives }
    var wanted: Set<ArchiveID> = []
    for record in truth.promises(of: nodes[node].diskNumber).records {
      if case .finished(let value)? = try? Fact.decode(record) {
        wanted.formUnion(value.result.archives)
      }
    }
    for (_, record) in facts.places {
      guard case .submitted(let value)? = try? Fact.decode(record), !facts.isReleased(value.call)
      else { continue }
      wanted.formUnion(value.spec.archives)
    }
    return wanted
  }

  private static func manifest(_ record: Record) -> ArchiveManifest? {
    guard record.kind == .archiveManifest else { return nil }
    return record.payload.withUnsafeBytes { ArchiveManifest(payload: $0) }
  }

  private static func chunk(_ record: Record) -> Hash256 {
    Hash256(bytes: Array(record.payload.prefix(32))) ?? .zero
  }
}
