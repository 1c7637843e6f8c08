/// How a job ended, in the terms of GNU parallel's joblog and exit status.
enum JobOutcome: Equatable, Sendable {
  case exited(UInt8)
  /// The command was ended by this signal.
  case signalled(UInt8)
  /// The grid gave up on it: it failed too often, was cancelled, or its time was up; or it left no
  /// file that --out names.
  case notFinished

  var hasFailed: Bool { self != .exited(0) }

  /// A shell's `$?` for it.
  var shellStatus: UInt8 {
    switch self {
    case .exited(let status): status
    case .signalled(let signal): signal < 128 ? 128 + signal : 255
    case .notFinished: 255
    }
  }
}

/// What the whole run ends with: the number of failed jobs, 101 for more than 100, and 255 for an
/// error of the run itself. A --halt that was reached has its own rule.
struct ExitTally: Equatable, Sendable {
  private(set) var failed = 0
  private(set) var done = 0

  mutating func count(_ outcome: JobOutcome) {
    done += 1
    if outcome.hasFailed { failed += 1 }
  }

  var status: UInt8 { failed > 100 ? 101 : UInt8(failed) }
  static let errorStatus: UInt8 = 255
}
