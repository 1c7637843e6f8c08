import Foundation
import Synchronization
import Testing

// Real processes: run to their end, or started, killed with -9 and started again.

enum Program {
  /// Built beside the tests.
  static let folder: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path
  }()
  static var rpcv: String { folder + "/rpcv" }
  static var logdump: String { folder + "/rpcv-logdump" }
}

struct Ended: Sendable {
  var status: Int32
  var output: String
  var errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// A process whose output goes to files, so that no pipe fills.
final class LiveProcess {
  let name: String
  private let process = Process()
  private let output: String
  private let errors: String

  init(
    _ name: String, _ program: String, _ arguments: [String], in folder: String,
    environment: [String: String] = [:], input: String? = nil, number: Int = 0
  ) throws {
    self.name = name
    output = "\(folder)/\(name).\(number).out"
    errors = "\(folder)/\(name).\(number).err"
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment
    for name in variables.keys where name.hasPrefix("RPCV_") { variables[name] = nil }
    variables["HOME"] = folder
    variables["XDG_STATE_HOME"] = nil
    variables["XDG_CONFIG_HOME"] = nil
    process.environment = variables.merging(environment) { $1 }
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    for path in [output, errors] {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    if let input {
      let path = "\(folder)/\(name).\(number).in"
      try input.write(toFile: path, atomically: true, encoding: .utf8)
      process.standardInput = FileHandle(forReadingAtPath: path)
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  var isRunning: Bool { process.isRunning }

  /// The most memory that it has had so far.
  var peakMemory: Int? {
    guard
      let status = try? String(
        contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
    else { return nil }
    return Int(line.filter(\.isNumber)).map { $0 << 10 }
  }

  func signal(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// kill -9, and gone when this returns.
  func killNow() {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// What it printed so far.
  var printed: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
  var complaints: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }

  func end(within seconds: Double) throws -> Ended {
    let process = process
    try eventually(within: seconds, "\(name) ends; it says: \(complaints.suffix(500))") {
      !process.isRunning
    }
    process.waitUntilExit()
    return Ended(status: process.terminationStatus, output: printed, errors: complaints)
  }
}

struct NotInTime: Error, CustomStringConvertible {
  var description: String
}

/// Waits for a condition; the pause between two looks is no synchronisation, only courtesy.
func eventually(
  within seconds: Double, _ what: @autoclosure () -> String, _ condition: () throws -> Bool
) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !condition() {
    if ContinuousClock.now > deadline {
      throw NotInTime(description: "not within \(seconds) s: \(what())")
    }
    Span.pass(milliseconds: 20)
  }
}

/// Time that a scenario is made of: between two kills, or how long somebody is away. Nothing is
/// waited for by it; for that there is `eventually`.
enum Span {
  private static let never = DispatchSemaphore(value: 0)
  static func pass(milliseconds: Int) {
    _ = never.wait(timeout: .now() + .milliseconds(milliseconds))
  }
}

/// A folder that goes with the test.
final class TestFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "rpcv-e2e-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String, _ text: String) throws -> String {
    try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
    return path + "/" + name
  }
}
