import Foundation
import Glibc
import Testing

@testable import RolesShell

@Suite struct FileTreeRemovalTests {
  @Test func removesEverythingAndNothingElse() throws {
    let bench = try TreeBench()
    try bench.sample("in")
    bench.directory("other")
    try bench.file("other/kept", "k")
    bench.link("in/link", to: "../other")
    bench.link("in/sub/link", to: "../../other/kept")
    mkfifo(bench.path("in/pipe"), 0o600)
    bench.directory("in/closed", mode: 0o000)
    try TreeRemoval.remove(bench.path("in"))
    #expect(!bench.exists("in") && bench.text("other/kept") == "k")
    try TreeRemoval.remove(bench.path("in"))
    bench.link("alias", to: "other")
    try TreeRemoval.remove(bench.path("alias"))
    #expect(!bench.exists("alias") && bench.text("other/kept") == "k")
    try TreeRemoval.remove(bench.path("other/kept"))
    #expect(!bench.exists("other/kept"))
  }

  /// Deeper than any path may be long, with more levels than descriptors to spare.
  @Test func removesAbysses() throws {
    let bench = try TreeBench()
    var directory = open(bench.directory("in"), O_RDONLY | O_DIRECTORY)
    for level in 0..<3000 {
      mkdirat(directory, "level", 0o700)
      if level % 100 == 0 { close(openat(directory, "f", O_CREAT | O_WRONLY, 0o600)) }
      let next = openat(directory, "level", O_RDONLY | O_DIRECTORY)
      close(directory)
      directory = next
    }
    close(directory)
    #expect(throws: FileTreeError.limit("directories in each other", 200)) {
      try packedTree(bench.path("in"))
    }
    try TreeRemoval.remove(bench.path("in"))
    #expect(!bench.exists("in"))
  }

  @Test func removesCrowds() throws {
    let bench = try TreeBench()
    let directory = open(bench.directory("in"), O_RDONLY | O_DIRECTORY)
    for number in 0..<10_000 { close(openat(directory, "f\(number)", O_CREAT | O_WRONLY, 0o600)) }
    close(directory)
    try TreeRemoval.remove(bench.path("in"))
    #expect(!bench.exists("in"))
  }

  @Test func scratchIsMadeAndRemoved() throws {
    let bench = try TreeBench()
    let area = try ScratchArea.open(in: bench.root)
    let place = try area.make("task-1")
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.directory).isEmpty)
    #expect(throws: SystemFailure.self) { try area.make("task-1") }
    for bad in ["", ".", "..", "a/b", "a~", "a b", String(repeating: "x", count: 81)] {
      #expect(throws: SystemFailure.self) { try area.make(bad) }
    }
    try Data("x".utf8).write(to: URL(fileURLWithPath: place.directory + "/file"))
    try Data("x".utf8).write(to: URL(fileURLWithPath: place.spool + ".stdout"))
    try area.remove("task-1")
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path("tasks")).isEmpty)
    // What a killed server left.
    for start in 0..<3 {
      let left = try ScratchArea.open(in: bench.root)
      _ = try left.make("task-\(start)")
    }
    let last = try ScratchArea.open(in: bench.root)
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path("tasks")).isEmpty)
    #expect(bench.exists("tasks.removing/1"))
    try last.removeLeftovers()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bench.path("tasks.removing")).isEmpty)
  }
}
