import Foundation
import Glibc
import Synchronization

// What every peer of a comparison can do, and the processes that stand behind it.

struct BenchError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Somebody who can be asked to carry out calls that do nothing.
protocol Caller {
  var name: String { get }
  /// So many calls, so many of them under way at any time; each answer begins the next call.
  func calls(_ count: Int, inFlight: Int) throws -> Round
  /// Lets what follows a round, outside its time, come to rest.
  func rest() throws
  func stop()
}

enum Clock {
  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// The processes that must not outlive this one when it is interrupted.
enum Children {
  private static let running = Mutex<Set<Int32>>([])

  static func add(_ child: Int32) { running.withLock { _ = $0.insert(child) } }
  static func remove(_ child: Int32) { running.withLock { _ = $0.remove(child) } }

  /// On Ctrl-C and the like: ends them, removes `directory`, exits.
  static func endWithThis(removing directory: String) -> [any DispatchSourceSignal] {
    [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        for child in running.withLock({ $0 }) { kill(child, SIGTERM) }
        try? FileManager.default.removeItem(atPath: directory)
        exit(128 + number)
      }
      source.activate()
      return source
    }
  }
}

/// A process that runs for as long as the measurement, its words in a file.
final class Daemon {
  private let process = Process()
  let name: String
  private let log: String

  init(_ program: String, _ arguments: [String], log: String) throws {
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

  var identifier: Int32 { process.processIdentifier }

  /// Until somebody listens on the port.
  func waitUntilListening(on port: UInt16) throws {
    let end = Clock.now() + 20_000_000_000
    while Clock.now() < end {
      guard process.isRunning else { break }
      if let socket = try? BlockingSocket(port: port) {
        socket.close()
        return
      }
      poll(nil, 0, 20)
    }
    let words = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    throw BenchError("\(name) does not listen on port \(port): \(words)")
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    Children.remove(identifier)
  }
}

/// A TCP connection to this machine.
final class BlockingSocket {
  private let descriptor: Int32
  private var isOpen = true

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    guard result == 0 else {
      Glibc.close(descriptor)
      throw BenchError("nobody listens on port \(port)")
    }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
  }

  /// A port that is free now.
  static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Glibc.close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
      }
    }
    guard result == 0 else { throw BenchError("no port is free") }
    return UInt16(bigEndian: address.sin_port)
  }

  func write(_ bytes: [UInt8]) throws {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw BenchError("a connection broke while writing") }
      done += count
    }
  }

  /// At least one byte, appended to `bytes`; false at the end.
  func read(into bytes: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return false }
    bytes.append(contentsOf: buffer[..<count])
    return true
  }

  func close() {
    guard isOpen else { return }
    isOpen = false
    Glibc.close(descriptor)
  }

  deinit { close() }
}
