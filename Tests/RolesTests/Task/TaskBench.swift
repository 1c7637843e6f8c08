import Foundation
import Glibc
import LogStore

@testable import RolesShell

/// A directory of its own and a runner in it, for one test.
final class TaskBench: Sendable {
  let directory: String
  let runner: TaskRunner
  private let count = Guarded(0)

  init(settings: TaskRunnerSettings = .init(), orphans: OrphanRegistry? = nil) throws {
    var template = Array("/tmp/rpcv-task-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemFailure("make a directory for the test") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    runner = try TaskRunner(settings: settings, orphans: orphans)
  }

  deinit {
    runner.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func launch(_ arguments: [String]) -> TaskLaunch {
    let number = count.withLock { count in
      count += 1
      return count
    }
    return TaskLaunch(
      id: "t\(number)", arguments: arguments.map { Array($0.utf8) },
      environment: [TaskVariable("PATH", "/usr/bin:/bin")], directory: directory,
      spool: "\(directory)/t\(number)")
  }

  func shell(_ script: String) -> TaskLaunch { launch(["sh", "-c", script]) }

  func run(_ launch: TaskLaunch) async -> TaskReport {
    await withCheckedContinuation { continuation in
      runner.start(launch) { continuation.resume(returning: $0) }
    }
  }

  func run(_ arguments: [String], change: (inout TaskLaunch) -> Void = { _ in }) async -> TaskReport
  {
    var launch = launch(arguments)
    change(&launch)
    return await run(launch)
  }

  func run(shell script: String, change: (inout TaskLaunch) -> Void = { _ in }) async -> TaskReport
  {
    await run(["sh", "-c", script], change: change)
  }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// The number that a task wrote to a file.
  func number(in name: String) async -> Int32? {
    let path = path(name)
    guard await eventually({ FileManager.default.contents(atPath: path)?.last == 10 }) else {
      return nil
    }
    let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }
}

extension TaskOutput {
  /// Its bytes, read from the file if need be.
  var text: String {
    switch self {
    case .inline(let bytes): String(decoding: bytes, as: UTF8.self)
    case .file(let path, _):
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
  }
}

/// Waits for a condition, on a thread of its own. A test that fails gives up after `limit` and some
/// thousand looks: where other tests hold the machine, time alone says nothing.
func eventually(
  within limit: Duration = .seconds(20), _ condition: @escaping @Sendable () -> Bool
) async -> Bool {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread {
      let end = ContinuousClock.now + limit
      var looks = 0
      while !condition() {
        looks += 1
        if looks >= 5000, ContinuousClock.now >= end {
          return continuation.resume(returning: false)
        }
        poll(nil, 0, 2)
      }
      continuation.resume(returning: true)
    }
  }
}

/// Whether the process lives; a zombie doesn't.
func isAlive(_ pid: Int32) -> Bool {
  guard let entry = ProcessTable.entry(pid) else { return false }
  return !entry.isZombie
}

func exists(_ pid: Int32) -> Bool { ProcessTable.entry(pid) != nil }
