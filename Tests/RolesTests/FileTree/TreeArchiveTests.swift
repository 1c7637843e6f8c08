import Foundation
import Glibc
import LogStore
import RolesCore
import Testing

@testable import RolesShell

extension TreeBench {
  func archives(_ name: String = "archives") throws -> ArchiveStore {
    var generator = SystemRandomNumberGenerator()
    let node = NodeID(ID128.random(using: &generator))
    return try ArchiveStore.open(
      path(name), on: PosixFileSystem(), node: node, options: LogOptions(), entropy: &generator
    ).0
  }
}

@Suite struct TreeArchiveTests {
  private func store(_ directory: String, in archives: ArchiveStore) throws -> Blob {
    try TreeArchive.store(in: archives) { sink throws(FileTreeError) in
      try TreePacker.pack(directory: directory, to: sink)
    }.blob
  }

  @Test func smallTreesStandInTheRecordAndLargeOnesInAnArchive() throws {
    let bench = try TreeBench()
    let archives = try bench.archives()
    for count in [0, 16_000, 16_384, 16_385, 5 << 20] {
      let name = "in\(count)"
      bench.directory(name)
      try bench.file("\(name)/f", String(repeating: "x", count: count))
      let (bytes, summary) = try packedTree(bench.path(name))
      let blob = try store(bench.path(name), in: archives)
      if bytes.count <= Blob.inlineLimit {
        #expect(blob == .inline(bytes))
      } else {
        let id = try #require(Hash256(bytes: summary.hash))
        #expect(blob == .archive(id, size: UInt64(bytes.count)))
        #expect(archives.isComplete(id))
      }
      let out = bench.directory("out\(count)")
      try TreeArchive.unpack(blob, into: out, from: archives.forEachPart)
      #expect(try packedTree(out).bytes == bytes)
    }
  }

  /// A tree that is whole and harmless, but not the one that was asked for.
  @Test func anotherTreeThanTheNameSaysIsRefused() throws {
    let bench = try TreeBench()
    let archives = try bench.archives()
    try bench.sample("in")
    guard case .archive(_, let size) = try store(bench.path("in"), in: archives) else {
      Issue.record("the sample is large")
      return
    }
    let other = HandMade().file("a").end()
    #expect(throws: FileTreeError.self) {
      try TreeArchive.unpack(
        .archive(.zero, size: size), into: bench.directory("out")
      ) { _, body in try body(other) }
    }
  }

  @Test func whatAStoreDoesNotHaveIsAnError() throws {
    let bench = try TreeBench()
    let archives = try bench.archives()
    #expect(throws: LogError.self) {
      try TreeArchive.unpack(
        .archive(.zero, size: 5), into: bench.directory("out"), from: archives.forEachPart)
    }
  }

  @Test func moverBringsWhatIsWanted() throws {
    let bench = try TreeBench()
    try bench.sample("in")
    let (bytes, _) = try packedTree(bench.path("in"))
    try unpack(bytes, into: bench.directory("tree"))
    bench.directory("home")
    try bench.file("home/a", "old")
    bench.directory("elsewhere")
    bench.link("home/sub", to: "../elsewhere")
    let wanted: Set<String> = ["a", "sub/deep", "to-a", "absent"]
    let moved = try TreeMover.move(from: bench.path("tree"), to: bench.path("home")) {
      wanted.contains(String(decoding: $0, as: UTF8.self))
    }
    #expect(
      moved.map { String(decoding: $0, as: UTF8.self) } == ["a", "sub/deep", "sub/deep/c", "to-a"])
    #expect(bench.text("home/a") == "alpha")
    // A link of the person's own is followed.
    #expect(bench.text("elsewhere/deep/c") == "gamma" && bench.mode("elsewhere/deep/c") == 0o400)
    #expect(!bench.exists("home/run") && bench.exists("tree/run"))
    var status = stat()
    #expect(stat(bench.path("home/a"), &status) == 0)
    #expect(status.st_mtim.tv_sec > TreeUnpacker.modified + 1000)
  }

  @Test func moverSaysWhatStandsInTheWay() throws {
    let bench = try TreeBench()
    try bench.sample("in")
    bench.directory("home")
    bench.directory("home/a")
    try bench.file("home/sub", "a file")
    for name in ["a", "sub"] {
      #expect(throws: FileTreeError.self) {
        try TreeMover.move(from: bench.path("in"), to: bench.path("home")) {
          $0 == Array(name.utf8)
        }
      }
    }
    #expect(bench.text("home/sub") == "a file")
  }
}
