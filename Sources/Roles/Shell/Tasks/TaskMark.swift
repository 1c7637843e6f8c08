// How a task's processes are told from others: two variables of their environment, which survive
// setsid, double forks and the death of this process.

struct TaskMark: Hashable, Sendable {
  /// Random for each start of a runner.
  var run: String
  var id: String

  static let runName = "RPCV_RUN"
  static let taskName = "RPCV_TASK"
  /// The task's number among those that run here; no part of the mark.
  static let slotName = "RPCV_SLOT"

  var variables: [[UInt8]] {
    [Array("\(Self.runName)=\(run)".utf8), Array("\(Self.taskName)=\(id)".utf8)]
  }

  func marks(_ pid: Int32) -> Bool {
    variables.allSatisfy { ProcessTable.environment(of: pid, contains: $0) }
  }

  static func runMark(_ run: String) -> [UInt8] { Array("\(runName)=\(run)".utf8) }

  /// What may stand in an id: it becomes a file's name.
  static func isGood(_ id: String) -> Bool {
    (1...80).contains(id.utf8.count) && id != "." && id != ".."
      && id.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45
          || $0 == 46 || $0 == 95
      }
  }
}
