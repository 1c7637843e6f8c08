import Foundation
import Measuring

// Many small commands on one machine: the embedded `rpcv map`, durable, beside xargs and GNU
// parallel, which keep nothing.

struct CommandPeer {
  var name: String
  /// Reads arguments from the standard input.
  var words: [String]
  var environment: [String: String] = [:]

  /// Seconds for `jobs` times /bin/true, two at once.
  func run(_ jobs: Int) throws -> Double {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let input = Pipe()
    process.standardInput = input
    process.standardOutput = FileHandle.nullDevice
    let start = Clock.now()
    do { try process.run() } catch { throw BenchError("can't start \(name): \(error)") }
    let lines = (1...jobs).map { "\($0)\n" }.joined()
    try input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BenchError("\(name) ended with status \(process.terminationStatus)")
    }
    return Double(Clock.now() - start) / 1e9
  }

  static func all(rpcv: String, directory: String) throws -> [CommandPeer] {
    let config = directory + "/config"
    guard FileManager.default.createFile(atPath: config, contents: nil) else {
      throw BenchError("can't write \(config)")
    }
    var peers = [
      CommandPeer(
        name: "rpcv map -j2, group sync", words: [rpcv, "map", "-j2", "/bin/true", "{}"],
        environment: ["RPCV_CONFIG": config, "XDG_STATE_HOME": directory + "/state"]),
      CommandPeer(name: "xargs -P2", words: ["xargs", "-P2", "-I", "{}", "/bin/true", "{}"]),
    ]
    if FileManager.default.isExecutableFile(atPath: "/usr/bin/parallel") {
      peers.append(
        CommandPeer(
          name: "GNU parallel -j2",
          words: ["parallel", "--will-cite", "-j2", "/bin/true", "{}"],
          environment: ["PARALLEL_HOME": directory]))
    }
    return peers
  }
}
