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
      guard let entry = ledger.session(name) else {
        return .refused(Refusal(.notFound, "no session \(name) is known here"))
      }
      return .sessions([summary(of: entry)])
    }
    let names = ledger.sessionNames.prefix(Int(settings.operatorRows))
    return .sessions(names.compactMap { ledger.session($0).map(summary) })
  }

  private func summary(of entry: SessionEntry) -> SessionSummary {
    var summary = SessionSummary(name: entry.name)
    summary.userText = entry.userText
    summary.sessionText = entry.sessionText
    summary.mode = entry.mode
    summary.pending = entry.count(of: .pending)
    summary.assigned = entry.count(of: .assigned)
    summary.finished = entry.count(of: .finished)
    summary.failed = entry.count(of: .exhausted)
    summary.cancelled = entry.count(of: .cancelled)
    summary.collected = entry.count(of: .collected)
    summary.released = entry.count(of: .released)
    return summary
  }

  private func callSummaries(
    _ session: SessionName, from: CallCounter, limit: UInt64
  ) -> OperatorResponse {
    guard ledger.session(session) != nil else {
      return .refused(Refusal(.notFound, "no session \(session) is known here"))
    }
    let rows = Int(min(limit, settings.operatorRows))
    var summaries: [CallSummary] = []
    for entry in ledger.calls(of: session, from: from, limit: rows) {
      for version in entry.versions { summaries.append(summary(of: entry.call, version)) }
    }
    return .calls(summaries)
  }

  private func summary(of call: CallName, _ version: CallVersion) -> CallSummary {
    var summary = CallSummary(call: call, digest: version.digest, state: version.state)
    if let submission = version.submission { summary.command = submission.spec.commandText }
    summary.tasks = UInt64(version.tasks.count)
    summary.failures = UInt64(version.failures)
    if let result = version.result?.result {
      summary.exitStatus = UInt64(result.exitStatus)
      summary.signal = UInt64(result.signal)
      summary.duration = result.duration
      summary.host = result.host
    }
    return summary
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

extension CallSpec {
  /// For people, shortened.
  var commandText: String {
    let words = arguments.map { String(decoding: $0.prefix(200), as: UTF8.self) }
    let all = service == "exec" ? words : [service] + words
    return String(all.joined(separator: " ").prefix(200))
  }
}
