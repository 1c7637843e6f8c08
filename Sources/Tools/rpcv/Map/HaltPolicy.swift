/// `--halt WHEN,WHY=N`: when a run gives up, or has enough. `soon` starts no more jobs and waits
/// for the running ones; `now` cancels these too.
struct HaltPolicy: Equatable, Sendable {
  enum When: String, Sendable { case soon, now }
  enum Why: String, Sendable { case fail, success, done }

  var when: When
  var why: Why
  var count: Int

  /// nil is `never`. GNU parallel's old forms 0, 1, 2, -1, -2 are understood.
  static func parse(_ text: String) throws(MapError) -> HaltPolicy? {
    switch text {
    case "never", "0": return nil
    case "1": return HaltPolicy(when: .soon, why: .fail, count: 1)
    case "2": return HaltPolicy(when: .now, why: .fail, count: 1)
    case "-1": return HaltPolicy(when: .soon, why: .success, count: 1)
    case "-2": return HaltPolicy(when: .now, why: .success, count: 1)
    default: break
    }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let reason = parts.last?.split(separator: "=", omittingEmptySubsequences: false) ?? []
    guard parts.count == 2, reason.count == 2, let when = When(rawValue: String(parts[0])),
      let why = Why(rawValue: String(reason[0]))
    else {
      throw .usage(
        "--halt: '\(text)' is neither 'never' nor (soon|now),(fail|success|done)=N"
      )
    }
    if reason[1].hasSuffix("%") {
      throw .usage("--halt: a percentage needs all input before the first job; give a number")
    }
    guard let count = Int(reason[1]), count > 0 else {
      throw .usage("--halt: '\(reason[1])' is not a number of jobs from 1")
    }
    return HaltPolicy(when: when, why: why, count: count)
  }
}

/// Watches the jobs of a run end and says when its halt is reached.
struct HaltWatch: Sendable {
  enum Verdict: Equatable, Sendable { case goOn, startNoMore, cancelRunning }

  private let policy: HaltPolicy?
  private var seen = 0
  private var tally = ExitTally()
  /// The status of the run, fixed when the halt was reached.
  private var haltStatus: UInt8?

  init(_ policy: HaltPolicy?) { self.policy = policy }

  mutating func ended(_ outcome: JobOutcome) -> Verdict {
    tally.count(outcome)
    guard let policy else { return .goOn }
    if haltStatus == nil, counts(outcome, policy.why) {
      seen += 1
      if seen == policy.count { haltStatus = status(policy, outcome) }
    }
    if haltStatus == nil { return .goOn }
    return policy.when == .soon ? .startNoMore : .cancelRunning
  }

  /// A job of an earlier run: it counts in the exit status, and brings no halt.
  mutating func endedBefore(_ outcome: JobOutcome) { tally.count(outcome) }

  var failed: Int { tally.failed }
  var hasHalted: Bool { haltStatus != nil }
  /// What the run ends with, as things are now.
  var exitStatus: UInt8 { haltStatus ?? tally.status }

  private func counts(_ outcome: JobOutcome, _ why: HaltPolicy.Why) -> Bool {
    switch why {
    case .fail: outcome.hasFailed
    case .success: !outcome.hasFailed
    case .done: true
    }
  }

  /// Success is a success; the one job that was waited for gives its own status; else the failed
  /// ones are counted.
  private func status(_ policy: HaltPolicy, _ outcome: JobOutcome) -> UInt8 {
    if policy.why == .success { return 0 }
    return policy.count == 1 ? outcome.shellStatus : tally.status
  }
}
