import LogStore
import ReplicationCore

// Who is there: servers heard of, suspected when they were silent for too long, taken back when
// they are heard again. Suspicion is an opinion; what hangs on it is only where else a call is run.

/// A server's place in the order of silence, the longest silent first.
struct Silence: Hashable, Comparable, Sendable {
  var since: Instant
  var server: NodeID
  static func < (a: Silence, b: Silence) -> Bool {
    a.since != b.since ? a.since < b.since : a.server < b.server
  }
}

extension Coordinator {
  /// False if there is no room for another server.
  mutating func hear(_ server: NodeID) -> Bool {
    if let entry = servers[server] {
      silence.remove(Silence(since: entry.lastHeard, server: server))
    } else {
      guard makeRoom() else { return false }
      servers[server] = ServerEntry()
    }
    servers[server]?.lastHeard = now
    silence.insert(Silence(since: now, server: server))
    if agenda.instant(of: .server(server)) == nil {
      agenda.set(.server(server), at: now + settings.suspicionTimeout)
    }
    guard let entry = servers[server], entry.suspected,
      !settings.plantedBugs.contains(.keepsSuspicions)
    else { return true }
    servers[server]?.suspected = false
    // The alarm of one that is suspected is a later one.
    agenda.set(.server(server), at: now + settings.suspicionTimeout)
    note("server \(name(of: server)) is back")
    reconsiderTasks(of: server)
    return true
  }

  /// The alarm was set when the server was heard once; it may have been heard since.
  mutating func checkSilence(of server: NodeID) {
    guard let entry = servers[server] else { return }
    if entry.suspected { return handBack(entry, server) }
    let due = entry.lastHeard + settings.suspicionTimeout
    guard due <= now else { return agenda.set(.server(server), at: due) }
    suspect(server, "not heard for \(now - entry.lastHeard)")
  }

  /// What runs there is given to others, until it is heard again.
  mutating func suspect(_ server: NodeID, _ why: String) {
    guard let entry = servers[server], !entry.suspected else { return }
    servers[server]?.suspected = true
    note("server \(name(of: server)) is suspected: \(why)")
    if entry.poll != nil { answer(server) }
    agenda.set(.server(server), at: now + settings.restartGrace)
    reconsiderTasks(of: server)
  }

  /// The server stayed away, and what it was given here waits here still: perhaps no server asks
  /// this coordinator any more, and those that hear them rely on it. So it lets go of the tasks;
  /// a result that comes all the same counts.
  private mutating func handBack(_ entry: ServerEntry, _ server: NodeID) {
    for task in entry.sent.keys.sorted() {
      guard let key = tasks[task]?.key, let queue = calls[key]?.queue, queue != .none else {
        continue
      }
      servers[server]?.sent[task] = nil
      neverArrived(task, at: server, "has been silent for \(now - entry.lastHeard)")
    }
  }

  /// Those that it was given by this start, and those that it reported, whoever gave them.
  private mutating func reconsiderTasks(of server: NodeID) {
    guard let entry = servers[server] else { return }
    for task in entry.reported.union(entry.sent.keys).sorted() { reconsider(task) }
  }

  /// Forgets the server that was silent longest if the table is full; only a suspected one goes.
  private mutating func makeRoom() -> Bool {
    guard servers.count >= settings.serverLimit else { return true }
    guard let oldest = silence.first, let entry = servers[oldest.server], entry.suspected else {
      return false
    }
    silence.remove(oldest)
    agenda.cancel(.server(oldest.server))
    for task in entry.reported where reporters[task] == oldest.server { reporters[task] = nil }
    servers[oldest.server] = nil
    return true
  }

  /// For people.
  func name(of server: NodeID) -> String {
    guard let host = servers[server]?.host, !host.isEmpty else { return server.short }
    return "\(host) (\(server.short))"
  }
}
