// From assignment to start: what was assigned twice is answered by what is there; a task waits for
// its archives, then for a slot. Cancelled ones are killed and leave nothing.

import LogStore
import ReplicationCore

extension Server {
  mutating func take(_ assignments: [Assignment], _ out: inout [Directive]) {
    for assignment in assignments {
      do throws(ProtoError) {
        guard case .assigned(let assigned) = try Fact.decode(assignment.assigned),
          case .submitted(let submitted) = try Fact.decode(assignment.submitted)
        else {
          out.append(.note("a coordinator sent an assignment of unknown records"))
          continue
        }
        take(assigned, submitted, &out)
      } catch {
        out.append(.note("an assignment can't be read: \(error)"))
      }
    }
  }

  private mutating func take(
    _ assigned: Assigned, _ submitted: Submitted, _ out: inout [Directive]
  ) {
    let task = assigned.task
    guard assigned.server == node, assigned.call == submitted.call,
      assigned.digest == submitted.digest
    else {
      out.append(
        .note("the assignment of task \(task) is not for this server or contradicts itself"))
      return
    }
    guard tasks[task] == nil, !held.holds(task), !isUnlogged(task) else { return }
    var new = ServerTask(assigned: assigned, submitted: submitted, phase: .queued)
    let archives = new.archives
    if archives.isEmpty {
      queue.append(task)
    } else {
      new.phase = .fetching
      new.lacking = Set(archives)
      for archive in archives { fetches.want(archive, for: task) }
    }
    tasks[task] = new
  }

  mutating func startTasks(_ out: inout [Directive]) {
    while runningCount < offer.slots, let task = queue.popFirst() {
      guard let known = tasks[task], known.phase == .queued else { continue }
      tasks[task]?.phase = .running
      runningCount += 1
      out.append(.start(task, known.submitted))
    }
  }

  mutating func cancel(_ names: [TaskName], _ out: inout [Directive]) {
    for task in names {
      switch tasks[task]?.phase {
      case .running:
        tasks[task]?.phase = .killed
        out.append(.kill(task))
      case .fetching, .queued:
        tasks[task] = nil
      case .killed, nil: break
      }
    }
  }

  mutating func ended(_ task: TaskName, _ outcome: Outcome, _ out: inout [Directive]) {
    guard let known = tasks[task], known.phase == .running || known.phase == .killed else {
      return
    }
    tasks[task] = nil
    runningCount -= 1
    guard known.phase == .running else { return }
    switch outcome {
    case .finished(let result):
      let finished = Finished(
        task: task, call: known.assigned.call, digest: known.assigned.digest, server: node,
        result: result)
      unlogged.append(Unlogged(task: task, record: Record(.finished(finished))))
    case .failed(let reason, let detail): fail(known.assigned, reason, detail)
    }
  }

  mutating func fail(_ assigned: Assigned, _ reason: FailureReason, _ detail: String) {
    let failed = Failed(
      task: assigned.task, call: assigned.call, digest: assigned.digest, server: node,
      reason: reason, detail: detail)
    unlogged.append(Unlogged(task: assigned.task, record: Record(.failed(failed))))
  }

  /// How many further tasks it would take now. None while the log takes no results.
  var wants: UInt64 {
    guard logRetryAt == nil else { return 0 }
    return UInt64(max(0, offer.slots + offer.prefetch - tasks.count))
  }

  // MARK: Archives that tasks need

  mutating func startFetches(at now: Instant, _ out: inout [Directive]) {
    while let (archive, attempt) = fetches.next(at: now, limit: settings.archiveTransfers) {
      guard let address = coordinators.address(attempt) else {
        // No coordinator is known: it is asked for when one is.
        fetches.retry(archive, at: now + settings.heartbeat)
        return
      }
      out.append(.fetchArchive(archive, from: address))
    }
  }

  mutating func fetched(_ archive: ArchiveID) {
    for task in fetches.ended(archive) {
      guard tasks[task]?.phase == .fetching else { continue }
      tasks[task]?.lacking.remove(archive)
      if tasks[task]?.lacking.isEmpty == true {
        tasks[task]?.phase = .queued
        queue.append(task)
      }
    }
  }

  /// Coordinators that can't be reached say nothing about the archive: the task waits. That all
  /// say that they don't have it, several times, ends it.
  mutating func unavailable(
    _ archive: ArchiveID, isAbsent: Bool, at now: Instant, _ out: inout [Directive]
  ) {
    let absences = fetches.failed(
      archive, isAbsent: isAbsent, retryAt: now + settings.heartbeat,
      others: coordinators.addresses.count)
    guard absences >= coordinators.addresses.count * settings.archiveRounds else { return }
    for task in fetches.ended(archive) {
      guard let known = tasks[task], known.phase == .fetching else { continue }
      tasks[task] = nil
      fail(known.assigned, .inputUnavailable, "no coordinator has archive \(archive)")
    }
  }
}
