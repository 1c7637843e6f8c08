import LogStore
import ReplicationCore
import RolesCore

// I6 across runs: what a client collected it gets again, if the collection was durable at every
// coordinator when the run began, so that whoever is asked is bound by it. A coordinator's disk
// that is lost meanwhile, or a result that is given up for lost, ends that.

extension World {
  /// A run begins: which calls have a result that stays.
  func noteFixed(_ client: Int) {
    programs[client].fixed = []
    programs[client].disksLost = truth.lostCoordinators
    let there = coordinators.filter { !nodes[$0].isGone }
    let counters = programs[client].everCollected.keys.sorted()
    guard !counters.isEmpty, !there.isEmpty else { return }
    let disks = there.map { certainFacts(of: $0) }
    for counter in counters {
      let call = CallName(
        session: programs[client].session, counter: CallCounter(UInt64(counter)))
      let results = disks.map { $0.held[call]?.fixed }
      guard let first = results[0], results.allSatisfy({ $0 == first }) else { continue }
      programs[client].fixed.insert(counter)
      statistics.fixedResults += 1
    }
  }

  /// A result that is not the first run's.
  func checkSame(_ counter: Int, _ finished: Finished, _ client: Int) {
    let program = programs[client]
    guard program.fixed.contains(counter), program.disksLost == truth.lostCoordinators,
      let known = program.everCollected[counter], !known.contains(finished.result.hash)
    else { return }
    let isLost = coordinators.contains { node in
      nodes[node].engine?.coordinator?.ledger.entry(of: finished.call)?.versions.contains {
        $0.tasks.contains { $0.phase == .lost }
      } ?? false
    }
    guard !isLost else { return }
    violate(
      "I6",
      "client \(client) is given another result of \(counter) than it collected, though every"
        + " coordinator knew the collection")
  }
}
