import LogStore
import RolesCore

// What was said in this world and by whom: promises of durability by the disk that made them, and
// which results tasks really gave. The checks hold nodes to it.

struct Truth {
  /// What one disk promised.
  struct Promises {
    /// Counters up to here, of each session.
    var accepted: [SessionName: CallCounter] = [:]
    /// In the order in which they were promised.
    var records: [Record] = []
    var known: Set<Record> = []

    /// True if it is news.
    mutating func add(_ record: Record) -> Bool {
      guard known.insert(record).inserted else { return false }
      records.append(record)
      return true
    }
  }

  private struct Run: Hashable {
    var call: CallName
    var digest: Digest
    var result: Hash256
  }

  private(set) var promises: [Int: Promises] = [:]
  private var runs: Set<Run> = []
  /// What is told safe may be gone once a coordinator's disk was lost.
  private(set) var lostCoordinators = 0

  func promises(of disk: Int) -> Promises { promises[disk] ?? Promises() }

  mutating func promise(_ record: Record, by disk: Int) -> Bool {
    promises[disk, default: Promises()].add(record)
  }

  mutating func accept(_ session: SessionName, through last: CallCounter, by disk: Int) -> Bool {
    guard last > promises[disk]?.accepted[session] ?? .zero else { return false }
    promises[disk, default: Promises()].accepted[session] = last
    return true
  }

  /// A server was told that it need not keep these.
  mutating func release(_ tasks: Set<TaskName>, of disk: Int) {
    guard !tasks.isEmpty else { return }
    withdraw(of: disk) { record in Self.task(of: record).map { tasks.contains($0) } ?? false }
  }

  /// A client's log need not keep these any more.
  mutating func discharge(_ records: Set<Record>, of disk: Int) {
    guard !records.isEmpty else { return }
    withdraw(of: disk) { records.contains($0) }
  }

  private mutating func withdraw(of disk: Int, _ isOver: (Record) -> Bool) {
    guard let old = promises[disk], !old.records.isEmpty else { return }
    var new = Promises()
    new.accepted = old.accepted
    for record in old.records where !isOver(record) { _ = new.add(record) }
    promises[disk] = new
  }

  private static func task(of record: Record) -> TaskName? {
    switch try? Fact.decode(record) {
    case .finished(let value): value.task
    case .failed(let value): value.task
    default: nil
    }
  }

  mutating func lost(_ disk: Int, wasCoordinator: Bool) {
    promises[disk] = nil
    if wasCoordinator { lostCoordinators += 1 }
  }

  mutating func ran(_ call: CallName, _ digest: Digest, _ result: Hash256) {
    runs.insert(Run(call: call, digest: digest, result: result))
  }

  func hasRun(_ call: CallName, _ digest: Digest, _ result: Hash256) -> Bool {
    runs.contains(Run(call: call, digest: digest, result: result))
  }
}
