/// What the commands end with. One table for all of them, printed by `rpcv help exit`; a number
/// never changes its meaning.
enum ExitStatus: UInt8, CaseIterable, Sendable {
  case success = 0
  /// A call's command failed, or what was asked about does not exist.
  case failure = 1
  case usage = 64
  case damaged = 65
  case noInput = 66
  case unreachable = 69
  case inUse = 71
  case cannotWrite = 73
  case inputOutput = 74
  case timedOut = 75
  case protocolMismatch = 76
  case configuration = 78
  case interrupted = 130

  var meaning: String {
    switch self {
    case .success: "done"
    case .failure: "a call ended badly, or what was asked about does not exist"
    case .usage: "a flag or an argument is wrong"
    case .damaged: "stored data is damaged (rpcv-logdump --verify)"
    case .noInput: "an input file is missing or cannot be read"
    case .unreachable: "no coordinator could be reached in the time given"
    case .inUse: "the data directory or the port is in use by another process"
    case .cannotWrite: "a directory or an output file cannot be written"
    case .inputOutput: "the disk reported an error, or is full"
    case .timedOut: "the time given with --timeout ended first"
    case .protocolMismatch: "the other side, or the data directory, is of a newer version"
    case .configuration: "the environment or the configuration file is wrong"
    case .interrupted: "ended by Ctrl-C; calls that were accepted stay safe"
    }
  }

  static var table: String {
    var table = TextTable([.right("STATUS"), .left("MEANING")])
    for status in allCases { table.add([String(status.rawValue), status.meaning]) }
    return """
      \(table.text())
      `rpcv map` ends as GNU parallel does: 0 if every job succeeded, else the number of
      failed jobs, 101 for more than 100, and 255 if the run itself could not go on.

      """
  }
}
