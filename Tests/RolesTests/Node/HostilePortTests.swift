import Foundation
import Glibc
import LogStore
import ReplicationCore
import ReplicationTransport
import RolesCore
import RolesNode
import RolesShell
import Testing

/// F15, F16 on a whole grid over real sockets and disks: two coordinators on a ring, a server and a
/// client do their work while strangers talk nonsense to both ports.
@Suite struct HostilePortTests {
  @Test func aRingServesWhileStrangersSendGarbage() async throws {
    let grid = try PortGrid()
    defer { grid.stop() }
    let strangers = Strangers()
    for port in grid.ports { strangers.bother(port) }
    grid.submit(40)
    #expect(await eventually { grid.results.count == 40 })
    for port in grid.ports { strangers.bother(port) }
    grid.submit(40)
    #expect(await eventually { grid.results.count == 80 })
    // The ring replicated all of it meanwhile: it is durable at both.
    #expect(await eventually { grid.safeThrough == CallCounter(80) })
    let ports = grid.ports.count
    for reason in [
      "announces a frame of", "doesn't speak the protocol", "speaks protocol version 7",
    ] {
      #expect(
        await eventually { grid.notes.count { $0.contains(reason) } >= 2 * ports }, "\(reason)")
    }
    #expect(strangers.areAllCutOff())
  }
}

/// The processes of a grid in this one, each with its own directory, port and threads.
private final class PortGrid: Sendable {
  let ports: [UInt16]
  private let directory: String
  private let nodes: [NodeShell]
  private let told: Told

  final class Told: Sendable {
    let results = Guarded<Set<CallCounter>>([])
    let notes = Guarded<[String]>([])
    let safe = Guarded(CallCounter.zero)
    let submitted = Guarded<UInt64>(0)
  }

  // Copied out, see Tests/tsan.supp.
  var results: Set<CallCounter> { told.results.withLock { Set($0.map { $0 }) } }
  var notes: [String] { told.notes.withLock { $0.map { $0 } } }
  var safeThrough: CallCounter { told.safe.withLock { $0 } }

  init() throws {
    var template = Array("/tmp/rpcv-port-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemFailure("make a directory for the test") }
    let directory = String(
      decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.directory = directory
    let told = Told()
    self.told = told
    let ports = try RawSocket.freePorts(2)
    self.ports = ports
    let addresses = ports.map { "127.0.0.1:\($0)" }
    var nodes: [NodeShell] = []
    func start(_ name: String, _ port: UInt16?, _ change: (inout NodeSettings) -> Void) throws {
      var settings = NodeSettings()
      settings.coordinators = addresses
      settings.replication.heartbeatPeriod = .milliseconds(100)
      change(&settings)
      var configuration = NodeConfiguration(directory: "\(directory)/\(name)", settings: settings)
      configuration.listen = port.map { HostPort(host: "127.0.0.1", port: Int($0)) }
      let events = NodeEvents(
        onClient: { news in
          switch news {
          case .result(let call, _, _):
            told.results.withLock { _ = $0.insert(call.counter) }
          case .progress(let progress): told.safe.withLock { $0 = progress.safeThrough }
          default: break
          }
        }, onNote: { note in told.notes.withLock { $0.append(note) } })
      nodes.append(try NodeShell.start(configuration, events: events))
    }
    for (index, port) in ports.enumerated() {
      try start("coordinator\(index)", port) {
        $0.address = addresses[index]
        $0.coordinator = CoordinatorSettings()
      }
    }
    try start("server", nil) {
      $0.server = (ServerSettings(), Server.Offer(slots: 2, prefetch: 2, services: ["noop"]))
    }
    try start("client", nil) {
      var client = ClientSettings(
        session: SessionName(
          user: UserID(ID128(hashing: "port")), session: SessionID(ID128(hashing: directory))))
      client.heartbeat = .milliseconds(100)
      $0.client = client
    }
    self.nodes = nodes
  }

  func submit(_ count: Int) {
    var spec = CallSpec()
    spec.service = "noop"
    for _ in 0..<count {
      let ticket = told.submitted.withLock { number in
        number += 1
        return number
      }
      nodes.last?.tell(.submit(Client.Ticket(ticket), spec, wallTime: 0))
    }
  }

  func stop() {
    for node in nodes.reversed() { node.stop() }
    try? FileManager.default.removeItem(atPath: directory)
  }
}

/// They send what they like and hold on to their connections.
private final class Strangers {
  private var refused: [RawSocket] = []
  private var halfway: [RawSocket] = []

  /// Whole preface of the protocol in this version.
  private func preface(version: UInt8) -> [UInt8] {
    [11, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8) + [8, version]
  }

  func bother(_ port: UInt16) {
    var dice = Dice(seed: UInt64(port))
    let random = (0..<5000).map { _ in UInt8.random(in: 1...255, using: &dice) }
    let garbage: [[UInt8]] = [
      random,
      [0, 0, 0, 0, 0, 0, 0, 0x80] + [UInt8](repeating: 1, count: 1000),
      [UInt8]("GET / HTTP/1.1\r\n\r\n".utf8),
      preface(version: 7),
    ]
    for bytes in garbage {
      let socket = RawSocket(connectingTo: port)
      socket.send(bytes)
      refused.append(socket)
    }
    // The largest frame that is taken, without its end: its sender stays for as long as it can.
    let socket = RawSocket(connectingTo: port)
    socket.send(
      preface(version: 1) + [0, 0, 0, 1, 1] + [UInt8](repeating: 5, count: (8 << 20)))
    halfway.append(socket)
  }

  func areAllCutOff() -> Bool { refused.allSatisfy { $0.readsToEnd() } }
}

private final class RawSocket {
  private let descriptor: Int32

  init(connectingTo port: UInt16) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Ports that were free a moment ago, all distinct.
  static func freePorts(_ count: Int) throws -> [UInt16] {
    var held: [Int32] = []
    defer { for descriptor in held { close(descriptor) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      held.append(descriptor)
      var address = loopback(0)
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
        }
      }
      guard result == 0 else { throw SystemFailure("find a free port") }
      return UInt16(bigEndian: address.sin_port)
    }
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Whether the other end closes within 20 s.
  func readsToEnd() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
      guard count > 0 else { return false }
    }
  }

  deinit { close(descriptor) }
}
