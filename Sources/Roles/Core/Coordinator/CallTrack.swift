import LogStore
import ReplicationCore

// What the coordinator keeps about one call beside the ledger: enough to decide without a look at
// the ledger whether it is to be given out. Derived from facts, servers' reports and suspicions;
// losing it loses nothing.

/// The coordinator's start that a task belongs to.
struct TaskOwner: Hashable, Comparable, Sendable {
  var node: NodeID
  var start: Nonce
  static func < (a: TaskOwner, b: TaskOwner) -> Bool { (a.node, a.start) < (b.node, b.start) }
}

extension TaskName {
  var owner: TaskOwner { TaskOwner(node: node, start: start) }
}

/// A service as servers offer it and calls want it; an empty version stands for any.
struct ServiceKey: Hashable, Comparable, Sendable {
  var name: String
  var version: String
  static func < (a: ServiceKey, b: ServiceKey) -> Bool {
    (a.name, a.version) < (b.name, b.version)
  }

  var text: String { version.isEmpty ? name : "\(name)/\(version)" }

  /// What a server that offers `text` (`name` or `name/version`) can serve.
  static func offered(_ text: String) -> [ServiceKey] {
    guard let slash = text.firstIndex(of: "/") else {
      return [ServiceKey(name: text, version: "")]
    }
    let name = String(text[..<slash])
    let version = String(text[text.index(after: slash)...])
    return [ServiceKey(name: name, version: version), ServiceKey(name: name, version: "")]
  }
}

struct CallTrack: Sendable {
  enum Queue: Hashable, Sendable {
    case none
    /// Runnable, but not before its alarm.
    case delayed
    case runnable
  }

  var state = CallState.pending
  /// Its place in the order of arrival in this ledger; nil as long as only other facts are known.
  var arrival: UInt64?
  var service = ServiceKey(name: "", version: "")
  var priority: Int64 = 0
  /// Inputs that a server would fetch from here.
  var inputs: [ArchiveID] = []
  var isCollected = false
  var hasResult = false
  /// Since when a client has been asking for its collected result, which is not here.
  var missedSince: Instant?
  /// Archives of the present result.
  var outputs: [ArchiveID] = []
  /// Archives of all finished tasks: each must be kept as long as its record.
  var ends: [ArchiveID] = []
  /// What the shell was asked for on this call's behalf, each once.
  var wanted: [ArchiveID] = []
  /// It stands in the session's blocked counters: an input is not durable here.
  var blocksAcceptance = false
  var tasks: [TaskName] = []
  /// Those that it backs off from.
  var failures = 0
  var backOffUntil = Instant.zero
  /// Drawn and sent, not yet back as a fact.
  var assigning: TaskName?
  /// Since when nothing but a server has been wanting.
  var candidateSince: Instant?
  var queue = Queue.none
  /// The result, kept only if it has archives: whoever holds them finishes the call again if
  /// another gives it up for lost.
  var result: Record?
}

struct TaskTrack: Sendable {
  var key: CallKey
  /// Nil if only its loss is known.
  var server: NodeID?
  var phase: TaskEntry.Phase
  /// Its end is known to be durable at enough nodes.
  var safe = false
}
