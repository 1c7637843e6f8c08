import LogStore
import ReplicationCore

// Whose tasks are whose: open tasks by the coordinator's start that assigned them, and since when
// each of these coordinators is suspected, restarted or gone. It owns no task and decides no
// schedule.

struct OwnerTable: Sendable {
  private struct Node: Sendable {
    var isListed = false
    var start: Nonce?
    /// The serial of the segment that `start` names, as far as seen in facts.
    var serial = Serial(0)
    /// Since when it is suspected or not listed.
    var doubtedSince: Instant?
  }

  private var nodes: [NodeID: Node] = [:]
  private var tasks: [TaskOwner: SortedSet<TaskName>] = [:]
  /// Since when it is known that the node has a newer start, or is not to be relied on at all.
  private var staleSince: [TaskOwner: Instant] = [:]
  private var serials: [NodeID: [Nonce: Serial]] = [:]

  // MARK: Tasks

  mutating func open(_ task: TaskName) {
    tasks[task.owner, default: SortedSet()].insert(task)
  }

  mutating func close(_ task: TaskName) {
    tasks[task.owner]?.remove(task)
    guard tasks[task.owner]?.isEmpty == true else { return }
    tasks[task.owner] = nil
    staleSince[task.owner] = nil
  }

  func openTasks(of owner: TaskOwner) -> [TaskName] { tasks[owner]?.elements ?? [] }

  /// Owners with open tasks, in order.
  var known: [TaskOwner] { tasks.keys.sorted() }

  func known(of node: NodeID) -> [TaskOwner] { known.filter { $0.node == node } }

  // MARK: Opinions

  mutating func note(_ view: RingView, self me: NodeID, at now: Instant) {
    var listed: Set<NodeID> = [me]
    for peer in view.peers where peer.node != me {
      listed.insert(peer.node)
      var node = nodes[peer.node] ?? Node()
      node.isListed = true
      if let start = peer.start { node.start = start }
      node.doubtedSince = peer.suspected ? node.doubtedSince ?? now : nil
      nodes[peer.node] = node
    }
    for (id, known) in nodes where !listed.contains(id) {
      var node = known
      node.isListed = false
      node.doubtedSince = known.doubtedSince ?? now
      nodes[id] = node
    }
    noteStale(at: now)
  }

  /// A start shows itself by the first segment that it writes.
  mutating func note(_ batch: FactBatch) {
    let name = batch.segment
    guard name.log == .facts else { return }
    serials[name.node, default: [:]][name.nonce] = name.serial
  }

  /// Which of two starts of a node is the later one is told by the serials of their segments.
  private func isOlder(_ owner: TaskOwner) -> Bool {
    guard let node = nodes[owner.node] else { return false }
    if let start = node.start { return start != owner.start }
    guard let serial = serials[owner.node]?[owner.start] else { return false }
    return tasks.keys.contains { other in
      other.node == owner.node && (serials[owner.node]?[other.start] ?? serial) > serial
    }
  }

  private mutating func noteStale(at now: Instant) {
    for owner in known {
      if isOlder(owner) {
        staleSince[owner] = staleSince[owner] ?? now
      } else {
        staleSince[owner] = nil
      }
    }
  }

  /// A task of an owner that isn't in the ring view was met.
  mutating func meet(_ owner: TaskOwner, at now: Instant) {
    if nodes[owner.node] == nil {
      var node = Node()
      node.doubtedSince = now
      nodes[owner.node] = node
    }
    if staleSince[owner] == nil, isOlder(owner) { staleSince[owner] = now }
  }

  /// When its open tasks become anybody's; nil as long as it is relied on.
  func deadline(of owner: TaskOwner, settings: CoordinatorSettings) -> Instant? {
    let doubted = nodes[owner.node]?.doubtedSince.map { $0 + settings.reportGrace }
    let stale = staleSince[owner].map { $0 + settings.restartGrace }
    switch (doubted, stale) {
    case (let a?, let b?): return min(a, b)
    case (let a?, nil): return a
    case (nil, let b): return b
    }
  }

  func trusts(_ owner: TaskOwner, at now: Instant, settings: CoordinatorSettings) -> Bool {
    deadline(of: owner, settings: settings).map { now < $0 } ?? true
  }

  /// For people: why its tasks are not waited for.
  func isListed(_ node: NodeID) -> Bool { nodes[node]?.isListed ?? false }
  func isStale(_ owner: TaskOwner) -> Bool { staleSince[owner] != nil }
}
