// One call as its client knows it, and the names of the records that the client may send.

import LogStore

struct ClientCall: Sendable {
  var digest: Digest
  /// Of the Submitted in the own log.
  var sequence = LogSequence.zero
  /// The own log holds the Submitted.
  var isLogged: Bool
  var isCancelled = false
  /// The result of the Collected in the own log.
  var collected: Hash256?
}

/// A record of this client's session in its own log.
enum ClientRecordKey: Hashable, Sendable {
  case opened
  /// Numbered as they were met.
  case released(UInt64)
  case submitted(CallCounter)
  case cancelled(CallCounter)
  case collected(CallCounter)

  var counter: CallCounter? {
    switch self {
    case .opened, .released: nil
    case .submitted(let counter), .cancelled(let counter), .collected(let counter): counter
    }
  }
}
