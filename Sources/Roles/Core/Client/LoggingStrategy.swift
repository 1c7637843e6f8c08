// The three logging strategies (paper, 4.2), as two permissions that can't be had too early: one
// to return from submit, one to send the submission.

/// When a submission may be sent, and when submit may return.
public enum LoggingStrategy: String, Hashable, Sendable, CaseIterable {
  /// Logged in parallel; nobody waits.
  case optimistic
  /// Sent, and returned, after the log is durable.
  case blocking
  /// Sent at once; returns when the log is durable.
  case nonBlocking
}

/// Leave to return from submit; `logged` is the proof unless the strategy needs none.
public struct ReturnPermission: Hashable, Sendable {
  public let logged: Durable?
  init?(_ strategy: LoggingStrategy, _ durable: Durable?) {
    switch strategy {
    case .optimistic: break
    case .blocking, .nonBlocking: if durable == nil { return nil }
    }
    logged = durable
  }
}

/// Leave to send a submission to a coordinator.
struct SendPermission: Sendable {
  init?(_ strategy: LoggingStrategy, _ durable: Durable?) {
    switch strategy {
    case .optimistic, .nonBlocking: break
    case .blocking: if durable == nil { return nil }
    }
  }
}
