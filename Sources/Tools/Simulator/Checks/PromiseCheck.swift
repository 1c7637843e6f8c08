import LogStore
import RolesCore

// I1: what a disk promised, it keeps, through every death of its process and its machine, and
// through every deletion of a file.

extension World {
  /// A node has just recovered: everything that its disk promised must still be there.
  func checkRecovered(_ node: Int) {
    segments.restarted(nodes[node].diskNumber)
    noteSegments(of: node)
    checkPromises(of: node, "after its restart")
  }

  func checkPromises(of node: Int, _ when: String) {
    guard violation == nil, !nodes[node].isGone else { return }
    let promised = truth.promises(of: nodes[node].diskNumber)
    guard !promised.records.isEmpty || !promised.accepted.isEmpty else { return }
    let facts = certainFacts(of: node)
    for session in promised.accepted.keys.sorted() {
      guard let last = promised.accepted[session],
        let gap = facts.firstGap(in: session, through: last)
      else { continue }
      return violate(
        "I1", "\(nodes[node].name) accepted through \(last) and \(when) has lost \(gap)")
    }
    var forgotten: Set<Record> = []
    for record in promised.records where !facts.has(record) {
      guard isForgettable(record, at: node) else {
        return violate("I1", "\(nodes[node].name) \(when) has lost the \(describe(record))")
      }
      forgotten.insert(record)
    }
    truth.discharge(forgotten, of: nodes[node].diskNumber)
  }

  /// A client's log need not keep what a release at enough coordinators covers. Once a
  /// coordinator's disk was lost, that can't be seen any more, and the client is believed.
  private func isForgettable(_ record: Record, at node: Int) -> Bool {
    guard case .client = nodes[node].role else { return false }
    if truth.lostCoordinators > 0, let core = nodes[node].engine?.client {
      return record.payload.withUnsafeBytes { core.isDead(record.kind, $0) }
    }
    let everything = CallCounter(1)...CallCounter.greatest
    let isCovered: (DiskFacts) -> Bool
    switch try? Fact.decode(record) {
    case .submitted(let value): isCovered = { $0.isReleased(value.call) }
    case .cancelled(let value): isCovered = { $0.isReleased(value.call) }
    case .collected(let value): isCovered = { $0.isReleased(value.call) }
    case .opened(let value):
      isCovered = { $0.released[value.session]?.contains(everything) ?? false }
    case .released: isCovered = { $0.has(record) }
    default: return false
    }
    return copies(isCovered) >= copiesWanted
  }
}
