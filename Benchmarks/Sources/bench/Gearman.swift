import Foundation
import Measuring

// gearmand, an in-memory job server, driven by a client and a worker that speak its binary protocol
// directly: nothing of them is slower than it must be. Client, server and worker are processes of
// their own, as ours are.

/// One packet: four magic bytes, type, size of the body.
struct GearmanPacket {
  enum Kind: UInt32 {
    case canDo = 1
    case preSleep = 4
    case noop = 6
    case submitJob = 7
    case jobCreated = 8
    case grabJob = 9
    case noJob = 10
    case jobAssign = 11
    case workComplete = 13
    case workFail = 14
    case error = 19
  }

  var kind: UInt32
  var body: ArraySlice<UInt8>

  static func request(_ kind: Kind, _ parts: [some Sequence<UInt8>], into bytes: inout [UInt8]) {
    bytes.append(contentsOf: [0, 0x52, 0x45, 0x51])  // \0REQ
    append(kind.rawValue, to: &bytes)
    let place = bytes.count
    append(0, to: &bytes)
    for (index, part) in parts.enumerated() {
      if index > 0 { bytes.append(0) }
      bytes.append(contentsOf: part)
    }
    let size = UInt32(bytes.count - place - 4)
    for index in 0..<4 {
      bytes[place + index] = UInt8(truncatingIfNeeded: size >> (24 - 8 * index))
    }
  }

  /// The packets that are whole, taken off `bytes`.
  static func take(_ bytes: inout [UInt8]) -> [GearmanPacket] {
    var packets: [GearmanPacket] = []
    var start = 0
    while bytes.count - start >= 12 {
      let size = Int(number(bytes, start + 8))
      guard bytes.count - start - 12 >= size else { break }
      packets.append(
        GearmanPacket(
          kind: number(bytes, start + 4), body: bytes[(start + 12)..<(start + 12 + size)]))
      start += 12 + size
    }
    if start > 0 { bytes.removeFirst(start) }
    return packets
  }

  private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
}

final class GearmanCaller: Caller {
  let name = "gearmand, in memory"
  private let daemon: Daemon
  private let worker: Daemon
  private let socket: BlockingSocket

  static let program = "/usr/sbin/gearmand"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  init(directory: String, slots: Int) throws {
    let port = try BlockingSocket.freePort()
    var arguments = [
      "--listen=127.0.0.1", "--port=\(port)", "--log-file=\(directory)/gearmand.log",
    ]
    if getuid() == 0 { arguments.append("--user=root") }
    daemon = try Daemon(Self.program, arguments, log: directory + "/gearmand.out")
    try daemon.waitUntilListening(on: port)
    worker = try Daemon(
      CommandLine.arguments[0], ["gearman-worker", "\(port)", "\(slots)"],
      log: directory + "/gearman-worker.out")
    socket = try BlockingSocket(port: port)
  }

  func calls(_ count: Int, inFlight: Int) throws -> Round {
    var round = Round()
    round.latencies.reserveCapacity(count)
    var submitted = 0
    var begun: [UInt64] = []
    var created = 0
    var handles: [ArraySlice<UInt8>: UInt64] = [:]
    var received: [UInt8] = []
    let start = Clock.now()
    while round.latencies.count < count {
      var outgoing: [UInt8] = []
      let now = Clock.now()
      while submitted < count, submitted - round.latencies.count < inFlight {
        let parts: [[UInt8]] = [Array("noop".utf8), [], Workload.argument]
        GearmanPacket.request(.submitJob, parts, into: &outgoing)
        begun.append(now)
        submitted += 1
      }
      if !outgoing.isEmpty { try socket.write(outgoing) }
      guard socket.read(into: &received) else { throw BenchError("gearmand closed") }
      let end = Clock.now()
      for packet in GearmanPacket.take(&received) {
        switch GearmanPacket.Kind(rawValue: packet.kind) {
        case .jobCreated:
          handles[packet.body] = begun[created]
          created += 1
        case .workComplete:
          guard let began = handles.removeValue(forKey: packet.body.prefix { $0 != 0 }) else {
            throw BenchError("gearmand answered what was not asked")
          }
          round.latencies.append(end - began)
        default: throw BenchError("gearmand said packet \(packet.kind)")
        }
      }
    }
    round.seconds = Double(Clock.now() - start) / 1e9
    return round
  }

  func rest() {}

  func stop() {
    socket.close()
    worker.stop()
    daemon.stop()
  }

  /// The worker's process: so many connections, a thread each.
  static func work(port: UInt16, slots: Int) throws {
    for _ in 1..<slots {
      Thread.detachNewThread {
        do { try serve(port) } catch { print("\(error)") }
      }
    }
    try serve(port)
  }

  private static func serve(_ port: UInt16) throws {
    let socket = try BlockingSocket(port: port)
    var outgoing: [UInt8] = []
    GearmanPacket.request(.canDo, [Array("noop".utf8)], into: &outgoing)
    GearmanPacket.request(.grabJob, [[UInt8]](), into: &outgoing)
    var received: [UInt8] = []
    while true {
      try socket.write(outgoing)
      outgoing = []
      while outgoing.isEmpty {
        guard socket.read(into: &received) else { return }
        for packet in GearmanPacket.take(&received) {
          switch GearmanPacket.Kind(rawValue: packet.kind) {
          case .jobAssign:
            let handle = packet.body.prefix { $0 != 0 }
            let argument = packet.body.dropFirst(handle.count + 1).drop { $0 != 0 }.dropFirst()
            GearmanPacket.request(.workComplete, [handle, argument], into: &outgoing)
            GearmanPacket.request(.grabJob, [[UInt8]](), into: &outgoing)
          case .noJob: GearmanPacket.request(.preSleep, [[UInt8]](), into: &outgoing)
          case .noop: GearmanPacket.request(.grabJob, [[UInt8]](), into: &outgoing)
          default: throw BenchError("the worker was told packet \(packet.kind)")
          }
        }
      }
    }
  }
}
