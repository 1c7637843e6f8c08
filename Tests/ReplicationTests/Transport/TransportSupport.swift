import Foundation
import Glibc
import LogStore

@testable import ReplicationTransport

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

/// Runs blocking code on a thread of its own, for the pool's few are needed by others.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
{
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}

/// Collects what callbacks tell.
final class Collected<Value: Sendable>: Sendable {
  private let values = Guarded<[Value]>([])
  func add(_ value: Value) { values.withLock { $0.append(value) } }
  /// Copied out, see Tests/tsan.supp.
  var all: [Value] { values.withLock { $0.map { $0 } } }
  var count: Int { values.withLock { $0.count } }
}

/// One loop with servers and clients that end with the test.
final class TransportBench {
  let loop = TransportLoop()
  private var servers: [TransportServer] = []
  private var clients: [TransportClient] = []

  func server(
    port: Int = 0, settings: TransportSettings = .init(), events: TransportEvents
  ) throws -> TransportServer {
    let server = try TransportServer.start(
      on: loop, at: HostPort(host: "127.0.0.1", port: port), settings: settings, events: events)
    servers.append(server)
    return server
  }

  /// Answers with the request.
  func echo(
    port: Int = 0, settings: TransportSettings = .init(),
    problems: Collected<TransportError> = .init()
  ) throws -> TransportServer {
    try server(
      port: port, settings: settings,
      events: TransportEvents(
        onRequest: { $0.reply($0.payload) }, onProblem: { problems.add($0) }))
  }

  func client(settings: TransportSettings = .init()) -> TransportClient {
    let client = TransportClient(on: loop, settings: settings)
    clients.append(client)
    return client
  }

  deinit {
    for client in clients { client.stop() }
    for server in servers { server.stop() }
    loop.shutdown()
  }
}

extension TransportClient {
  func ask(
    _ address: HostPort, _ payload: [UInt8], timeout: Duration = .seconds(600),
    lane: TransportLane = .control
  ) async -> Result<[UInt8], TransportError> {
    await withCheckedContinuation { continuation in
      exchange(with: address, lane: lane, payload, timeout: timeout) {
        continuation.resume(returning: $0)
      }
    }
  }
}

/// A peer that sends whatever it likes.
final class RawPeer: Sendable {
  let descriptor: Int32

  init(connectingTo port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = RawPeer.loopback(port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  init(taking descriptor: Int32) { self.descriptor = descriptor }

  static func loopback(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }

  /// Whether all was taken.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// All that comes until the other end closes; nil if it doesn't for 20 s.
  func readToEnd() -> [UInt8]? {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return all }
      guard count > 0 else { return nil }
      all += buffer[..<count]
    }
  }

  /// All that comes until a frame of this type is there; nil if it doesn't come for 20 s.
  func read(until type: FrameType) throws -> Frame? {
    var reader = FrameReader(limit: 16 << 20)
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      var offset = 0
      let bytes = Array(buffer[..<count])
      let found = try bytes.withUnsafeBytes { raw -> Frame? in
        while let frame = try reader.next(raw, &offset) {
          if frame.type == type { return frame }
        }
        return nil
      }
      if let found { return found }
    }
  }

  /// The frames in `bytes`.
  static func frames(_ bytes: [UInt8]) throws -> [Frame] {
    var reader = FrameReader(limit: 16 << 20)
    var frames: [Frame] = []
    var offset = 0
    try bytes.withUnsafeBytes { raw in
      while let frame = try reader.next(raw, &offset) { frames.append(frame) }
    }
    return frames
  }

  deinit { close(descriptor) }
}

func frameBytes(_ type: UInt8, _ exchange: UInt64, _ payload: [UInt8], length: UInt32? = nil)
  -> [UInt8]
{
  var bytes: [UInt8] = []
  withUnsafeBytes(of: (length ?? UInt32(payload.count + 9)).littleEndian) { bytes += $0 }
  bytes.append(type)
  withUnsafeBytes(of: exchange.littleEndian) { bytes += $0 }
  return bytes + payload
}

func prefaceBytes(version: UInt64 = 1) -> [UInt8] {
  frameBytes(0, 0, Preface(protocolVersion: version, software: "raw").encoded())
}
