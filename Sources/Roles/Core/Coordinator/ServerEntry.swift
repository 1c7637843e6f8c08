import LogStore
import ReplicationCore

// What the coordinator knows of one server: what it said last, what it was given in this start,
// what it waits for. Opinions and reports, never facts.

struct ServerEntry: Sendable {
  /// An assignment of this start whose task has not ended.
  struct Sent: Sendable {
    /// The answer that carried it.
    var sequence: UInt64
    var incarnation: UInt64
    /// Heartbeats after that answer was taken which didn't list it.
    var missed = 0
  }

  struct Poll: Sendable {
    var token: RequestToken
    var sequence: UInt64
    var place: WaitingServers.Place
  }

  var host = ""
  var incarnation: UInt64 = 0
  var incarnations = IncarnationWatch()
  /// The last request's.
  var sequence: UInt64 = 0
  var slots: UInt64 = 0
  var wants: UInt64 = 0
  var services: [String] = []
  /// What it can serve, sorted.
  var keys: [ServiceKey] = []
  var lastHeard = Instant.zero
  var suspected = false
  var running: [TaskName] = []
  var holding: [TaskName] = []
  /// Both, as a set.
  var reported: Set<TaskName> = []
  var sent: [TaskName: Sent] = [:]
  /// Tasks of other starts that it should have by the facts, and since when it lists them not.
  var unlisted: [TaskName: Instant] = [:]
  /// Nobody wants their results, though the ledger may have forgotten them; with the number of
  /// heartbeats that didn't list them.
  var unwanted: [TaskName: Int] = [:]
  /// What it was told to cancel, send or drop, and when.
  var told: [TaskName: Instant] = [:]
  var poll: Poll?
  /// When it was given work last; counts answers with work.
  var served: UInt64 = 0
}
