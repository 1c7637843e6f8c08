import LogStore
import ReplicationCore

// Which call may be given out: the replica rule. Finished is never scheduled; a call with a task
// that may still give a result is not; pending is, by the coordinator whose share it is at once and
// by the others a moment later. It owns the run queue and the alarms of calls.

extension Coordinator {
  /// Decides anew whether a call is runnable, after anything that matters for it changed.
  mutating func reconsider(_ key: CallKey) {
    guard let track = calls[key] else { return }
    guard isCandidate(track), let arrival = track.arrival else {
      leaveQueue(key)
      calls[key]?.candidateSince = nil
      return
    }
    let since = track.candidateSince ?? now
    calls[key]?.candidateSince = since
    let due = max(track.backOffUntil, isOwnShare(key) ? since : since + settings.shareDelay)
    if due > now {
      leaveQueue(key)
      calls[key]?.queue = .delayed
      agenda.set(.call(key), at: due)
    } else if track.queue != .runnable {
      leaveQueue(key)
      calls[key]?.queue = .runnable
      runQueue.insert(
        key, arrival: arrival, priority: track.priority, service: track.service)
      dirtyServices.insert(track.service)
    }
  }

  mutating func leaveQueue(_ key: CallKey) {
    guard let track = calls[key] else { return }
    switch track.queue {
    case .none: return
    case .delayed: agenda.cancel(.call(key))
    case .runnable:
      if let arrival = track.arrival {
        runQueue.remove(arrival: arrival, service: track.service)
      }
    }
    calls[key]?.queue = .none
  }

  private func isCandidate(_ track: CallTrack) -> Bool {
    let mayRun =
      track.state < .exhausted
      || track.state == .finished && settings.plantedBugs.contains(.schedulesFinished)
    guard mayRun, track.assigning == nil else { return false }
    guard !track.inputs.contains(where: { !isHeld($0) }) else { return false }
    return !track.tasks.contains(where: isLive)
  }

  /// Whether a result of this task is still to be hoped for.
  func isLive(_ name: TaskName) -> Bool {
    tasks[name]?.phase == .assigned && isInGoodHands(name)
  }

  /// Whether the server that has the task is trusted, by us if we hear it, else by the coordinator
  /// that gave it out and is trusted itself.
  func isInGoodHands(_ name: TaskName) -> Bool {
    if settings.plantedBugs.contains(.trustsSuspects) { return true }
    if let reporter = reporters[name], isTrusted(reporter) { return true }
    guard let identity else { return true }
    if name.node == identity.node {
      if name.start == identity.start { return tasks[name]?.server.map(isTrusted) ?? false }
      return now < startedAt + settings.suspicionTimeout
    }
    return owners.trusts(name.owner, at: now, settings: settings)
  }

  private func isTrusted(_ server: NodeID) -> Bool {
    servers[server].map { !$0.suspected } ?? false
  }

  /// The hash of the call modulo the ring's size: the same on every coordinator.
  func isOwnShare(_ key: CallKey) -> Bool {
    ring.size <= 1 || key.call.share(of: UInt64(ring.size)) == UInt64(max(ring.position, 0))
  }

  /// The report window is over: what no server reported may run again.
  mutating func earlierStartsWereReported() {
    guard let identity else { return }
    for owner in owners.known(of: identity.node) where owner.start != identity.start {
      reconsiderTasks(of: owner)
    }
  }

  mutating func reconsiderTasks(of owner: TaskOwner) {
    for task in owners.openTasks(of: owner) { reconsider(task) }
  }

  mutating func reconsider(_ task: TaskName) {
    if let key = tasks[task]?.key { reconsider(key) }
  }
}

extension CallName {
  /// Which of `size` equal shares the call falls into.
  func share(of size: UInt64) -> UInt64 {
    var dice = Dice(seed: session.user.value.low ^ session.session.value.low)
    dice = Dice(seed: dice.next() ^ session.session.value.high ^ counter.value)
    return dice.next() % size
  }
}
