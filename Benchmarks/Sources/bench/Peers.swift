import Foundation
import Glibc
import Measuring

// What every peer of a comparison can do, and the processes that stand behind it.

/// Somebody who can be asked to carry out calls that do nothing.
protocol Caller {
  var name: String { get }
  /// So many calls, so many of them under way at any time; each answer begins the next call.
  func calls(_ count: Int, inFlight: Int) throws -> Round
  /// Lets what follows a round, outside its time, come to rest.
  func rest() throws
  func stop()
}

extension Daemon {
  /// Until somebody listens on the port.
  func waitUntilListening(on port: UInt16) throws {
    try waitUntil("listens on port \(port)") {
      guard let socket = try? BlockingSocket(port: port) else { return false }
      socket.close()
      return true
    }
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

/// All rounds of one peer in one measurement.
struct Series {
  var rate = Figures()
  var total = Figures()
  var p50 = Figures()
  var p99 = Figures()

  mutating func add(_ round: Round) {
    rate.values.append(Double(round.latencies.count) / round.seconds)
    total.values.append(round.seconds)
    p50.values.append(round.percentile(0.5))
    p99.values.append(round.percentile(0.99))
  }
}
