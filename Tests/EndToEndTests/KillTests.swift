import Foundation
import Testing

// F1, F2, F4 on real processes: whatever is killed with -9, every result is there in the end.

@Suite(.serialized) struct KillTests {
  /// Each run of a task appends its number to a file, so that executions can be counted.
  private func job(_ grid: TestGrid, seconds: String) -> String {
    "sleep \(seconds); echo {} >> \(grid.folder.path)/executed; echo result-{}"
  }

  private func executions(_ grid: TestGrid) -> [String: Int] {
    let text = (try? String(contentsOfFile: grid.folder.path + "/executed", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").reduce(into: [:]) { $0[String($1), default: 0] += 1 }
  }

  private func expected(_ count: Int) -> Set<String> { Set((1...count).map { "result-\($0)" }) }

  @Test func randomKillsLoseNothing() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("kills drawn from seed \(seed)")
    var dice = SplitMix(state: seed)
    let grid = try TestGrid(coordinators: 3, servers: 3)
    let count = 150
    let words = ["map", "--session", "kills", job(grid, seconds: "0.2")]
    let input = (1...count).map(String.init).joined(separator: "\n") + "\n"
    var printed: [String] = []
    var client = try grid.start(words, input: input)
    while grid.kills < 14, client.isRunning {
      Span.pass(milliseconds: 400)
      switch dice.next() % 7 {
      case 0, 1:
        let index = Int(dice.next() % 3)
        grid.killCoordinator(index)
        try grid.startCoordinator(index)
      case 2, 3, 4:
        let index = Int(dice.next() % 3)
        grid.killServer(index)
        try grid.startServer(index)
      default:
        client.killNow()
        printed += client.printed.split(separator: "\n").map(String.init)
        client = try grid.start(words, input: input)
      }
    }
    let last = try client.end(within: 60)
    #expect(last.status == 0, "\(last.errors)")
    printed += last.lines
    // The last line that a killed client printed may be cut.
    #expect(Set(printed).intersection(expected(count)) == expected(count))
    #expect(Set(executions(grid).keys).count == count)
    try grid.awaitEqualSegments(within: 90)
    #expect(try grid.differingSegments() == [])
  }

  @Test func allKilledAtOnceRunsAtMostTheRunningTasksTwice() throws {
    let grid = try TestGrid(coordinators: 3, servers: 2)
    let count = 80
    let words = ["map", "--session", "all", job(grid, seconds: "0.3")]
    let input = (1...count).map(String.init).joined(separator: "\n") + "\n"
    let client = try grid.start(words, input: input)
    try eventually(within: 30, "a third is done; \(client.complaints)") {
      executions(grid).count > count / 3
    }
    client.killNow()
    grid.killAll()
    let before = client.printed.split(separator: "\n").map(String.init)
    try grid.startAll()
    let last = try grid.run(words, input: input, within: 60)
    #expect(last.status == 0, "\(last.errors)")
    #expect(Set(before + last.lines).intersection(expected(count)) == expected(count))
    let runs = executions(grid)
    #expect(runs.count == count)
    let again = runs.values.filter { $0 > 1 }.count
    // 2 servers of 4 slots ran so many; another start may have been told to each before.
    #expect(again <= 8, "\(again) tasks ran twice")
    #expect(runs.values.allSatisfy { $0 <= 2 })
  }

  @Test func aLostDirectoryHealsAndLosesNothing() throws {
    let grid = try TestGrid(coordinators: 3, servers: 2)
    let count = 60
    let words = ["map", "--session", "lost", job(grid, seconds: "0.3")]
    let input = (1...count).map(String.init).joined(separator: "\n") + "\n"
    let client = try grid.start(words, input: input)
    try eventually(within: 30, "a quarter is done; \(client.complaints)") {
      executions(grid).count > count / 4
    }
    grid.killCoordinator(0)
    try FileManager.default.removeItem(atPath: grid.directory(ofCoordinator: 0))
    try grid.startCoordinator(0)
    let last = try client.end(within: 60)
    #expect(last.status == 0, "\(last.errors)")
    #expect(Set(last.lines) == expected(count))
    try grid.awaitWhole()
    try grid.awaitEqualSegments(within: 90)
    #expect(try grid.differingSegments() == [])
  }

  /// It says goodbye, so nobody waits for the suspicion time, which is far longer here than the
  /// test.
  @Test func aServerThatIsStoppedInOrderIsNotWaitedFor() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1, slots: 2, suspicion: 600)
    let mark = grid.folder.path + "/begun"
    let client = try grid.start([
      "map", "--session", "order",
      "echo {} >> \(mark); test $(wc -l < \(mark)) -gt 2 || sleep 600; echo result-{}", ":::", "1",
      "2",
    ])
    try eventually(within: 30, "both have begun; \(client.complaints)") {
      ((try? String(contentsOfFile: mark, encoding: .utf8)) ?? "").count == 4
    }
    let stopped = try #require(try grid.stopServer(0))
    #expect(stopped.status == 0 && stopped.errors.contains("stopped"), "\(stopped.errors)")
    try grid.startServer(0)
    let last = try client.end(within: 60)
    #expect(last.status == 0 && Set(last.lines) == expected(2), "\(last.errors)")
  }

  /// The server dies between its word and its archive: only its disk has the result. Another run
  /// begins after the suspicion time.
  @Test func aServerThatDiesBeforeItsFilesCameIsNotWaitedFor() throws {
    let grid = try TestGrid(coordinators: 1, servers: 1)
    let client = try grid.start([
      "map", "--session", "files", "--out", "big", "seq 1 {} > big; wc -c < big", ":::",
      "9000000",
    ])
    try eventually(within: 60, "it is finished without its file; \(client.complaints)") {
      let said = try grid.run(["why", "files/1"], within: 20).output
      return said.contains("its output is not here yet") || !client.isRunning
    }
    grid.killServer(0)
    try FileManager.default.removeItem(atPath: grid.folder.path + "/s0")
    try grid.startServer(0)
    let last = try client.end(within: 60)
    #expect(last.status == 0 && last.lines == ["70888896"], "\(last.errors)")
    let size = try FileManager.default.attributesOfItem(atPath: grid.folder.path + "/big")[.size]
    #expect(size as? Int == 70_888_896)
  }

  @Test func anOffLineServersResultsCount() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    let words = ["map", "--session", "offline", job(grid, seconds: "3")]
    let client = try grid.start(words, input: "1\n2\n3\n4\n")
    let started = grid.folder.path + "/s0/tasks"
    try eventually(within: 20, "the server has the tasks; \(client.complaints)") {
      ((try? FileManager.default.contentsOfDirectory(atPath: started)) ?? []).count >= 4
    }
    // An assignment that no log holds may be given again: nothing is promised of it.
    for index in grid.coordinators.indices {
      try eventually(within: 20, "coordinator \(index)'s log holds the assignments") {
        try assignments(grid.directory(ofCoordinator: index)) >= 4
      }
    }
    // Away for longer than the suspicion time, and the tasks end meanwhile.
    for index in grid.coordinators.indices { grid.killCoordinator(index) }
    try eventually(within: 20, "the tasks end off-line") { executions(grid).count == 4 }
    Span.pass(milliseconds: Int(TestGrid.suspicion * 1500))
    try grid.startAll()
    let last = try client.end(within: 40)
    #expect(Set(last.lines) == expected(4))
    #expect(executions(grid).values.allSatisfy { $0 == 1 }, "\(executions(grid))")
  }

  /// In the files of a coordinator, whoever wrote them.
  private func assignments(_ directory: String) throws -> Int {
    let folder = try TestFolder()
    let dump = try LiveProcess(
      "logdump", Program.logdump, ["--json", directory + "/facts"], in: folder.path
    ).end(within: 20)
    return dump.output.split(separator: "\n").count { $0.contains("\"name\":\"assigned\"") }
  }
}

/// So that a seed that is printed gives the same draws.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
