import Foundation
import Testing

// A grid of separate processes on real sockets: coordinators, servers, and the client under test.
// Any of them can be killed with -9 and started again over its directory.

final class TestGrid {
  static let suspicion = 2.0

  let folder: TestFolder
  let addresses: [String]
  private let slots: Int
  private let suspicion: Double
  private(set) var coordinators: [LiveProcess?]
  private(set) var servers: [LiveProcess?]
  private var started = 0
  private(set) var kills = 0

  /// `prepare` is given the folder before anything is started in it: coordinators have their
  /// directories c0, c1, ... there, servers s0, s1, ...
  init(
    coordinators: Int, servers: Int, slots: Int = 4, suspicion: Double = TestGrid.suspicion,
    prepare: (String) throws -> Void = { _ in }
  ) throws {
    self.suspicion = suspicion
    folder = try TestFolder()
    try prepare(folder.path)
    addresses = try (0..<coordinators).map { _ in "127.0.0.1:\(try FreePort.draw())" }
    self.slots = slots
    self.coordinators = Array(repeating: nil, count: coordinators)
    self.servers = Array(repeating: nil, count: servers)
    for index in 0..<coordinators { try startCoordinator(index) }
    for index in 0..<servers { try startServer(index) }
  }

  var list: String { addresses.joined(separator: ",") }

  private var common: [String] {
    [
      "--coordinators", list, "--suspicion", "\(Int(suspicion * 1000))ms",
      "--heartbeat", "200ms",
    ]
  }

  // MARK: life and death

  func startCoordinator(_ index: Int) throws {
    started += 1
    coordinators[index] = try LiveProcess(
      "coordinator\(index)", Program.rpcv,
      ["coordinator", "--listen", addresses[index], "--directory", directory(ofCoordinator: index)]
        + common, in: folder.path, number: started)
  }

  func startServer(_ index: Int) throws {
    started += 1
    servers[index] = try LiveProcess(
      "server\(index)", Program.rpcv,
      ["server", "--slots", "\(slots)", "--directory", "\(folder.path)/s\(index)"] + common,
      in: folder.path, number: started)
  }

  func killCoordinator(_ index: Int) {
    coordinators[index]?.killNow()
    coordinators[index] = nil
    kills += 1
  }

  func killServer(_ index: Int) {
    servers[index]?.killNow()
    servers[index] = nil
    kills += 1
  }

  /// SIGTERM, and gone when this returns.
  func stopServer(_ index: Int) throws -> Ended? {
    servers[index]?.signal(SIGTERM)
    defer { servers[index] = nil }
    return try servers[index]?.end(within: 20)
  }

  /// The same of a coordinator.
  func stopCoordinator(_ index: Int) throws -> Ended? {
    coordinators[index]?.signal(SIGTERM)
    defer { coordinators[index] = nil }
    return try coordinators[index]?.end(within: 20)
  }

  func killAll() {
    for index in coordinators.indices { killCoordinator(index) }
    for index in servers.indices { killServer(index) }
  }

  func startAll() throws {
    for index in coordinators.indices where coordinators[index] == nil {
      try startCoordinator(index)
    }
    for index in servers.indices where servers[index] == nil { try startServer(index) }
  }

  func directory(ofCoordinator index: Int) -> String { "\(folder.path)/c\(index)" }

  // MARK: clients

  func start(_ arguments: [String], input: String? = nil) throws -> LiveProcess {
    started += 1
    return try LiveProcess(
      "client", Program.rpcv, arguments, in: folder.path,
      environment: ["RPCV_COORDINATORS": list, "RPCV_SUSPICION": "2s", "RPCV_HEARTBEAT": "200ms"],
      input: input, number: started)
  }

  func run(_ arguments: [String], input: String? = nil, within seconds: Double) throws -> Ended {
    try start(arguments, input: input).end(within: seconds)
  }

  /// Every coordinator has heard every other.
  func awaitWhole(within seconds: Double = 20) throws {
    for address in addresses {
      try eventually(within: seconds, "\(address) sees the whole grid") {
        let seen = try run(["grid", "--json", "--only", address], within: 10)
        guard seen.status == 0, let data = seen.output.data(using: .utf8),
          let grid = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { return false }
        return heard(grid["coordinators"], by: address) == coordinators.count
      }
    }
  }

  private func heard(_ rows: Any?, by own: String) -> Int {
    (rows as? [[String: Any]] ?? []).count {
      $0["suspected"] as? Bool == false
        && ($0["heardMs"] is NSNumber || $0["address"] as? String == own)
    }
  }

  /// What `rpcv grid` says of the coordinator's disk.
  func warnings(ofCoordinator index: Int) throws -> String {
    let seen = try run(["grid", "--only", addresses[index]], within: 20)
    return seen.lines.filter { $0.hasPrefix("warning:") }.joined(separator: "\n")
  }

  // MARK: what is on the disks

  /// Segment files of a coordinator by log and name, without what is allocated ahead.
  func segments(ofCoordinator index: Int) throws -> [String: Data] {
    var found: [String: Data] = [:]
    for log in ["facts", "archives"] {
      let path = directory(ofCoordinator: index) + "/" + log
      let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      for file in files where file.hasSuffix(".seg") {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path + "/" + file))
        found["\(log)/\(file)"] = bytes
      }
    }
    return found
  }
}

/// A port that was free a moment ago.
enum FreePort {
  static func draw() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
      }
    }
    guard bound else { throw NotInTime(description: "no free port: errno \(errno)") }
    return UInt16(bigEndian: address.sin_port)
  }
}
