import LogStore

// What people are shown, from the ledger alone.

extension Ledger {
  /// Counts by state; nil if nothing is known of the session. Costs nothing per call.
  public func summary(of session: SessionName) -> SessionSummary? {
    guard let entry = self.session(session) else { return nil }
    var summary = SessionSummary(name: session)
    summary.userText = entry.userText
    summary.sessionText = entry.sessionText
    summary.mode = entry.mode
    summary.pending = entry.count(of: .pending)
    summary.assigned = entry.count(of: .assigned)
    summary.failed = entry.count(of: .exhausted)
    summary.finished = entry.count(of: .finished)
    summary.cancelled = entry.count(of: .cancelled)
    summary.collected = entry.count(of: .collected)
    summary.released = entry.count(of: .released)
    return summary
  }
}

extension CallEntry {
  /// One a digest.
  public var summaries: [CallSummary] { versions.map { $0.summary(of: call) } }
}

extension CallVersion {
  public func summary(of call: CallName) -> CallSummary {
    var summary = CallSummary(call: call, digest: digest, state: state)
    summary.command = submission?.spec.command ?? ""
    summary.tasks = UInt64(tasks.count)
    summary.failures = UInt64(failures)
    if let result = result?.result {
      summary.exitStatus = UInt64(result.exitStatus)
      summary.signal = UInt64(result.signal)
      summary.duration = result.duration
      summary.host = result.host
    }
    return summary
  }
}

extension CallSpec {
  /// The command line, or the service and its arguments, as text for people; shortened.
  public var command: String {
    let words = arguments.map { String(decoding: $0.prefix(Self.shown), as: UTF8.self) }
    let all = service == "exec" ? words : [service] + words
    return String(all.joined(separator: " ").prefix(Self.shown))
  }

  private static let shown = 200
}
