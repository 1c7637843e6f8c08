import Foundation
import Testing

// F15, F16 against coordinators that are processes of their own: strangers send nonsense to the
// ports while a job runs. It finishes, each stranger is told of, and memory stays bounded.

@Suite(.serialized) struct StrangerTests {
  @Test func aJobRunsWhileStrangersTalkNonsense() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    try grid.awaitWhole()
    let client = try grid.start(
      ["map", "sleep 0.05; echo result-{}"],
      input: (1...200).map(String.init).joined(separator: "\n") + "\n")
    try eventually(within: 30, "the job runs; \(client.complaints)") {
      client.printed.contains("result-")
    }
    var dice = SplitMix(state: 15)
    let random = (0..<100_000).map { _ in UInt8.random(in: 1...255, using: &dice) }
    let hugeLength: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x80] + [UInt8](repeating: 1, count: 1000)
    var refused: [Stranger] = []
    var endless: [Stranger] = []
    for address in grid.addresses {
      let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
      for bytes in [random, hugeLength, [UInt8]("GET / HTTP/1.1\r\n\r\n".utf8)] {
        refused.append(try Stranger(port, sends: bytes))
      }
      // The beginning of a message of 16 MiB, of which nothing more ever comes.
      for _ in 0..<8 {
        endless.append(
          try Stranger(
            port, sends: Stranger.preface + [0, 0, 0, 1, 1] + [UInt8](repeating: 5, count: 1 << 20))
        )
      }
    }
    let last = try client.end(within: 60)
    #expect(last.status == 0, "\(last.errors)")
    #expect(Set(last.lines) == Set((1...200).map { "result-\($0)" }))
    #expect(refused.allSatisfy { $0.isCutOff() })
    for coordinator in grid.coordinators {
      let coordinator = try #require(coordinator)
      #expect(coordinator.isRunning)
      let complaints = coordinator.complaints
      #expect(complaints.contains("announces a frame of"), "\(complaints)")
      let peak = try #require(coordinator.peakMemory)
      #expect(peak < 250 << 20, "\(peak >> 20) MiB")
    }
    let after = try grid.run(["map", "echo {}"], input: "a\nb\n", within: 30)
    #expect(Set(after.lines) == ["a", "b"])
    withExtendedLifetime(endless) {}
  }
}

/// A peer that sends what it likes, and stays.
private final class Stranger {
  private let descriptor: Int32

  /// The first frame of a connection, in protocol version 1.
  static let preface: [UInt8] =
    [11, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 8) + [8, 1]

  init(_ port: UInt16, sends bytes: [UInt8]) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    guard result == 0 else { throw NotInTime(description: "can't connect: errno \(errno)") }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { break }
      rest = rest.dropFirst(count)
    }
  }

  /// Whether the other end closes within 20 s.
  func isCutOff() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
      guard count > 0 else { return false }
    }
  }

  deinit { close(descriptor) }
}
