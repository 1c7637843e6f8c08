import Foundation
import Testing

// F5 and F7 on a real grid: a flipped byte on the disk of a stopped coordinator is found, told and
// healed from its neighbour; a full file system refuses work and loses nothing.

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
    let held = try HeldSegments.read(grid.directory(ofCoordinator: 1))
    let (name, end) = try #require(
      held.ends.filter { $0.key.hasPrefix("facts/") }.max { $0.value < $1.value })
    let path = grid.directory(ofCoordinator: 1) + "/" + name
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.seek(toOffset: UInt64(end / 2))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(end / 2))
    try file.write(contentsOf: Data([byte ^ 0x10]))
    try file.close()
    try grid.startCoordinator(1)
    try grid.awaitWhole()
    try grid.awaitEqualSegments(within: 90)
    #expect(try grid.differingSegments() == [])
    let after = try grid.run(["map", "echo {}"], input: "a\nb\n", within: 30)
    #expect(Set(after.lines) == ["a", "b"])
  }

  /// As root only: the file system is a small tmpfs of its own.
  @Test(.enabled(if: getuid() == 0, "needs root to mount a small file system"))
  func aFullDiskRefusesAndRecovers() throws {
    let folder = try TestFolder()
    let disk = folder.path + "/disk"
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    let mount = try LiveProcess(
      "mount", "/bin/mount", ["-t", "tmpfs", "-o", "size=12m", "none", disk], in: folder.path
    ).end(within: 10)
    guard mount.status == 0 else {
      // A container may forbid it even to root.
      print("no tmpfs here: \(mount.errors)")
      return
    }
    defer {
      _ = try? LiveProcess("umount", "/bin/umount", ["-l", disk], in: folder.path).end(within: 10)
    }
    // Results that don't shrink: what space is left beside the reserve is soon used.
    let job = "head -c 9000 /dev/urandom | base64 -w0; echo; echo done-{}"
    let words = ["map", "--session", "full", "--directory", disk + "/node", "-j2", job]
    let input = (1...60).map(String.init).joined(separator: "\n") + "\n"
    let first = try LiveProcess(
      "map", Program.rpcv, words, in: folder.path, input: input, number: 1
    ).end(within: 30)
    #expect(done(first.lines).count == 60, "\(first.errors)")
    // Nearly nothing is left.
    let filler = try LiveProcess(
      "filler", "/bin/sh", ["-c", "cat /dev/zero > \(disk)/filler"], in: folder.path
    ).end(within: 30)
    #expect(filler.status != 0)
    let more = (1...400).map(String.init).joined(separator: "\n") + "\n"
    let full = try LiveProcess(
      "map", Program.rpcv, words, in: folder.path, input: more, number: 2)
    try eventually(within: 20, "it says that the disk is full: \(full.complaints)") {
      full.complaints.contains("full") || full.complaints.contains("space") || !full.isRunning
    }
    #expect(full.complaints.contains("full") || full.complaints.contains("space"))
    full.killNow()
    let before = full.printed.split(separator: "\n").map(String.init)
    try FileManager.default.removeItem(atPath: disk + "/filler")
    let last = try LiveProcess(
      "map", Program.rpcv, words, in: folder.path, input: more, number: 3
    ).end(within: 30)
    #expect(last.status == 0, "\(last.errors)")
    #expect(done(first.lines + before + last.lines).count == 400)
  }

  private func done(_ lines: [String]) -> Set<String> {
    Set(lines.filter { $0.hasPrefix("done-") })
  }
}
