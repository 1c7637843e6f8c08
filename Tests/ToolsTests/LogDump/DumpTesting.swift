import LogStore
import RolesCore
import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import struct Foundation.Data
import class Foundation.FileManager
import class Foundation.JSONSerialization
import struct Foundation.URL
import struct Foundation.UUID

@testable import rpcv_logdump

// Directories for the dump to look at, written by real logs on the real disk.

struct NodeFixture {
  let directory: String
  private let fs = PosixFileSystem()

  /// Runs the body with a fresh directory, which is gone afterwards.
  static func run(_ body: (NodeFixture) throws -> Void) throws {
    let base = FileManager.default.temporaryDirectory
    let fixture = NodeFixture(
      directory: base.appendingPathComponent("rpcv-logdump-\(UUID().uuidString)").path)
    try fixture.fs.makeDirectory(fixture.directory)
    defer { try? FileManager.default.removeItem(atPath: fixture.directory) }
    try body(fixture)
  }

  var facts: String { directory + "/facts" }

  func lock() throws -> NodeDirectory {
    var dice = SystemRandomNumberGenerator()
    return try NodeDirectory.open(directory, on: fs, entropy: &dice)
  }

  /// A log that is open, as a node in use has it.
  func open(
    _ node: NodeID, _ change: (inout LogOptions) -> Void = { _ in }
  ) throws -> (log: Log, report: RecoveryReport) {
    var options = LogOptions()
    options.codec = .none
    options.reserve = 0
    change(&options)
    var dice = SystemRandomNumberGenerator()
    return try Log.open(
      facts, on: fs, node: node, log: .facts, options: options, entropy: &dice
    ) { _, _, _ in }
  }

  /// A stopped node whose only segment holds five sessions, each in a frame of its own.
  func writeFiveFrames() throws -> SegmentName {
    let node = try lock()
    defer { node.close() }
    let (log, _) = try open(node.node)
    for number in 1...5 {
      try log.append(Facts.opened("session \(number)"))
      try log.commit()
    }
    try log.close()
    return log.openSegment
  }

  func path(_ name: SegmentName) throws -> String {
    let files = try fs.list(facts).filter { $0.hasSuffix("-\(name.nonce).seg") }
    return facts + "/" + (try #require(files.first))
  }

  func bytes(_ path: String) throws -> [UInt8] {
    try [UInt8](#require(FileManager.default.contents(atPath: path)))
  }

  func write(_ bytes: [UInt8], to path: String) {
    _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
  }

  /// Every file below with its bytes.
  func everything() throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for name in try #require(FileManager.default.enumerator(atPath: directory)) {
      let path = directory + "/" + (name as? String ?? "")
      found[path] = FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? []
    }
    return found
  }
}

enum Facts {
  static let session = SessionName(
    user: UserID(ID128(high: 0xaaaa_aaaa_1111_1111, low: 1)),
    session: SessionID(ID128(high: 0xbbbb_bbbb_2222_2222, low: 2)))

  static func opened(_ text: String) -> Record {
    Record(
      .opened(Opened(session: session, userText: "ann", sessionText: text, mode: .keep)))
  }
}

/// What a dump printed and what it complained of.
final class Printed: LineOutput {
  var lines: [String] = []
  var complaints: [String] = []
  var exitStatus: Int32 = 0

  func put(_ line: String) { lines.append(line) }
  func flush() {}

  var text: String { lines.joined(separator: "\n") }

  static func dump(
    _ path: String, json: Bool = false, verify: Bool = false
  ) throws -> Printed {
    let printed = Printed()
    var dump = Dump(
      printer: Printer(isJSON: json, to: printed), detail: verify ? .verdicts : .all,
      complain: { printed.complaints.append($0) })
    for place in try LogPlace.find(path) { dump.show(place) }
    dump.finish()
    printed.exitStatus = dump.exitStatus(verifying: verify)
    return printed
  }

  /// The objects of one type; every line has to be one.
  func objects(_ type: String) throws -> [[String: Any]] {
    try lines.map { line in
      try #require(
        JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }.filter { $0["type"] as? String == type }
  }
}
