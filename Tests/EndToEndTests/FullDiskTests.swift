import Foundation
import Testing

// F5 on real processes: a full disk under a coordinator, a server or a client is told, refuses new
// work and loses nothing; when there is space again the work goes on by itself.

@Suite(.serialized, .enabled(if: SmallDisk.canMount, "needs the right to mount a tmpfs"))
struct FullDiskTests {
  /// Results of 12 KB that don't shrink.
  private static let job = "head -c 9000 /dev/urandom | base64 -w0; echo; echo done-{}"

  private func numbers(_ count: Int) -> String {
    (1...count).map(String.init).joined(separator: "\n") + "\n"
  }

  private func done(_ lines: [String]) -> Set<String> {
    Set(lines.filter { $0.hasPrefix("done-") })
  }

  /// Alone, and with a neighbour that has space: then the work needs no space here.
  @Test(arguments: [1, 2]) func underACoordinator(of count: Int) throws {
    var mounted: SmallDisk?
    defer { mounted?.unmount() }
    let grid = try TestGrid(coordinators: count, servers: 1) {
      mounted = try SmallDisk(at: $0 + "/c0", megabytes: 24)
    }
    let disk = try #require(mounted)
    try grid.awaitWhole()
    let words = ["map", "--session", "full", Self.job]
    let first = try grid.run(words, input: numbers(20), within: 30)
    #expect(done(first.lines).count == 20, "\(first.errors)")
    // With a neighbour the calls are accepted first, then results fill the disk.
    if count == 1 { try disk.fill() } else { try disk.fill(leaving: 1536 << 10) }
    let client = try grid.start(words, input: numbers(400))
    let coordinator = try #require(grid.coordinators[0])
    try eventually(within: 30, "it says that it is full: \(coordinator.complaints)") {
      coordinator.complaints.contains("the log is full: new work is refused")
    }
    #expect(try grid.warnings(ofCoordinator: 0).contains("the log is full"))
    let last: Ended
    if count == 1 {
      #expect(client.isRunning)
      try disk.free()
      last = try client.end(within: 60)
    } else {
      last = try client.end(within: 60)
      #expect(!coordinator.complaints.contains("the log has room again"))
      try disk.free()
    }
    #expect(last.status == 0, "\(last.errors)")
    #expect(done(first.lines + last.lines).count == 400)
    try eventually(within: 30, "it takes work again: \(coordinator.complaints)") {
      coordinator.complaints.contains("the log has room again")
    }
    #expect(coordinator.isRunning)
    try grid.awaitEqualSegments(within: 90)
    #expect(try grid.differingSegments() == [])
    let after = try grid.run(["map", "echo {}"], input: "a\nb\n", within: 30)
    #expect(Set(after.lines) == ["a", "b"])
  }

  @Test func underAServer() throws {
    var mounted: SmallDisk?
    defer { mounted?.unmount() }
    let grid = try TestGrid(coordinators: 1, servers: 1) {
      mounted = try SmallDisk(at: $0 + "/s0", megabytes: 12)
    }
    let disk = try #require(mounted)
    let words = ["map", "--session", "full", Self.job]
    let first = try grid.run(words, input: numbers(20), within: 30)
    #expect(done(first.lines).count == 20, "\(first.errors)")
    try disk.fill()
    let client = try grid.start(words, input: numbers(400))
    let server = try #require(grid.servers[0])
    try eventually(within: 30, "it says that it is full: \(server.complaints)") {
      server.complaints.contains("the log takes no results, so no work is accepted")
    }
    #expect(server.complaints.contains("No space left on device"))
    #expect(client.isRunning && server.isRunning)
    try disk.free()
    let last = try client.end(within: 60)
    #expect(last.status == 0, "\(last.errors)")
    #expect(done(first.lines + last.lines).count == 400)
    #expect(server.complaints.contains("the log takes new work again"), "\(server.complaints)")
  }

  /// The client's own log, of an embedded run (which has the results too) and on a grid: it says so
  /// and may be ended; said again, it goes on. With no space at all it does not even begin.
  @Test(arguments: [true, false]) func underAClient(isEmbedded: Bool) throws {
    let grid = try TestGrid(coordinators: isEmbedded ? 0 : 1, servers: isEmbedded ? 0 : 1)
    let disk = try SmallDisk(at: grid.folder.path + "/disk", megabytes: 12)
    defer { disk.unmount() }
    // Arguments of 8 KB, so that the calls fill the log of a session.
    let input = (1...400).map { number in
      let letters = (0..<8000).map { _ in UInt8.random(in: 97...122) }
      return "\(number) \(String(decoding: letters, as: UTF8.self))\n"
    }
    func start(_ count: Int, session: String = "full") throws -> LiveProcess {
      try grid.start(
        [
          "map", "--session", session, "--directory", disk.path + "/" + session, "-j2",
          "set -- {}; echo done-${1%% *}",
        ], input: input[..<count].joined())
    }
    let first = try start(40).end(within: 30)
    #expect(done(first.lines).count == 40, "\(first.errors)")
    try disk.fill()
    let none = try start(40, session: "other").end(within: 30)
    #expect(none.status == 255 && none.errors.contains("No space left"), "\(none.errors)")
    try disk.free()
    try disk.fill(leaving: 1536 << 10)
    let full = try start(400)
    try eventually(within: 30, "it says that the disk is full: \(full.complaints)") {
      full.complaints.contains("the log is full") || full.complaints.contains("o space left")
    }
    full.killNow()
    let before = full.printed.split(separator: "\n").map(String.init)
    #expect(done(first.lines + before).count < 400)
    try disk.free()
    let last = try start(400).end(within: 60)
    #expect(last.status == 0, "\(last.errors)")
    #expect(done(first.lines + before + last.lines).count == 400)
  }
}
