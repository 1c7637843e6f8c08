import Glibc

// How the jobs of a session ended, for the exit status of a run that goes on: of what was given
// back the logs know nothing any more. One byte a job, at the place of its number; a job's byte is
// written before its call is given back, so that a killed run loses none. Another machine has no
// such file: then it is told that some jobs' ends are not known.

final class EndedJobs {
  enum End: UInt8, Sendable {
    case succeeded = 1
    case failed = 2
    case cancelled = 3
  }

  private let descriptor: Int32

  /// In the session's directory, which this process has locked. What can't be opened is done
  /// without.
  init(in directory: String) {
    descriptor = open(directory + "/ended", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func note(_ number: Int, _ end: End) {
    guard descriptor >= 0 else { return }
    var byte = end.rawValue
    _ = pwrite(descriptor, &byte, 1, off_t(number - 1))
  }

  /// Nil if no run on this machine saw it end.
  subscript(number: Int) -> End? {
    var byte: UInt8 = 0
    guard descriptor >= 0, pread(descriptor, &byte, 1, off_t(number - 1)) == 1 else { return nil }
    return End(rawValue: byte)
  }

  /// Against power cuts, at the end of a run.
  func sync() { if descriptor >= 0 { fdatasync(descriptor) } }
}

/// What a run that goes on finds done already, counted for its last words.
struct EarlierJobs: Equatable, Sendable {
  var succeeded = 0
  var failed = 0
  /// Cancelled, by a halt or by hand.
  var cancelled = 0
  var unknown = 0

  /// Nil if there is nothing to say.
  var text: String? {
    let all = succeeded + failed + cancelled + unknown
    guard all > 0 else { return nil }
    var text = "\(all) \(all == 1 ? "job was" : "jobs were") printed or given up by an earlier run"
    let counted = [(failed, "failed"), (cancelled, "cancelled")].filter { $0.0 > 0 }
    if !counted.isEmpty {
      text += "; the exit status counts " + counted.map { "\($0) \($1)" }.joined(separator: ", ")
    }
    if unknown > 0 {
      let which = unknown < all ? "\(unknown) of them" : all == 1 ? "it" : "they"
      text += "; how \(which) ended is not known on this machine, and not counted"
    }
    return text
  }
}
