import LogStore
import ReplicationCore

// What people are told, read off the ledger. The shell adds to the grid's summary what only it
// knows: coordinators, segments, bytes.

extension Coordinator {
  mutating func receive(_ request: OperatorRequest, as token: RequestToken) {
    let response: OperatorResponse
    switch request {
    case .sessions(.some) where !isServing, .calls where !isServing:
      // What a ledger that misses facts says of a session could be taken for its end.
      let text = "it has just started and is catching up with the others"
      response = .refused(Refusal(.catchingUp, text))
    case .sessions(let name): response = sessionSummaries(name)
    case .calls(let session, let from, let limit):
      response = callSummaries(session, from: from, limit: limit)
    case .why(let call): response = .why(why(call))
    case .grid: response = .grid(gridSummary())
    case .remove(let node): return remove(node, token)
    }
    reply(token, .operation(response))
  }

  // MARK: Sessions and calls

  private func sessionSummaries(_ name: SessionName?) -> OperatorResponse {
    if let name {
      guard let summary = ledger.summary(of: name) else {
        return .refused(Refusal(.notFound, "no session \(name) is known here"))
      }
      return .sessions([summary])
    }
    let names = ledger.sessionNames.prefix(Int(settings.operatorRows))
    return .sessions(names.compactMap(ledger.summary))
  }

  private func callSummaries(
    _ session: SessionName, from: CallCounter, limit: UInt64
  ) -> OperatorResponse {
    guard ledger.session(session) != nil else {
      return .refused(Refusal(.notFound, "no session \(session) is known here"))
    }
    let rows = Int(min(limit, settings.operatorRows))
    return .calls(ledger.calls(of: session, from: from, limit: rows).flatMap(\.summaries))
  }

  // MARK: The grid

  private func gridSummary() -> GridSummary {
    var summary = GridSummary()
    for server in servers.keys.sorted() {
      guard let entry = servers[server] else { continue }
      var row = ServerSummary(server: server)
      row.host = entry.host
      row.slots = entry.slots
      row.running = UInt64(entry.running.count)
      row.suspected = entry.suspected
      row.lastHeard = (now - entry.lastHeard).wholeMilliseconds
      row.services = entry.services
      summary.servers.append(row)
    }
    if !isCaughtUp {
      summary.warnings.append("this coordinator is catching up and gives out no work yet")
    }
    if isLogFull {
      summary.warnings.append("this coordinator's log is full: it takes releases only")
    }
    if ledger.unreadable > 0 {
      summary.warnings.append("\(ledger.unreadable) records of the log can't be read")
    }
    return summary
  }

  /// Answered when the order is durable.
  private mutating func remove(_ node: NodeID, _ token: RequestToken) {
    guard let identity, node != identity.node else {
      let text = "a coordinator can't remove itself; ask another one"
      return reply(token, .operation(.refused(Refusal(.unsupported, text))))
    }
    guard mayPark else {
      let text = "\(parked.count) requests wait already; come again"
      return reply(token, .operation(.refused(Refusal(.tooLarge, text))))
    }
    let record = Record(.removed(Removed(node: node)))
    parked[token] = .operation(
      OperatorWait(done: "node \(node) is removed: its segments may be adopted"))
    if let evidence = ledger.standing(of: record).evidence {
      hold(token, until: evidence.sequence)
    } else {
      append([record], for: token)
    }
  }
}
