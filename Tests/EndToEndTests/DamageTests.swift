import Foundation
import Testing

// F7 on a real grid: a flipped byte on the disk of a coordinator, stopped or running, is found,
// told on its standard error and by `rpcv grid`, and healed from its neighbour.

@Suite(.serialized) struct DamageTests {
  @Test func aFlippedByteIsHealedFromTheNeighbour() throws {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    try grid.awaitWhole()
    let input = (1...200).map { "value-\($0)" }.joined(separator: "\n") + "\n"
    let first = try grid.run(
      ["map", "--session", "rot", "echo {}"], input: input, within: 60)
    #expect(first.lines.count == 200)
    try grid.awaitEqualSegments(within: 60)
    // The segment in use is damaged in its middle, below the durable end that others know.
    grid.killCoordinator(1)
    let path = try flipByte(grid, coordinator: 1, in: "facts")
    try grid.startCoordinator(1)
    try grid.awaitWhole()
    try expectTold(grid, coordinator: 1, path)
    try grid.awaitEqualSegments(within: 90)
    #expect(try grid.differingSegments() == [])
    let after = try grid.run(["map", "echo {}"], input: "a\nb\n", within: 30)
    #expect(Set(after.lines) == ["a", "b"])
  }

  /// Of a running coordinator: found when what stands there is read, and healed by its neighbour
  /// while it goes on.
  @Test func aByteThatFlipsInARunningNodeIsHealed() throws {
    let (grid, before) = try jobAtRest(outputSize: 60_000)
    let path = try flipByte(grid, coordinator: 0, in: "archives")
    // Nothing wrong is ever printed: it waits, or says why not.
    try awaitResults(before, of: grid, at: 0)
    let coordinator = try #require(grid.coordinators[0])
    try eventually(within: 60, "the copy is whole; \(coordinator.complaints)") {
      coordinator.complaints.contains("is whole again")
    }
    #expect(!coordinator.complaints.contains("restarting"), "\(coordinator.complaints)")
    try grid.awaitWhole()
    try expectTold(grid, coordinator: 0, path)
    #expect(try grid.warnings(ofCoordinator: 0).contains("is whole again"))
    try grid.awaitEqualSegments(within: 90)
    #expect(try grid.differingSegments() == [])
  }

  /// The neighbour's disk is lost, and of what it is to be given a byte rots: nobody but the
  /// memory of the one that is left knows some of the facts.
  @Test func whatRotsInTheOnlyCopyIsWrittenAgainFromMemory() throws {
    let (grid, before) = try jobAtRest(outputSize: 6_000)
    grid.killCoordinator(1)
    try FileManager.default.removeItem(atPath: grid.directory(ofCoordinator: 1))
    let path = try flipByte(grid, coordinator: 0, in: "facts")
    try grid.startCoordinator(1)
    let coordinator = try #require(grid.coordinators[0])
    try eventually(within: 60, "it is found; \(coordinator.complaints)") {
      coordinator.complaints.contains("written again from memory")
    }
    try grid.awaitWhole()
    try expectTold(grid, coordinator: 0, path)
    try awaitResults(before, of: grid, at: 1)
    // It survives a start, which memory doesn't.
    grid.killCoordinator(0)
    grid.killCoordinator(1)
    try grid.startCoordinator(0)
    try awaitResults(before, of: grid, at: 0)
  }

  /// Nine results that stand among the facts or, if they are large, in the archives; neither
  /// shrinks.
  private func jobAtRest(outputSize size: Int) throws -> (TestGrid, String) {
    let grid = try TestGrid(coordinators: 2, servers: 1)
    try grid.awaitWhole()
    let words = (1...9).map { _ in "head -c \(size) /dev/urandom | base64 -w0; echo" }
    let list = try grid.folder.file("list", words.joined(separator: "\n"))
    _ = try grid.run(["submit", "--session", "rot", "--safe", "--file", list], within: 30)
    #expect(try grid.run(["wait", "rot"], within: 30).status == 0)
    try grid.awaitEqualSegments(within: 60)
    let before = try results(of: grid, at: 0)
    #expect(before.status == 0 && before.lines.count == 9, "\(before.errors)")
    return (grid, before.output)
  }

  private func results(of grid: TestGrid, at coordinator: Int) throws -> Ended {
    try grid.run(
      [
        "results", "rot", "--coordinators", grid.addresses[coordinator], "--directory",
        "reader\(coordinator)",
      ], within: 60)
  }

  private func awaitResults(_ output: String, of grid: TestGrid, at coordinator: Int) throws {
    let complaints = { grid.coordinators[coordinator]?.complaints ?? "" }
    try eventually(within: 60, "results come again; \(complaints())") {
      let again = try results(of: grid, at: coordinator)
      #expect(again.output == output || again.status != 0, "\(again.errors)")
      return again.output == output && again.status == 0
    }
  }

  /// In the middle of the coordinator's longest segment of a log.
  private func flipByte(_ grid: TestGrid, coordinator: Int, in log: String) throws -> String {
    let held = try HeldSegments.read(grid.directory(ofCoordinator: coordinator))
    let (name, end) = try #require(
      held.ends.filter { $0.key.hasPrefix(log + "/") }.max { $0.value < $1.value })
    let path = grid.directory(ofCoordinator: coordinator) + "/" + name
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.seek(toOffset: UInt64(end / 2))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(end / 2))
    try file.write(contentsOf: Data([byte ^ 0x10]))
    try file.close()
    return path
  }

  /// The node says what it found and where the damaged file is kept; so does `rpcv grid`.
  private func expectTold(_ grid: TestGrid, coordinator: Int, _ path: String) throws {
    let kept = "although durable up to "
    let complaints = try #require(grid.coordinators[coordinator]).complaints
    #expect(
      complaints.contains(kept) && complaints.contains("damaged file kept as \(path).damaged"))
    let warnings = try grid.warnings(ofCoordinator: coordinator)
    #expect(warnings.contains(kept) && warnings.contains("\(path).damaged"), "\(warnings)")
    #expect(FileManager.default.fileExists(atPath: path + ".damaged"))
  }
}
