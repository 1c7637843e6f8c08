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
    for record in promised.records where !facts.has(record) {
      return violate("I1", "\(nodes[node].name) \(when) has lost the \(describe(record))")
    }
  }
}
