import LogStore
import ReplicationCore

// Calls to servers. A server that asks takes what has waited longest among what it can serve; a
// call that becomes runnable goes to the waiting server with most free slots. An assignment is told
// before it is durable: a lost one is a re-execution.

/// A call on its way to a server.
struct Given: Sendable {
  var assignment: Assignment
  var task: TaskName
  var call: CallKey
  var bytes: Int { assignment.submitted.payload.count }
}

extension Coordinator {
  /// Up to `limit` calls for one server, as assignments that are appended and told in one go.
  mutating func takeWork(for server: NodeID, limit: UInt64) -> [Given] {
    var work: [Given] = []
    var bytes = 0
    let bound = min(limit, UInt64(settings.assignmentsPerAnswer))
    while UInt64(work.count) < bound, mayAssign,
      let key = runQueue.first(of: servers[server]?.keys ?? []),
      let given = assign(key, to: server)
    {
      work.append(given)
      bytes += given.bytes
      if bytes >= settings.assignmentBytes { break }
    }
    return work
  }

  private var mayAssign: Bool { isServing && !isLogFull }

  private mutating func assign(_ key: CallKey, to server: NodeID) -> Given? {
    leaveQueue(key)
    guard let identity,
      let submitted = ledger.version(of: key.call, digest: key.digest)?.submittedRecord
    else { return nil }
    let task = drawTask(identity)
    let wallTime = identity.wallTime + (now - startedAt).wholeMilliseconds
    let record = Record(
      .assigned(
        Assigned(
          task: task, call: key.call, digest: key.digest, server: server, wallTime: wallTime)))
    calls[key]?.assigning = task
    calls[key]?.candidateSince = nil
    if let entry = servers[server] {
      servers[server]?.sent[task] = ServerEntry.Sent(
        sequence: entry.sequence, incarnation: entry.incarnation)
    }
    return Given(
      assignment: Assignment(assigned: record, submitted: submitted), task: task, call: key)
  }

  /// Matches what became runnable with the servers that wait, one call at a time, so that each goes
  /// to the server that is then the freest.
  mutating func assignDirtyServices() {
    guard !dirtyServices.isEmpty else { return }
    let services = dirtyServices.elements.filter { waiting.isWaiting(for: $0) }
    dirtyServices = SortedSet()
    guard mayAssign else { return }
    var given: [NodeID: [Given]] = [:]
    while let service = runQueue.next(
      among: services.lazy.filter { [waiting] in waiting.isWaiting(for: $0) }),
      let server = waiting.first(for: service), let key = runQueue.first(for: service)
    {
      guard let one = assign(key, to: server) else { continue }
      given[server, default: []].append(one)
      takeSlot(of: server, given[server] ?? [])
    }
    for server in given.keys.sorted() { answer(server, with: given[server] ?? []) }
  }

  /// Moves a waiting server back in the order, or out of it if it takes no more in this answer.
  private mutating func takeSlot(of server: NodeID, _ work: [Given]) {
    guard let entry = servers[server], var poll = entry.poll else { return }
    waiting.remove(poll.place, keys: entry.keys)
    let bytes = work.reduce(0) { $0 + $1.bytes }
    guard UInt64(work.count) < min(entry.wants, UInt64(settings.assignmentsPerAnswer)),
      bytes < settings.assignmentBytes
    else { return }
    poll.place.free -= min(poll.place.free, 1)
    servers[server]?.poll = poll
    waiting.insert(poll.place, keys: entry.keys)
  }
}
