import LogStore
import ReplicationCore

// Why a call is not running or not finished, in words, from what this coordinator knows. It decides
// nothing: it tells what Scheduling decided and which rule it followed.

extension Coordinator {
  func why(_ call: CallName) -> [String] {
    if ledger.isReleased(call) {
      return [
        "Call \(call.counter) is released: it was cancelled, or its result was given back. The "
          + "grid has forgotten it."
      ]
    }
    guard let entry = ledger.entry(of: call) else { return unknown(call) }
    var lines: [String] = []
    if entry.versions.count > 1 {
      lines.append(
        "\(entry.versions.count) different calls were submitted under number \(call.counter): the "
          + "program changed, or two ran at once. Each has its own result.")
    }
    for version in entry.versions {
      if entry.versions.count > 1 { lines.append("Digest \(version.digest):") }
      lines += why(CallKey(call: call, digest: version.digest), version)
    }
    return lines
  }

  private func unknown(_ call: CallName) -> [String] {
    guard let session = ledger.session(call.session) else {
      return [
        "No session \(call.session) is known here; its client may not have reached this part "
          + "of the grid yet."
      ]
    }
    return [
      "Call \(call.counter) is not known here: the session is known up to call "
        + "\(session.knownThrough)."
    ]
  }

  private func why(_ key: CallKey, _ version: CallVersion) -> [String] {
    var lines: [String] = []
    switch version.state {
    case .released: lines.append("It is released.")
    case .collected: lines.append(collectedText(key))
    case .cancelled:
      lines.append(
        "It was cancelled, by its run or by `rpcv cancel`: it does not run, and no result comes.")
    case .finished: lines.append(finishedText(key, version))
    case .exhausted: lines.append(exhaustedText(version))
    case .assigned, .pending: lines.append(contentsOf: waitingText(key, version))
    }
    for task in version.tasks.suffix(20) { lines.append(text(of: task)) }
    return lines
  }

  private func collectedText(_ key: CallKey) -> String {
    let text = "It is finished, and its client has the result."
    guard let track = calls[key], !track.hasResult else { return text }
    guard let since = track.missedSince else { return text + " No copy of it is known here." }
    guard track.arrival != nil else {
      return text + " A client asks for it, no copy of it is known here, and neither is the"
        + " submission, without which it can't run again."
    }
    return text + " A client asks for it; if nobody brings a copy within "
      + "\(seconds(since + settings.lostAfter - now)) it runs again."
  }

  private func exhaustedText(_ version: CallVersion) -> String {
    if version.endedAtOwnBound {
      return "It ran longer than its time limit and was killed. It is not tried again: it would "
        + "take as long (--retries would have tried it N times)."
    }
    let times = version.failures == 1 ? "once" : "\(version.failures) times"
    return "It failed \(times), as often as it may; it is not given out again."
  }

  private func finishedText(_ key: CallKey, _ version: CallVersion) -> String {
    var text = "It is finished"
    if let finished = version.result {
      let result = finished.result
      text += " on \(result.host.isEmpty ? name(of: finished.server) : result.host)"
      text += result.signal > 0 ? ", ended by signal \(result.signal)" : ""
      text += result.signal == 0 ? ", exit status \(result.exitStatus)" : ""
    }
    let missing = (calls[key]?.outputs ?? []).filter { !isHeld($0) }
    guard missing.isEmpty else {
      let isAbsent = archives[missing[0]] == .absent
      return text + "; its output is not here yet: archive \(missing[0])."
        + (isAbsent
          ? " No coordinator that answers has it; if its server is suspected too, the call runs "
            + "again." : "")
    }
    return text + "; its client has not collected the result."
  }

  // MARK: Not finished

  private func waitingText(_ key: CallKey, _ version: CallVersion) -> [String] {
    guard let track = calls[key] else { return ["It is not scheduled here."] }
    guard track.arrival != nil else {
      return ["Its submission has not arrived here; another coordinator has it."]
    }
    if let missing = track.inputs.first(where: { !isHeld($0) }) {
      return ["It waits for an input that is not here yet: archive \(missing)."]
    }
    if let task = track.tasks.first(where: isLive) { return [liveText(task)] }
    if track.assigning != nil { return ["It is being given to a server."] }
    var lines: [String] = []
    if !isServing {
      lines.append("This coordinator has just started and catches up before it gives out work.")
    }
    if isLogFull { lines.append("This coordinator's log is full, so it gives out no work.") }
    if track.backOffUntil > now {
      lines.append(
        "It failed \(track.failures) times and is tried again in "
          + "\(seconds(track.backOffUntil - now)).")
    } else if track.queue == .delayed {
      lines.append("It is another coordinator's share for a moment.")
    }
    return lines + supplyText(track)
  }

  private func liveText(_ name: TaskName) -> String {
    guard let task = tasks[name] else { return "It is assigned." }
    let server = task.server.map { self.name(of: $0) } ?? "a server"
    if let reporter = reporters[name] {
      return "It is running or waiting on \(self.name(of: reporter))."
    }
    guard name.node == identity?.node else {
      return "Coordinator \(name.node.short) gave it to \(server) and is relied on."
    }
    guard name.start == identity?.start else {
      return "This coordinator gave it to \(server) before its restart; servers have "
        + "\(seconds(startedAt + settings.suspicionTimeout - now)) more to report it."
    }
    return "It was given to \(server), which has not reported it yet."
  }

  /// Whether there are servers for it.
  private func supplyText(_ track: CallTrack) -> [String] {
    let offering = servers.filter { $0.value.keys.contains(track.service) }
    let service = track.service.text
    if servers.isEmpty { return ["No server has been heard of by this coordinator."] }
    if offering.isEmpty {
      return ["None of the \(servers.count) servers known here offers the service \(service)."]
    }
    let suspected = offering.count { $0.value.suspected }
    if suspected == offering.count {
      return [
        "All \(offering.count) servers that offer \(service) are suspected: none was heard "
          + "for \(seconds(settings.suspicionTimeout))."
      ]
    }
    guard track.queue == .runnable else { return [] }
    let ahead = runQueue.count(for: track.service) - 1
    let serving = offering.count - suspected
    return [
      "It waits for a free slot: \(serving == 1 ? "1 server offers" : "\(serving) servers offer") "
        + "\(service), and \(ahead == 1 ? "1 other call waits" : "\(ahead) other calls wait")."
    ]
  }

  // MARK: Tasks

  private func text(of task: TaskEntry) -> String {
    let server = task.server.map { name(of: $0) } ?? "a server"
    let start = "Task \(task.name) on \(server): "
    switch task.phase {
    case .finished: return start + "finished."
    case .lost: return start + "finished, but its result was lost."
    case .failed:
      guard case .failed(let failed)? = try? Fact.decode(task.record) else {
        return start + "failed."
      }
      let detail = failed.detail.isEmpty ? "" : " (\(failed.detail.prefix(500)))"
      return start + "failed: \(failed.reason.text)\(detail)."
    case .assigned: return start + assignedText(task)
    }
  }

  private func assignedText(_ task: TaskEntry) -> String {
    if let reporter = reporters[task.name] {
      let isSuspected = servers[reporter]?.suspected ?? true
      return isSuspected ? "not heard of since its server is suspected." : "running or waiting."
    }
    if let server = task.server, servers[server]?.suspected == true {
      return "its server is suspected."
    }
    if task.name.node != identity?.node, !isLive(task.name) {
      let node = task.name.node
      if owners.isStale(task.name.owner) {
        return "coordinator \(node.short), which gave it, restarted."
      }
      return owners.isListed(node)
        ? "coordinator \(node.short), which gave it, is suspected."
        : "coordinator \(node.short), which gave it, is gone."
    }
    return "assigned, not reported yet."
  }

  private func seconds(_ span: Duration) -> String {
    let tenths = (span.wholeMilliseconds + 99) / 100
    return "\(tenths / 10).\(tenths % 10) s"
  }
}

extension FailureReason {
  /// For people.
  public var text: String {
    switch self {
    case .unknown: "for a reason that it did not tell"
    case .neverArrived: "it never arrived"
    case .noSuchService: "the server does not offer the service"
    case .cannotStart: "it could not be started"
    case .killed: "it was killed"
    case .timeLimit: "its time limit passed"
    case .memoryLimit: "its memory limit passed"
    case .serverRestarted: "the server restarted"
    case .inputUnavailable: "its input could not be had"
    case .diskFull: "the server's disk is full"
    }
  }
}
