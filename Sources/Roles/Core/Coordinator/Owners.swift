import LogStore
import ReplicationCore

// Other coordinators' tasks: they are theirs until they are suspected, restarted or gone. Follows
// the ring's opinions; every suspicion is revocable.

extension Coordinator {
  mutating func ringBecame(_ view: RingView) {
    let had = copies
    let peers = ring.peers
    ring = view
    guard let identity else { return }
    if peers != view.peers {
      owners.note(view, self: identity.node, at: now)
      for owner in owners.known where owner.node != identity.node { watch(owner) }
    }
    guard copies != had else { return }
    for name in sessions.keys.sorted() { sessions[name]?.safeThrough = .zero }
    for name in tasks.keys { tasks[name]?.safe = false }
    if copies == 1 { safetyNeedsNobody() }
  }

  /// How many nodes must hold a fact durably before it is called safe.
  var copies: Int { min(settings.copies, max(1, ring.listed)) }

  /// Sets the alarm at which the owner's tasks become anybody's, or looks at them now.
  private mutating func watch(_ owner: TaskOwner) {
    if let deadline = owners.deadline(of: owner, settings: settings), deadline > now {
      agenda.set(.owner(owner), at: deadline)
    } else {
      agenda.cancel(.owner(owner))
    }
    reconsiderTasks(of: owner)
  }

  /// After a task appeared: its owner may be one to watch.
  mutating func checkOwner(of task: TaskName) {
    guard let identity, task.node != identity.node else { return }
    owners.meet(task.owner, at: now)
    guard let deadline = owners.deadline(of: task.owner, settings: settings), deadline > now
    else { return }
    agenda.set(.owner(task.owner), at: deadline)
  }

  /// Everything durable here is safe now.
  private mutating func safetyNeedsNobody() {
    let waits = safetyWaits
    safetyWaits = [:]
    for segment in waits.keys.sorted() {
      for wait in waits[segment]?.elements ?? [] { continueClient(wait.token) }
    }
  }
}
