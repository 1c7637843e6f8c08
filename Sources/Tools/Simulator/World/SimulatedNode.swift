import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// One machine of the world: its disk, and the engine that runs on it if it does. What belongs to an
// earlier life of its process is told by `life`.

struct SimulatedNode {
  enum Role: Hashable {
    case coordinator, server
    case client(Int)
  }

  static let path = "/node"

  let role: Role
  /// Where others reach it; only coordinators are reached.
  let address: String
  /// For the trace.
  let name: String
  var disk: SimulatedDisk
  /// Each disk of the world has a number of its own; what was promised was promised by a disk.
  var diskNumber: Int
  /// Counts starts of the process.
  var life = 0
  var engine: NodeEngine?
  /// Of its last life.
  var identity: NodeID?
  var directory: NodeDirectory?
  /// Of the segments opened at its start.
  var firstSerials: [LogKind: Serial] = [:]
  var wakeAt: Instant?
  /// Wakes without a pause.
  var restlessWakes = 0
  /// The machine is up, so that a dead process refuses connections instead of being silent.
  var isPowered = true
  /// It never comes back.
  var isGone = false
  var restartAt: Instant?
  /// The process dies in the middle of its disk's n-th operation from now.
  var diesIn: (operations: Int, isPowerCut: Bool)?
  /// The logs whose commit is planned or under way.
  var committing: Set<LogKind> = []
  /// What came for them meanwhile.
  var commitAgain: Set<LogKind> = []
  /// Tasks under way, by the number of their planned end.
  var running: [TaskName: Int] = [:]

  init(role: Role, address: String, name: String, disk: SimulatedDisk, diskNumber: Int) {
    self.role = role
    self.address = address
    self.name = name
    self.disk = disk
    self.diskNumber = diskNumber
  }

  var isRunning: Bool { engine != nil }
}
