import LogStore
import ReplicationCore

// From facts to tracks: folds a batch, and brings what the coordinator keeps of each changed call
// and session up to the ledger. It owns no decision; Scheduling takes them from the tracks.

extension Coordinator {
  mutating func take(_ batch: FactBatch) {
    let changed = ledger.fold(batch)
    owners.note(batch)
    for call in changed { refresh(call) }
    for record in batch.records where record.kind == .released { noteRelease(record) }
    cameBack(batch)
  }

  /// The digests below the watermark are hashed no longer.
  private mutating func noteRelease(_ record: Record) {
    guard case .released(let released)? = try? Fact.decode(record) else { return }
    for range in released.ranges {
      sessions[released.session]?.digests.invalidate(range.lowerBound)
    }
  }

  /// Brings the tracks of a call, one a digest, up to the ledger.
  mutating func refresh(_ call: CallName) {
    guard let entry = ledger.entry(of: call) else { return drop(call) }
    for version in entry.versions {
      refresh(CallKey(call: call, digest: version.digest), from: version)
    }
  }

  private mutating func refresh(_ key: CallKey, from version: CallVersion) {
    var track: CallTrack
    let place = SessionPlace(counter: key.call.counter, digest: key.digest)
    if let index = calls.index(forKey: key) {
      track = calls[index].value
    } else {
      track = CallTrack()
      sessions[key.call.session, default: SessionTrack()].calls.insert(place)
      sessions[key.call.session]?.digests.invalidate(key.call.counter)
    }
    let was = track.state
    track.state = version.state
    if track.arrival == nil, let submission = version.submission {
      track.arrival = nextArrival
      nextArrival += 1
      let spec = submission.spec
      track.service = ServiceKey(name: spec.service, version: spec.version)
      track.priority = spec.priority
      track.inputs = spec.archives
    }
    noteTasks(of: version, key, &track)
    noteResult(of: version, &track)
    calls[key] = track
    // Before the archives of what was lost are given up.
    refinishIfLost(key, version)
    followArchives(of: key)
    if track.state >= .finished && track.state != was { dismissTasks(of: key) }
    for task in version.abandoned { dismiss(task, on: nil) }
    updateDelivery(of: key)
    updateMissed(key)
    reconsider(key)
  }

  private mutating func noteTasks(
    of version: CallVersion, _ key: CallKey, _ track: inout CallTrack
  ) {
    var names: [TaskName] = []
    names.reserveCapacity(version.tasks.count)
    var failures = 0
    for entry in version.tasks {
      names.append(entry.name)
      if FailureReason.backsOff(entry.failureWeight) { failures += 1 }
      if track.assigning == entry.name { track.assigning = nil }
      // A task belongs to one call; a record that says otherwise is its writer's error.
      if let known = tasks[entry.name], known.key != key { continue }
      guard let known = tasks[entry.name] else {
        tasks[entry.name] = TaskTrack(
          key: key, server: entry.server, phase: entry.phase)
        if entry.phase == .assigned { open(entry.name) }
        continue
      }
      guard known.phase != entry.phase || known.server != entry.server else { continue }
      tasks[entry.name] = TaskTrack(
        key: key, server: entry.server ?? known.server, phase: entry.phase)
      if known.phase == .assigned { close(entry.name, on: known.server) }
    }
    for name in track.tasks where !names.contains(name) {
      if let known = tasks[name], known.phase == .assigned { dismiss(name, on: known.server) }
      dropTask(name, of: key)
    }
    track.tasks = names
    if failures > track.failures { track.backOffUntil = now + backOff(after: failures) }
    track.failures = failures
  }

  private func backOff(after failures: Int) -> Duration {
    var span = settings.backOff
    for _ in 1..<max(1, min(failures, 32)) {
      span = min(span * 2, settings.backOffLimit)
    }
    return min(span, settings.backOffLimit)
  }

  private func noteResult(of version: CallVersion, _ track: inout CallTrack) {
    let result = version.resultTask
    track.isCollected = version.isCollected
    track.hasResult = result != nil
    track.outputs = []
    track.ends = []
    for entry in version.tasks where entry.phase == .finished {
      guard case .finished(let finished)? = try? Fact.decode(entry.record) else { continue }
      let archives = finished.result.archives
      for id in archives where !track.ends.contains(id) { track.ends.append(id) }
      guard entry.name == result?.name, !archives.isEmpty else { continue }
      track.outputs = archives
      track.result = entry.record
    }
  }

  /// The ledger forgot the call: it is released.
  private mutating func drop(_ call: CallName) {
    guard let session = sessions[call.session] else { return }
    var place = session.calls.first(from: .start(of: call.counter))
    while let found = place, found.counter == call.counter {
      drop(CallKey(call: call, digest: found.digest), at: found)
      place = session.calls.first(after: found)
    }
  }

  private mutating func drop(_ key: CallKey, at place: SessionPlace) {
    guard let track = calls[key] else { return }
    leaveQueue(key)
    dismissTasks(of: key)
    for task in track.tasks { dropTask(task, of: key) }
    if let task = track.assigning { dismiss(task, on: nil) }
    stopFollowing(key)
    agenda.cancel(.missed(key))
    calls[key] = nil
    let session = key.call.session
    sessions[session]?.calls.remove(place)
    sessions[session]?.deliverable.remove(place)
    sessions[session]?.collected.remove(place)
    sessions[session]?.bereft.remove(place)
    sessions[session]?.digests.invalidate(place.counter)
  }

  private mutating func dropTask(_ name: TaskName, of key: CallKey) {
    guard let known = tasks[name], known.key == key else { return }
    tasks[name] = nil
    if known.phase == .assigned { close(name, on: known.server) }
  }

  private mutating func open(_ task: TaskName) {
    owners.open(task)
    if let server = tasks[task]?.server {
      assignedTo[server, default: SortedSet()].insert(task)
    }
    checkOwner(of: task)
  }

  private mutating func close(_ task: TaskName, on server: NodeID?) {
    owners.close(task)
    guard let server else { return }
    servers[server]?.sent[task] = nil
    servers[server]?.unlisted[task] = nil
    assignedTo[server]?.remove(task)
    if assignedTo[server]?.isEmpty == true { assignedTo[server] = nil }
  }
}
