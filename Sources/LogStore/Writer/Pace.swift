// When the writer thread does what, as a pure function of the sync policy, what it was told and
// the time: nanoseconds of a monotonic clock. It knows no thread and no log.

struct Pace: Sendable {
  enum Due: Hashable, Sendable {
    case commit
    /// Write without sync: what waits for its interval may be shipped already.
    case write
    /// Testify the durable end.
    case testify
    /// Nothing before then; nil: until woken.
    case wait(until: UInt64?)
  }

  /// DESIGN: a log that was idle for so long testifies its durable end.
  static let idleDelay: UInt64 = 100_000_000
  /// After so long a commit that was refused (a full disk) is tried again.
  static let retryDelay: UInt64 = 100_000_000

  private let policy: SyncPolicy
  /// When the first change was heard of that no commit has taken yet.
  private var waitingSince: UInt64?
  private var isUnwritten = false
  private var lastCommit: UInt64?
  private var idleAt: UInt64?
  private var retryAt: UInt64?

  init(_ policy: SyncPolicy) { self.policy = policy }

  /// Something was appended or ingested.
  mutating func woken(at now: UInt64) {
    if waitingSince == nil { waitingSince = now }
    isUnwritten = true
    idleAt = nil
  }

  mutating func committed(at now: UInt64, refused: Bool) {
    lastCommit = now
    idleAt = now &+ Pace.idleDelay
    retryAt = refused ? now &+ Pace.retryDelay : nil
  }

  /// Somebody else made all durable that there was.
  mutating func committedByOthers(at now: UInt64) {
    if waitingSince == nil, retryAt == nil { idleAt = now &+ Pace.idleDelay }
  }

  /// What is to be done now. What it answers counts as done.
  mutating func due(at now: UInt64) -> Due {
    if let since = waitingSince {
      let deadline = deadline(since)
      if now >= deadline { return commit() }
      if case .interval = policy, isUnwritten {
        isUnwritten = false
        return .write
      }
      return .wait(until: deadline)
    }
    if let retryAt {
      return now >= retryAt ? commit() : .wait(until: retryAt)
    }
    guard let idleAt else { return .wait(until: nil) }
    guard now >= idleAt else { return .wait(until: idleAt) }
    self.idleAt = nil
    return .testify
  }

  private mutating func commit() -> Due {
    waitingSince = nil
    isUnwritten = false
    retryAt = nil
    idleAt = nil
    return .commit
  }

  private func deadline(_ since: UInt64) -> UInt64 {
    switch policy {
    case .always, .never: since
    case .group(let maxDelay): since &+ maxDelay.nanoseconds
    case .interval(let span): max(since, (lastCommit ?? since) &+ span.nanoseconds)
    }
  }
}

extension Duration {
  /// Whole nanoseconds, from 0 to a century.
  fileprivate var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(min(seconds, 3_000_000_000)) * 1_000_000_000
      + UInt64(attoseconds / 1_000_000_000)
  }
}
