import LogStore
import ReplicationCore
import RolesCore

// L2: at rest logs are at most twice as long as what lives in them: on every node, its own segments
// and its copies of others'. What a node still writes to is left out: it is sealed when its garbage
// is worth it.

extension World {
  /// In words, the first log that holds more garbage than live bytes.
  func unshrunk() -> String? {
    for node in nodes.indices {
      guard let engine = nodes[node].engine else { continue }
      let ledger = engine.coordinator?.ledger
      let garbage = garbage(in: engine.facts, of: node) { kind, payload in
        if let ledger { return ledger.isDeadForEver(kind, payload) }
        return (engine.server?.isDead(kind, payload) ?? true)
          && (engine.client?.isDead(kind, payload) ?? true)
      }
      if let garbage { return garbage }
      guard let ledger else { continue }
      let named = ledger.namedArchives
      let store = engine.archives
      let parts = self.garbage(in: store.log, of: node) { kind, payload in
        store.isDead(kind, payload) { named.contains($0) }
      }
      if let parts { return parts }
    }
    return nil
  }

  private func garbage(
    in log: Log, of node: Int, isDead: (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) -> String? {
    let older = log.vector().map(\.name).filter { isFinished($0) }
    guard !older.isEmpty else { return nil }
    do throws(LogError) {
      var live: UInt64 = 0
      var dead: UInt64 = 0
      for found in try log.examine(older, isDead: isDead) {
        live += found.liveBytes + found.weakBytes
        dead += found.deadBytes + found.coveredBytes - found.weakBytes
      }
      guard dead > live else { return nil }
      return "\(nodes[node].name) keeps \(dead) bytes of garbage with \(live) live ones in"
        + " \(older.map(\.description).joined(separator: " "))"
    } catch { return "\(nodes[node].name) can't be examined: \(error)" }
  }

  /// Nobody writes to it any more. Those of the dead stay until they are absent for long enough.
  private func isFinished(_ name: SegmentName) -> Bool {
    guard let writer = nodes.first(where: { $0.isRunning && $0.identity == name.node }),
      let engine = writer.engine
    else { return scenario.adoptAfter != nil }
    return name != engine.facts.openSegment && name != engine.archives.log.openSegment
  }
}
