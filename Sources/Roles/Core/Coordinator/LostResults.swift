import LogStore
import ReplicationCore

// Results that nobody has: whose archives are nowhere, or that were collected before the only disk
// with them was lost. Lost makes the call runnable again; whoever holds the archives after all
// finishes the call again under a task name of its own, for a Lost is never taken back.

extension Coordinator {
  /// None of those asked for `lostAfter` had the archive: the finished tasks that name it are lost.
  mutating func giveUp(_ id: ArchiveID) { giveUp(tasksFinished(with: id), with: id) }

  /// Nobody who answers has the archive. Of a result that nobody in sight can bring, another run
  /// is the quickest copy: it is given up like a task that runs on a suspected server.
  mutating func giveUpAbsent(_ id: ArchiveID) {
    guard archives[id] == .absent else { return }
    agenda.set(.absent(id), at: now + settings.suspicionTimeout)
    guard isServing, !isLogFull else { return }
    giveUp(tasksFinished(with: id).filter { !isInGoodHands($0.task) }, with: id)
  }

  private mutating func giveUp(_ losses: [Lost], with id: ArchiveID) {
    for loss in losses {
      note("the result of call \(loss.call) by task \(loss.task) is lost with archive \(id)")
      append(.lost(loss))
    }
  }

  private func tasksFinished(with id: ArchiveID) -> [Lost] {
    var losses: [Lost] = []
    for key in archiveUsers[id]?.elements ?? [] {
      guard calls[key]?.ends.contains(id) == true,
        let version = ledger.version(of: key.call, digest: key.digest)
      else { continue }
      for entry in version.tasks where entry.phase == .finished {
        guard case .finished(let finished)? = try? Fact.decode(entry.record),
          finished.result.archives.contains(id)
        else { continue }
        losses.append(Lost(task: entry.name, call: key.call, digest: key.digest))
      }
    }
    return losses
  }

  /// The call runs again although its former result is here, archives and all: say it again.
  mutating func refinishIfLost(_ key: CallKey, _ version: CallVersion) {
    guard let record = calls[key]?.result, version.state < .finished else { return }
    calls[key]?.result = nil
    guard let identity, case .finished(var finished)? = try? Fact.decode(record),
      version.task(finished.task)?.phase == .lost,
      finished.result.archives.allSatisfy({ isHeld($0) })
    else { return }
    finished.task = drawTask(identity)
    append(.finished(finished))
  }

  // MARK: Collected results

  /// A collection fixes its result though no task with it is known here. Whoever has it brings it:
  /// a server that holds it lists it, a coordinator ships it. Only a client that asks for it makes
  /// it worth another run.
  mutating func missResults(for wait: ClientWait) {
    guard isServing else { return }
    forEachBereft(wait) { core, key in
      guard let track = core.calls[key], track.state == .collected, track.missedSince == nil
      else { return true }
      core.calls[key]?.missedSince = core.now
      core.agenda.set(.missed(key), at: core.now + core.settings.lostAfter)
      return true
    }
  }

  /// Without these submissions the calls can't run again; the client has them.
  mutating func missingSubmissions(
    of wait: ClientWait, through accepted: CallCounter
  ) -> [ClosedRange<CallCounter>] {
    var missing = CounterSet()
    var count = 0
    forEachBereft(wait) { core, key in
      guard key.call.counter <= accepted, count < 256 else { return false }
      guard core.calls[key]?.arrival == nil else { return true }
      missing.insert(key.call.counter)
      count += 1
      return true
    }
    return missing.ranges
  }

  /// Collected calls without a result that a client asks for by their counters.
  private mutating func forEachBereft(
    _ wait: ClientWait, _ body: (inout Coordinator, CallKey) -> Bool
  ) {
    guard wait.wantsResults, !wait.wanted.isEmpty, let session = sessions[wait.session] else {
      return
    }
    var from = SessionPlace.start(of: .zero)
    while let place = next(in: session.bereft, from: from, wait) {
      let call = CallName(session: wait.session, counter: place.counter)
      guard body(&self, CallKey(call: call, digest: place.digest)) else { return }
      from = place.next
    }
  }

  /// Keeps the session's list of such calls.
  mutating func updateMissed(_ key: CallKey) {
    guard let track = calls[key] else { return }
    let session = key.call.session
    let place = SessionPlace(counter: key.call.counter, digest: key.digest)
    let mayRun = track.state < .finished && track.arrival == nil
    guard track.isCollected, !track.hasResult, track.state == .collected || mayRun else {
      sessions[session]?.bereft.remove(place)
      if track.missedSince != nil {
        calls[key]?.missedSince = nil
        agenda.cancel(.missed(key))
      }
      return
    }
    sessions[session]?.bereft.insert(place)
    // The time may be over, and only the submission was wanting.
    guard let since = track.missedSince, agenda.instant(of: .missed(key)) == nil else { return }
    agenda.set(.missed(key), at: max(now, since + settings.lostAfter))
  }

  /// Nobody brought the result. The task that gave it is not known here, so a name of our own is
  /// given up for it: no fact of the true one dies by that, and if it turns up after all it is the
  /// result again. What can't run again is left as it is.
  mutating func giveUpMissed(_ key: CallKey) {
    guard let identity, let track = calls[key], track.missedSince != nil,
      track.state == .collected, !track.hasResult,
      track.arrival != nil || track.tasks.contains(where: { tasks[$0]?.phase == .finished })
    else { return }
    calls[key]?.missedSince = nil
    note("the result of call \(key.call), which was collected, is nowhere: it runs again")
    append(.lost(Lost(task: drawTask(identity), call: key.call, digest: key.digest)))
  }

  /// Names are drawn by the core, so that one stands in the record from the start and is never
  /// drawn twice.
  mutating func drawTask(_ identity: CoordinatorIdentity) -> TaskName {
    defer { nextTask += 1 }
    return TaskName(node: identity.node, start: identity.start, counter: nextTask)
  }
}
