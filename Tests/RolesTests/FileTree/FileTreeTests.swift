import Crypto
import Foundation
import Glibc
import Testing

@testable import RolesShell

@Suite struct FileTreeTests {
  @Test func roundTripIsExact() throws {
    let bench = try TreeBench()
    try bench.sample("in")
    let (bytes, summary) = try packedTree(bench.path("in"))
    #expect(summary.size == UInt64(bytes.count))
    #expect(summary.hash == Array(SHA256.hash(data: bytes)))
    #expect(summary.entries == 11 && summary.skipped == [])
    for part in [1 << 20, 64 << 10, 17, 1] {
      let out = bench.directory("out\(part)")
      #expect(try unpack(bytes, into: out, part: part) == summary)
      #expect(try packedTree(out).bytes == bytes)
    }
    #expect(bench.text("out1/sub/deep/c") == "gamma")
    #expect(bench.mode("out1/sub/deep") == 0o500 && bench.mode("out1/sub/deep/c") == 0o400)
    #expect(bench.mode("out1/run") == 0o755 && bench.mode("out1/sub") == 0o750)
    var buffer = [CChar](repeating: 0, count: 100)
    #expect(readlink(bench.path("out1/sub/up"), &buffer, 99) == 4)
  }

  /// The layout down to the byte: a change of the format must be one of its version, too.
  @Test func bytesOfASmallTree() throws {
    let bench = try TreeBench()
    bench.directory("in")
    bench.directory("in/d", mode: 0o755)
    try bench.file("in/d/f", "hi", mode: 0o640)
    bench.link("in/l", to: "d/f")
    let (bytes, _) = try packedTree(bench.path("in"))
    let expected: [UInt8] =
      [0x52, 0x50, 0x43, 0x54, 1, 0, 0, 0]
      + [2, 0xed, 0x01, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0] + Array("d".utf8)
      + [1, 0xa0, 0x01, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0] + Array("d/f".utf8) + Array("hi".utf8)
      + [3, 0xff, 0x01, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0] + Array("l".utf8) + Array("d/f".utf8)
      + [0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    #expect(bytes == expected)
  }

  @Test func equalTreesGiveEqualBytes() throws {
    let bench = try TreeBench()
    bench.directory("one")
    bench.directory("two")
    let names = ["b", "a", "ab", "a.b", "Z", "é", "a-b"]
    for name in names { try bench.file("one/\(name)", name) }
    for name in names.reversed() { try bench.file("two/\(name)", name) }
    for place in ["one", "two"] {
      bench.directory("\(place)/a.d")
      try bench.file("\(place)/a.d/x", "")
    }
    #expect(try packedTree(bench.path("one")).bytes == packedTree(bench.path("two")).bytes)
  }

  @Test func whatCannotTravelIsLeftOutAndSaid() throws {
    let bench = try TreeBench()
    bench.directory("in")
    mkfifo(bench.path("in/pipe"), 0o644)
    bench.link("in/absolute", to: "/etc/passwd")
    bench.link("in/out", to: "../other")
    bench.link("in/trick", to: "absolute/../..")
    try bench.file("in/kept", "k")
    let (bytes, summary) = try packedTree(bench.path("in"))
    #expect(summary.entries == 1)
    #expect(
      summary.skipped.map { String($0.prefix { $0 != ":" }) } == [
        "absolute", "out", "pipe", "trick",
      ])
    try unpack(bytes, into: bench.directory("copy"))
    #expect(bench.text("copy/kept") == "k")
  }

  @Test func listedFilesAndExecutables() throws {
    let bench = try TreeBench()
    bench.directory("in")
    try bench.file("in/x", "1")
    try bench.file("y", "2", mode: 0o600)
    bench.link("alias", to: "y")
    let (bytes, summary) = try packed { sink in
      try TreePacker.pack(
        [
          TreeSource(path: bench.path("alias"), name: "data/deep/y"),
          TreeSource(path: bench.path("y"), name: "data/a"),
          TreeSource(path: bench.path("in"), name: "in"),
        ], to: sink)
    }
    #expect(summary.entries == 6)
    try unpack(bytes, into: bench.directory("copy"))
    #expect(bench.text("copy/data/deep/y") == "2" && bench.text("copy/in/x") == "1")
    let (program, _) = try packed { sink in
      try TreePacker.pack(executable: bench.path("y"), name: "prog", to: sink)
    }
    // Beside what is there already.
    try unpack(program, into: bench.path("copy"))
    #expect(bench.mode("copy/prog") == 0o755 && bench.text("copy/in/x") == "1")
    for names in [["a", "a"], ["a", "a/b"], ["/a"], ["../a"], [""], ["a//b"], ["a/."]] {
      #expect(throws: FileTreeError.self) {
        try packed { sink in
          try TreePacker.pack(names.map { TreeSource(path: bench.path("y"), name: $0) }, to: sink)
        }
      }
    }
    #expect(throws: FileTreeError.self) {
      try packed { sink in
        try TreePacker.pack([TreeSource(path: bench.path("gone"), name: "a")], to: sink)
      }
    }
  }

  @Test func changesSinceASnapshot() throws {
    let bench = try TreeBench()
    try bench.sample("in")
    let (bytes, _) = try packedTree(bench.path("in"))
    let work = bench.directory("work")
    try unpack(bytes, into: work)
    let before = try TreeSnapshot(of: work)
    #expect(before.count == 11)
    func changes() throws -> (bytes: [UInt8], summary: TreeSummary) {
      try packed { sink in try TreePacker.packChanges(of: work, since: before, to: sink) }
    }
    #expect(try changes().summary.entries == 0)
    // Same size, same tick perhaps: it is seen all the same.
    let file = open(bench.path("work/a"), O_WRONLY)
    #expect(write(file, "ALPHA", 5) == 5)
    close(file)
    chmod(bench.path("work/run"), 0o700)
    chmod(bench.path("work/sub/deep"), 0o700)
    try bench.file("work/sub/deep/new", "n")
    bench.directory("work/fresh")
    unlink(bench.path("work/none"))
    rename(bench.path("work/sub.txt"), bench.path("work/renamed"))
    let (delta, summary) = try changes()
    #expect(summary.entries == 7)
    let copy = bench.directory("copy")
    try unpack(delta, into: copy)
    let entries = ["a", "fresh", "renamed", "run", "sub", "sub/deep", "sub/deep/new"]
    #expect(try FileManager.default.subpathsOfDirectory(atPath: copy).sorted() == entries)
    #expect(bench.text("copy/a") == "ALPHA" && bench.text("copy/sub/deep/new") == "n")
    #expect(bench.text("copy/renamed") == "beside sub" && bench.mode("copy/run") == 0o700)
    #expect(
      bench.exists("copy/fresh") && !bench.exists("copy/sub/b") && !bench.exists("copy/empty"))
  }

  @Test func largeFilesStream() throws {
    let bench = try TreeBench()
    bench.directory("in")
    let file = open(bench.path("in/large"), O_WRONLY | O_CREAT, 0o644)
    #expect(ftruncate(file, 1 << 30) == 0)
    close(file)
    final class Most { var part = 0 }
    let most = Most()
    let out = bench.directory("out")
    let unpacker = try TreeUnpacker(into: out)
    let summary = try TreePacker.pack(directory: bench.path("in")) { part throws(FileTreeError) in
      most.part = max(most.part, part.count)
      try unpacker.feed(part)
    }
    #expect(try unpacker.finish() == summary)
    #expect(most.part <= 256 << 10)
    #expect(summary.size > 1 << 30)
  }

  @Test func theReceiverMayRefuse() throws {
    let bench = try TreeBench()
    try bench.sample("in")
    #expect(throws: FileTreeError.refused("full")) {
      try TreePacker.pack(directory: bench.path("in")) { _ throws(FileTreeError) in
        throw .refused("full")
      }
    }
  }
}
