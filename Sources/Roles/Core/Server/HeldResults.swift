// The ends of tasks (Finished, Failed) that this server keeps until they are safe, and the state of
// their journey. A record can be sent only with the proof that it is durable here.

import DequeModule
import LogStore

struct HeldResults: Sendable {
  enum State: Sendable {
    /// Appended, not durable.
    case logging
    /// Durable, waits for the next delivery.
    case ready
    case underWay
    /// The coordinator wants these archives first.
    case needsArchives(Set<ArchiveID>)
    /// Some coordinator holds it durably, or it was recovered: sent when it is asked for.
    case offered
  }

  private struct Item: Sendable {
    var state: State
    var proof: Durable?
  }

  private var items: [TaskName: Item] = [:]
  /// Those that are durable: what heartbeats list.
  private var told = SortedSet<TaskName>()
  /// Where the last page ended.
  private var toldThrough: TaskName?
  private var ready: Deque<TaskName> = []
  /// Tasks that wait for an archive, in the order in which they came to.
  private var waitingFor: [ArchiveID: [TaskName]] = [:]

  var count: Int { items.count }
  func holds(_ task: TaskName) -> Bool { items[task] != nil }
  func state(of task: TaskName) -> State? { items[task]?.state }

  mutating func add(_ task: TaskName, _ state: State) {
    guard items[task] == nil else { return }
    items[task] = Item(state: state, proof: nil)
  }

  /// It is durable: from now on it may be sent.
  mutating func becameDurable(_ task: TaskName, _ proof: Durable) {
    guard items[task] != nil else { return }
    items[task]?.proof = proof
    told.insert(task)
    if case .logging? = items[task]?.state { makeReady(task) }
  }

  /// To be sent with the next delivery, unless it is not durable or on its way.
  mutating func makeReady(_ task: TaskName) {
    guard let item = items[task], item.proof != nil else { return }
    if case .ready = item.state { return }
    items[task]?.state = .ready
    ready.append(task)
  }

  mutating func set(_ task: TaskName, _ state: State) {
    guard items[task] != nil else { return }
    items[task]?.state = state
  }

  mutating func drop(_ task: TaskName) -> Bool {
    told.remove(task)
    return items.removeValue(forKey: task) != nil
  }

  var hasReady: Bool { !ready.isEmpty }

  /// The next that waits, with the proof; it stays until `takeReady`.
  mutating func peekReady(skipping count: Int) -> (TaskName, Durable)? {
    while count < ready.count {
      let task = ready[count]
      if let item = items[task], case .ready = item.state, let proof = item.proof {
        return (task, proof)
      }
      ready.remove(at: count)
    }
    return nil
  }

  mutating func takeReady(_ count: Int) {
    for _ in 0..<count {
      guard let task = ready.popFirst() else { return }
      set(task, .underWay)
    }
  }

  mutating func await(_ archives: [ArchiveID], for tasks: [TaskName]) {
    let lacking = Set(archives)
    for task in tasks { set(task, .needsArchives(lacking)) }
    for archive in archives { waitingFor[archive, default: []] += tasks }
  }

  /// Those that waited for this archive alone are sent again.
  mutating func archiveEnded(_ archive: ArchiveID) {
    for task in waitingFor.removeValue(forKey: archive) ?? [] {
      guard case .needsArchives(var lacking)? = items[task]?.state else { continue }
      lacking.remove(archive)
      if lacking.isEmpty { makeReady(task) } else { set(task, .needsArchives(lacking)) }
    }
  }

  /// Another coordinator: what waited for the old one's archives is sent to it.
  mutating func restart() {
    let waiting = waitingFor.keys.sorted()
    for archive in waiting {
      for task in waitingFor[archive] ?? [] {
        if case .needsArchives? = items[task]?.state { makeReady(task) }
      }
    }
    waitingFor = [:]
  }

  /// One heartbeat's page: so many names at most, in order, and between which bounds these are all.
  /// The next page follows on this one; what is not durable is not told.
  mutating func page(limit: Int) -> (names: [TaskName], after: TaskName?, through: TaskName?) {
    let after = toldThrough
    var names: [TaskName] = []
    var next = after.map { told.first(after: $0) } ?? told.first
    while names.count < limit, let task = next {
      names.append(task)
      next = told.first(after: task)
    }
    toldThrough = next == nil ? nil : names.last
    return (names, after, toldThrough)
  }
}
