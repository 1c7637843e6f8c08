import Foundation
import Measuring

// The database servers that peers need, started for the measurement in its own directory and
// stopped behind it.

/// Runs a program to its end; throws what it said if that was no success.
func runTool(_ program: String, _ arguments: [String], input: FileHandle? = nil) throws {
  let process = Process()
  let output = Pipe()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = output
  do { try process.run() } catch { throw BenchError("can't start \(program): \(error)") }
  let words = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw BenchError("\(program): \(String(decoding: words, as: UTF8.self))")
  }
}

protocol Server {
  var identifier: Int32 { get }
  func stop()
}

/// A cluster of its own on a unix socket. PostgreSQL refuses root, so root lets `postgres` do it.
final class PostgreSQLServer: Server {
  private let daemon: Daemon
  let connection: String
  var identifier: Int32 { daemon.identifier }

  static var programs: String? {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newest = versions.compactMap { Int($0) }.max()
    let path = newest.map { "\(root)/\($0)/bin" } ?? "/usr/bin"
    return FileManager.default.isExecutableFile(atPath: path + "/initdb") ? path : nil
  }

  /// `socketDirectory` has a short path: a socket's is limited.
  init(_ directory: String, socketDirectory: String) throws {
    guard let programs = Self.programs else { throw BenchError("PostgreSQL is not installed") }
    let data = directory + "/postgresql"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    if geteuid() == 0 {
      try runTool("/usr/bin/chown", ["postgres", data, socketDirectory])
    }
    try Self.asUser(
      programs + "/initdb",
      ["-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
    let settings = [
      "listen_addresses=", "unix_socket_directories=\(socketDirectory)", "port=5432",
      "max_connections=100", "fsync=on", "synchronous_commit=on", "autovacuum=off",
    ]
    let (program, words) = Self.command(
      programs + "/postgres", ["-D", data] + settings.flatMap { ["-c", $0] })
    daemon = try Daemon(program, words, log: directory + "/postgresql.log")
    connection = "host=\(socketDirectory) port=5432 user=bench dbname=postgres"
    let socket = socketDirectory + "/.s.PGSQL.5432"
    do {
      try daemon.waitUntil("answers") {
        guard FileManager.default.fileExists(atPath: socket) else { return false }
        let asked: Void? = try? runTool(
          programs + "/pg_isready", ["-q", "-h", socketDirectory, "-p", "5432", "-U", "bench"])
        return asked != nil
      }
    } catch {
      daemon.stop()
      throw error
    }
  }

  private static func command(_ program: String, _ words: [String]) -> (String, [String]) {
    guard geteuid() == 0 else { return (program, words) }
    let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", program]
    return ("/usr/bin/setpriv", user + words)
  }

  private static func asUser(_ program: String, _ words: [String]) throws {
    let (tool, all) = command(program, words)
    try runTool(tool, all)
  }

  /// SIGTERM is its smart stop: it waits for clients, and there are none any more.
  func stop() { daemon.stop() }
}

/// With appendfsync always and no snapshots beside.
final class RedisServer: Server {
  private let daemon: Daemon
  let socket: String
  var identifier: Int32 { daemon.identifier }

  static let program = "/usr/bin/redis-server"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  init(_ directory: String, socketDirectory: String) throws {
    guard Self.isInstalled else { throw BenchError("Redis is not installed") }
    let data = directory + "/redis"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    let socket = socketDirectory + "/redis"
    self.socket = socket
    daemon = try Daemon(
      Self.program,
      [
        "--port", "0", "--unixsocket", socket, "--dir", data, "--appendonly", "yes",
        "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0",
      ], log: directory + "/redis.log")
    do {
      try daemon.waitUntil("listens") { FileManager.default.fileExists(atPath: socket) }
    } catch {
      daemon.stop()
      throw error
    }
  }

  func stop() { daemon.stop() }
}
