import Foundation
import Testing

@testable import LogStore

// What a person may get wrong: each is one clear line and a status that means something, and
// nothing is changed by it.

@Suite(.serialized) struct BadInputTests {
  struct Case: CustomTestStringConvertible {
    var words: [String]
    var status: Int32
    var says: String
    var environment: [String: String] = [:]
    var testDescription: String { words.joined(separator: " ") }
    init(_ words: String, _ status: Int32, _ says: String, _ environment: [String: String] = [:]) {
      self.words = words.split(separator: " ").map(String.init)
      self.status = status
      self.says = says
      self.environment = environment
    }
  }

  static let cases = [
    Case("coordinator --frobnicate", 64, "--frobnicate"),
    Case("coordinator --listen foo:bar", 64, "'foo:bar' is not an address"),
    Case("coordinator --listen 127.0.0.1:99999", 64, "from 0 to 65535"),
    Case("coordinator --listen 0.0.0.0:7070 --directory x", 64, "add --advertise HOST:7070"),
    Case("up --listen [::]:7070 --directory x", 64, "add --advertise HOST:7070"),
    Case("coordinator --listen 203.0.113.9:7070 --directory x", 78, "cannot listen"),
    Case("coordinator --directory /proc/nowhere", 73, "can't be written"),
    Case("coordinator --listen 127.0.0.1:0 --directory /dev/null/node", 73, "can't be written"),
    Case("server --coordinators a --directory /dev/null/node", 73, "can't be written"),
    Case("submit --coordinators a --directory /dev/null/node -- echo", 73, "can't be written"),
    Case("map --directory /dev/null/node echo ::: a", 255, "can't be written"),
    Case("coordinator --copies 3", 64, "1 to 2"),
    Case("server", 78, "no coordinator is configured"),
    Case("server --coordinators a:b:c", 64, "brackets"),
    Case("server --coordinators a --slots 0", 64, "1 to 10000"),
    Case("server --coordinators a --sync sometimes", 64, "sometimes"),
    Case("server --coordinators a", 78, "RPCV_SLOTS", ["RPCV_SLOTS": "many"]),
    Case("status", 78, "/nosuch", ["RPCV_CONFIG": "/nosuch"]),
    Case("grid --coordinators 127.0.0.1:1", 69, "no coordinator answers"),
    Case("submit --coordinators a --sesion x -- echo", 64, "--sesion"),
    Case("submit --coordinators a --file /nosuch", 66, "/nosuch"),
    Case("submit --coordinators 127.0.0.1:1 -- ./nosuch", 66, "./nosuch"),
    Case("submit -- echo", 78, "no coordinator is configured"),
    Case("submit --coordinators a --strategy fast -- echo", 64, "fast"),
    Case("submit --coordinators a --no-wait --safe -- echo", 64, "exclude"),
    Case("submit --coordinators a --retries 0 -- echo", 64, "--retries"),
    Case("wait --coordinators a", 64, "say which session"),
    Case("wait --coordinators a s --timeout soon", 64, "soon"),
    Case("results --coordinators a --session s x", 64, "'x' doesn't name calls"),
    Case("why --coordinators a s", 64, "say which call"),
    Case("remove --coordinators a 123", 64, "32 hexadecimal digits"),
    Case("map --frob ::: a", 255, "--frob"),
    Case("map --session p/3 echo ::: a", 255, "calls of session 'p'"),
    Case("submit --coordinators a --session p/3-4 -- echo", 64, "calls of session 'p'"),
    Case("release --coordinators a s --timeout soon", 64, "soon"),
    Case("map cat :::: /nosuch", 255, "/nosuch"),
    Case("map -q cat {%} ::: a", 255, "slot"),
  ]

  @Test(arguments: cases) func isRefusedInWords(_ bad: Case) throws {
    let folder = try TestFolder()
    let ended = try LiveProcess(
      "bad", Program.rpcv, bad.words, in: folder.path, environment: bad.environment
    ).end(within: 20)
    #expect(ended.status == bad.status, "\(ended.errors)")
    #expect(ended.errors.contains(bad.says), "\(ended.errors)")
    #expect(ended.output.isEmpty)
    // Messages of other software have no place between ours and the person.
    #expect(!ended.errors.contains("ERROR"), "\(ended.errors)")
  }

  @Test(arguments: [Program.rpcv, Program.logdump])
  func versionsAreTold(_ program: String) throws {
    let folder = try TestFolder()
    let ended = try LiveProcess("version", program, ["--version"], in: folder.path)
      .end(within: 20)
    #expect(ended.status == 0 && ended.errors.isEmpty)
    #expect(ended.output.split(separator: ".").count == 3, "\(ended.output)")
  }

  /// What can't be written is an error; that nobody reads on is none.
  @Test func outputThatGoesNowhere() throws {
    let folder = try TestFolder()
    func shell(_ script: String, _ number: Int) throws -> Ended {
      try LiveProcess("shell", "/bin/sh", ["-c", script], in: folder.path, number: number)
        .end(within: 30)
    }
    let made = try shell("\(Program.rpcv) map --session d 'echo {}' ::: 1 2 3", 1)
    #expect(made.status == 0)
    let sessions = folder.path + "/.local/state/rpcv/sessions"
    let full = try shell("\(Program.logdump) \(sessions)/* > /dev/full", 2)
    #expect(full.status == 74 && full.errors.contains("No space left"), "\(full)")
    let map = try shell("\(Program.rpcv) map 'echo {}' ::: 1 > /dev/full", 3)
    #expect(map.status == 255 && map.errors.contains("No space left"), "\(map)")
    let help = try shell("\(Program.rpcv) help settings > /dev/full", 4)
    #expect(help.status == 73 && help.errors.contains("No space left"), "\(help)")
    let flag = try shell("\(Program.rpcv) --help > /dev/full", 6)
    #expect(flag.status == 73 && flag.errors.contains("No space left"), "\(flag)")
    let pipe = try shell(
      "{ \(Program.rpcv) map 'yes | head -n 100000; : {}' ::: 1 2 3; echo $? > code; } "
        + "| head -n 1", 5)
    #expect(pipe.output == "y\n" && pipe.errors.isEmpty, "\(pipe)")
    #expect(try String(contentsOfFile: folder.path + "/code", encoding: .utf8) == "141\n")
  }

  @Test func anAddressThatDoesNotAnswerIsNamedOnce() throws {
    let folder = try TestFolder()
    let free = "127.0.0.1:\(try FreePort.draw())"
    let ended = try LiveProcess(
      "grid", Program.rpcv, ["grid", "--coordinators", free], in: folder.path
    ).end(within: 20)
    #expect(ended.status == 69)
    #expect(ended.errors.components(separatedBy: free).count == 2, "\(ended.errors)")
  }

  @Test func misspeltKeysAreSuggested() throws {
    let folder = try TestFolder()
    let file = try folder.file("config", "# mine\ncoordinatrs = a:1\n")
    let ended = try LiveProcess(
      "bad", Program.rpcv, ["status"], in: folder.path, environment: ["RPCV_CONFIG": file]
    ).end(within: 20)
    #expect(ended.status == 78)
    #expect(ended.errors.contains("config:2:") && ended.errors.contains("'coordinators'"))
  }

  @Test func portsAndDirectoriesInUse() throws {
    let grid = try TestGrid(coordinators: 1, servers: 0)
    try grid.awaitWhole()
    let port = try grid.run(
      ["coordinator", "--listen", grid.addresses[0], "--directory", "other"], within: 20)
    #expect(port.status == 71 && port.errors.contains("in use by another process"))
    let free = "127.0.0.1:\(try FreePort.draw())"
    let directory = try grid.run(
      ["coordinator", "--listen", free, "--directory", grid.directory(ofCoordinator: 0)], within: 20
    )
    #expect(directory.status == 71 && directory.errors.contains("in use by another process"))
    #expect(try grid.run(["status"], within: 20).output == "no sessions\n")
  }

  /// F17: whichever file a newer version wrote, nothing in the directory is touched.
  @Test(arguments: [
    ("IDENTITY", 0, "rpcv-node 1\n", "rpcv-node 2\n"), ("segment", 8, "\u{1}", "\u{2}"),
  ])
  func directoriesOfANewerVersion(file: String, at offset: Int, from: String, to: String) throws {
    let grid = try TestGrid(coordinators: 1, servers: 1)
    #expect(try grid.run(["submit", "--session", "s", "--", "true"], within: 20).status == 0)
    grid.killAll()
    let directory = grid.directory(ofCoordinator: 0)
    let path =
      file == "segment"
      ? try #require(try grid.segments(ofCoordinator: 0).keys.first.map { "\(directory)/\($0)" })
      : "\(directory)/\(file)"
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(bytes[offset...].starts(with: from.utf8))
    bytes.replaceSubrange(offset..<offset + from.utf8.count, with: to.utf8)
    if file == "segment" {
      let check = bytes.withUnsafeBytes { XXH64.hash(UnsafeRawBufferPointer(rebasing: $0[..<56])) }
      withUnsafeBytes(of: check.littleEndian) { bytes.replaceSubrange(56..<64, with: $0) }
    } else {
      let lines = to + String(decoding: bytes, as: UTF8.self).split(separator: "\n")[1] + "\n"
      let check = String(XXH64.hash([UInt8](lines.utf8)), radix: 16)
      let padded = String(repeating: "0", count: 16 - check.count) + check
      bytes = [UInt8]("\(lines)check \(padded)\n".utf8)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    func all() throws -> [String: Data] {
      let files = try FileManager.default.subpathsOfDirectory(atPath: directory)
      return try Dictionary(
        uniqueKeysWithValues: files.filter { !$0.hasSuffix("facts") && !$0.hasSuffix("archives") }
          .map { ($0, try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\($0)"))) })
    }
    let before = try all()
    try grid.startCoordinator(0)
    let ended = try #require(grid.coordinators[0]).end(within: 20)
    #expect(ended.status == 76)
    #expect(
      ended.errors == "rpcv: \(path) has format version 2; this program knows up to 1\n")
    #expect(try all() == before)
  }

  /// Also after everything was given back and forgotten (`map` releases what it printed).
  @Test func theSameSessionWithOtherParameters() throws {
    let folder = try TestFolder()
    func map(_ words: String...) throws -> Ended {
      try LiveProcess(
        "map", Program.rpcv, ["map", "--session", "s", "-k"] + words, in: folder.path
      ).end(within: 30)
    }
    #expect(try map("echo {}", ":::", "1", "2", "3").lines == ["1", "2", "3"])
    #expect(try map("echo {}", ":::", "1", "2", "3").lines == [])
    #expect(try map("echo {}", ":::", "1", "2", "3", "4").lines == ["4"])
    for words in [["echo x{}", ":::", "1"], ["echo {}", ":::", "1", "9"]] {
      let other = try LiveProcess(
        "map", Program.rpcv, ["map", "--session", "s"] + words, in: folder.path
      ).end(within: 30)
      #expect(other.status == 255 && other.output.isEmpty)
      #expect(other.errors.contains("another --session"), "\(other.errors)")
    }
  }

  /// `{%}`: never two at once with one number, none above -j.
  @Test func slotsAreNumbered() throws {
    let folder = try TestFolder()
    let ended = try LiveProcess(
      "map", Program.rpcv,
      [
        "map", "-j3", "mkdir lock{%} && sleep 0.02 && rmdir lock{%} && echo {%}", ":::",
      ] + (1...30).map(String.init), in: folder.path
    ).end(within: 60)
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(ended.lines.count == 30)
    #expect(Set(ended.lines).isSubset(of: ["1", "2", "3"]))
  }

  @Test func dryRunsShowTags() throws {
    let folder = try TestFolder()
    let ended = try LiveProcess(
      "map", Program.rpcv, ["map", "--dry-run", "--tag", "echo {}", ":::", "a"], in: folder.path
    ).end(within: 20)
    #expect(ended.output == "a\techo a\n")
  }
}
