import Foundation
import Synchronization

// The clock of all measurements, and the processes that stand behind them.

package struct BenchError: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

package enum Clock {
  package static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// The processes that must not outlive this one when it is interrupted.
package enum Children {
  private static let running = Mutex<Set<Int32>>([])

  package static func add(_ child: Int32) { running.withLock { _ = $0.insert(child) } }
  package static func remove(_ child: Int32) { running.withLock { _ = $0.remove(child) } }

  /// On Ctrl-C and the like: ends them, removes the directories, exits.
  package static func endWithThis(removing directories: String...) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        for child in running.withLock({ $0 }) { kill(child, SIGTERM) }
        for path in directories { try? FileManager.default.removeItem(atPath: path) }
        exit(128 + number)
      }
      source.activate()
      return source
    }
  }
}

/// A process that runs for as long as the measurement, its words in a file.
package final class Daemon {
  private let process = Process()
  package let name: String
  private let log: String

  package init(_ program: String, _ arguments: [String], log: String) throws {
    name = (program as NSString).lastPathComponent
    self.log = log
    guard FileManager.default.createFile(atPath: log, contents: nil),
      let output = FileHandle(forWritingAtPath: log)
    else {
      throw BenchError("can't write \(log)")
    }
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    do { try process.run() } catch { throw BenchError("can't start \(program): \(error)") }
    Children.add(process.processIdentifier)
  }

  package var identifier: Int32 { process.processIdentifier }

  /// Until `isReady`, at most 20 s.
  package func waitUntil(_ what: String, isReady: () -> Bool) throws {
    let end = Clock.now() + 20_000_000_000
    while Clock.now() < end {
      guard process.isRunning else { break }
      if isReady() { return }
      poll(nil, 0, 20)
    }
    let words = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    throw BenchError("waited in vain until \(name) \(what): \(words)")
  }

  package func stop() {
    process.terminate()
    process.waitUntilExit()
    Children.remove(identifier)
  }
}
