import Foundation
import Glibc
import ReplicationCore
import Testing

@testable import RolesShell

/// F15 for archives: streams from machines that nobody controls. Nothing outside the directory may
/// be touched, whatever they say.
@Suite struct FileTreeHostilityTests {
  private func refused(
    _ bytes: [UInt8], limits: TreeLimits = .init(), _ reason: String,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    let bench = try TreeBench()
    bench.directory("around")
    try bench.file("around/witness", "untouched")
    let inside = bench.directory("around/in")
    do {
      try unpack(bytes, into: inside, limits: limits)
      Issue.record("taken: \(reason)", sourceLocation: location)
    } catch let error as FileTreeError {
      #expect(error.description.contains(reason), sourceLocation: location)
    }
    #expect(bench.text("around/witness") == "untouched", sourceLocation: location)
    let names = try FileManager.default.contentsOfDirectory(atPath: bench.path("around"))
    #expect(names.sorted() == ["in", "witness"], sourceLocation: location)
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.root) == ["around"])
  }

  @Test func paths() throws {
    for (path, reason) in [
      ("/etc/x", "absolute"), ("../x", ".."), ("a/../x", ".."), ("./x", "."),
      ("a//b", "empty name"),
      ("a/", "empty name"), ("..", ".."), ("a\0b", "NUL"),
      (String(repeating: "n", count: 256), "256 bytes"),
    ] {
      try refused(HandMade().file(path).end(), reason)
    }
    try refused(HandMade().file("").end(), "path of 0 bytes")
    try refused(HandMade().file("a/b").end(), "directory is not there")
    try refused(HandMade().file("a").file("a/b").end(), "directory is not there")
  }

  @Test func links() throws {
    for target in ["/etc", "..", "../x", "a/../..", "a/..", "", "x\0y"] {
      try refused(HandMade().link("l", target).end(), "link")
    }
    try refused(HandMade().directory("d").link("d/l", "../..").end(), "link")
    // Through a link: its place is no directory entry, so nothing can stand in it.
    try refused(HandMade().link("l", "x").file("l/x").end(), "directory is not there")
    try refused(HandMade().link("d", "e").directory("d").end(), "not in order")
    let bench = try TreeBench()
    try unpack(
      HandMade().directory("d").link("d/l", "../d/./x").link("self", ".").end(),
      into: bench.directory("in"))
  }

  /// What the directory holds already may be hostile, too: an earlier archive put it there.
  @Test func whatIsThereIsNotFollowed() throws {
    let bench = try TreeBench()
    bench.directory("secret")
    try bench.file("secret/f", "untouched")
    let inside = bench.directory("in")
    bench.link("in/d", to: "../secret")
    bench.link("in/f", to: "../secret/f")
    for replacing in [false, true] {
      #expect(throws: FileTreeError.self) {
        try unpack(
          HandMade().directory("d").file("d/f", "evil").end(), into: inside, replacing: replacing)
      }
    }
    #expect(throws: FileTreeError.self) {
      try unpack(HandMade().file("f", "evil").end(), into: inside)
    }
    try unpack(HandMade().file("f", "mine").end(), into: inside, replacing: true)
    #expect(bench.text("in/f") == "mine" && bench.text("secret/f") == "untouched")
  }

  @Test func order() throws {
    try refused(HandMade().file("b").file("a").end(), "order")
    try refused(HandMade().file("a").file("a").end(), "order")
    try refused(HandMade().directory("a").file("a.b").file("a/b").end(), "order")
    try refused(HandMade().directory("a").directory("b").file("a/x").end(), "order")
  }

  @Test func heads() throws {
    try refused(HandMade().entry(4, "a").end(), "unknown kind 4")
    try refused(HandMade().entry(1, "a", mode: 0o4755).end(), "mode 4755")
    try refused(HandMade().entry(3, "a", mode: 0o755, tail: "b").end(), "mode")
    try refused(HandMade().entry(2, "a", mode: 0o755, tail: "b").end(), "directory with content")
    try refused(HandMade().entry(3, "a", mode: 0o777, length: 1 << 63).end(), "too long")
    try refused(HandMade().file("a").end(2), "doesn't fit")
    try refused(HandMade().file("a").end() + [0], "after its end")
    try refused([], "in the middle")
    try refused(Array(HandMade().file("a").end().dropLast()), "in the middle")
    try refused(Array("PK\u{3}\u{4}0000".utf8), "no file tree")
    var newer = HandMade().end()
    newer[4] = 2
    try refused(newer, "version 2")
  }

  @Test func limits() throws {
    var limits = TreeLimits()
    limits.bytes = 10
    try refused(HandMade().entry(1, "a", length: 11).bytes, limits: limits, "10 bytes")
    try refused(HandMade().entry(1, "a", length: .max).bytes, limits: limits, "10 bytes")
    try refused(HandMade().file("a", "123456").file("b", "12345").end(), limits: limits, "10 bytes")
    try refused(
      HandMade().file("a", "1").entry(1, "b", length: .max).bytes, "bytes")
    limits = TreeLimits()
    limits.entries = 2
    try refused(HandMade().file("a").file("b").file("c").end(), limits: limits, "2 entries")
    limits = TreeLimits()
    limits.depth = 2
    let deep = HandMade().directory("a").directory("a/b").directory("a/b/c")
    try refused(deep.end(), limits: limits, "2 directories")
  }

  @Test func mutatedStreamsNeverEscape() throws {
    let seed: UInt64 = 0x7ee5
    print("seed \(seed)")
    var dice = Dice(seed: seed)
    let bench = try TreeBench()
    let good = HandMade().directory("d").file("d/f", "text").link("d/l", "f").file("e", "more")
      .end()
    try bench.file("witness", "untouched")
    for round in 0..<2000 {
      var bytes = good
      for _ in 0...Int.random(in: 0...3, using: &dice) {
        let place = Int.random(in: 0..<bytes.count, using: &dice)
        switch Int.random(in: 0...2, using: &dice) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &dice)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &dice)
        default: bytes.remove(at: place)
        }
      }
      let inside = bench.directory("in")
      let part = Int.random(in: 1...40, using: &dice)
      if let summary = try? unpack(bytes, into: inside, part: part) {
        // Whatever was taken is canonical: it packs to the very same bytes.
        #expect(try packedTree(inside).bytes == bytes, "round \(round), \(summary)")
      }
      try TreeRemoval.remove(inside)
      #expect(try FileManager.default.contentsOfDirectory(atPath: bench.root) == ["witness"])
    }
    #expect(bench.text("witness") == "untouched")
  }
}
