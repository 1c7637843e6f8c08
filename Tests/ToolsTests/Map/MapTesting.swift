import Foundation
import Testing

@testable import rpcv

// Helpers of the tests of `rpcv map`.

func bytes(_ text: String) -> Bytes { Array(text.utf8) }

func job(_ arguments: String..., number: Int = 1) -> Job {
  Job(number: number, arguments: arguments.map(bytes))
}

/// Splits at blanks, as a shell would for words without quotes.
func options(_ line: String) throws(MapError) -> MapOptions {
  try MapOptions(parsing: line.split(separator: " ").map { Array($0.utf8) })
}

/// A folder for one test, gone when it ends.
final class Scratch {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("rpcv-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String, _ content: String) throws -> Bytes {
    let path = path + "/" + name
    try Data(content.utf8).write(to: URL(fileURLWithPath: path))
    return Array(path.utf8)
  }
}

/// Runs a program to its end and returns what it printed on standard output.
func outputOf(
  _ program: String, _ arguments: [String], input: Data = Data(),
  environment: [String: String] = [:], folder: String = "/"
) throws -> Data {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.currentDirectoryURL = URL(fileURLWithPath: folder)
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let output = Pipe()
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  let scratch = try Scratch()
  let inputPath = scratch.path + "/input"
  try input.write(to: URL(fileURLWithPath: inputPath))
  process.standardInput = FileHandle(forReadingAtPath: inputPath)
  try process.run()
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return data
}
