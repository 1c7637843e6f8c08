import LogStore
import ReplicationCore

// Results whose archives nobody has. Lost makes the call runnable again; whoever holds the archives
// after all finishes the call again under a task name of its own, for a Lost is never taken back.

extension Coordinator {
  /// None of those asked for `lostAfter` had the archive: the finished tasks that name it are lost.
  mutating func giveUp(_ id: ArchiveID) {
    for key in archiveUsers[id]?.elements ?? [] {
      guard calls[key]?.ends.contains(id) == true,
        let version = ledger.version(of: key.call, digest: key.digest)
      else { continue }
      for entry in version.tasks where entry.phase == .finished {
        guard case .finished(let finished)? = try? Fact.decode(entry.record),
          finished.result.archives.contains(id)
        else { continue }
        note("the result of call \(key.call) by task \(entry.name) is lost with archive \(id)")
        append(.lost(Lost(task: entry.name, call: key.call, digest: key.digest)))
      }
    }
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

  /// Names are drawn by the core, so that one stands in the record from the start and is never
  /// drawn twice.
  mutating func drawTask(_ identity: CoordinatorIdentity) -> TaskName {
    defer { nextTask += 1 }
    return TaskName(node: identity.node, start: identity.start, counter: nextTask)
  }
}
