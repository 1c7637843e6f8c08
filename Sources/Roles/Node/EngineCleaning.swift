import LogStore
import ReplicationCore
import RolesCore

// Which records are dead for ever here, and the slow work of retiring and draining segments by it.

struct CleaningState: Sendable {
  /// When this node last held all that a neighbour's vector listed.
  var lastCaughtUp: Instant?
}

extension NodeEngine {
  static let cleaningPeriod = Duration.seconds(1)

  /// Whether a record in this node's logs can never matter again, to any role that it has.
  func isDeadForEver(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    if let coordinator { return coordinator.ledger.isDeadForEver(kind, payload) }
    let isDeadForServer = server?.isDead(kind, payload) ?? true
    let isDeadForClient = client?.isDead(kind, payload) ?? true
    return isDeadForServer && isDeadForClient
  }

  mutating func clean() {
    wakes[.cleaning] = now + Self.cleaningPeriod
  }
}
