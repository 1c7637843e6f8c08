import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import class Foundation.Process
import struct Foundation.URL

@testable import LogStore

/// Who a directory is, and that one process has it.
struct NodeDirectoryTests {
  private func open(_ disk: any FileSystem, _ path: String, seed: UInt64 = 1) throws
    -> NodeDirectory
  {
    var dice = SplitMix64(seed: seed)
    return try NodeDirectory.open(path, on: disk, entropy: &dice)
  }

  @Test(arguments: DiskUnderTest.allCases)
  func theIdentityStaysAndTheLockIsHeld(disk: DiskUnderTest) throws {
    try disk.run { disk, base in
      let path = base + "/a/node"
      let first = try open(disk, path)
      #expect(throws: LogError.inUse(path: path)) { try open(disk, path, seed: 2) }
      first.close()
      let second = try open(disk, path, seed: 3)
      #expect(second.node == first.node)
      #expect(second.former.isEmpty)
      second.close()
    }
  }

  /// Another process can't take the lock while this one has it, and can when it has not.
  @Test func anotherProcessIsKeptOut() throws {
    try DiskUnderTest.posix.run { disk, base in
      let directory = try open(disk, base + "/node")
      func flock() throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["flock", "-n", base + "/node/LOCK", "true"]
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
      }
      #expect(try flock() == 1)
      directory.close()
      #expect(try flock() == 0)
    }
  }

  /// F3: whatever a power cut leaves, an identity that was told stays, and none is half made.
  @Test func anIdentityThatWasToldSurvivesAPowerCut() throws {
    for seed in UInt64(0)..<100 {
      let disk = SimulatedDisk()
      disk.photograph(beforeOperations: Array(0..<20))
      let node = try open(disk, "/node").node
      #expect(try open(disk.crashImage(seed: seed), "/node", seed: 2).node == node)
      for (_, photograph) in disk.takePhotographs() {
        _ = try open(photograph.crashImage(seed: seed), "/node", seed: 2)
      }
    }
  }

  @Test func noFlippedBitMakesAnotherNode() throws {
    let disk = SimulatedDisk()
    let directory = try open(disk, "/node")
    var dice = SplitMix64(seed: 44)
    let renewed = try directory.renew(entropy: &dice)
    directory.close()
    let size = try #require(disk.contents(of: "/node/IDENTITY")).count
    for bit in 0..<(size * 8) {
      let image = disk.killImage()
      try image.flip(bit: UInt64(bit), of: "/node/IDENTITY")
      let found = try open(image, "/node", seed: 2)
      #expect(found.node == renewed)
      #expect(found.former == [directory.node])
      #expect(image.contents(of: "/node/IDENTITY") == disk.contents(of: "/node/IDENTITY"))
    }
  }

  @Test func badDirectoriesGetClearErrors() throws {
    let disk = SimulatedDisk()
    try open(disk, "/node").close()
    let text = String(decoding: disk.contents(of: "/node/IDENTITY") ?? [], as: UTF8.self)

    try replace(disk, [UInt8]("hello\n".utf8))
    #expect(throws: LogError.self) { try open(disk, "/node") }
    #expect(disk.contents(of: "/node/IDENTITY") == [UInt8]("hello\n".utf8))

    let newer =
      text.split(separator: "\n").prefix(2).joined(separator: "\n")
      .replacing("rpcv-node 1", with: "rpcv-node 2") + "\n"
    let check = "check \(hex(XXH64.hash([UInt8](newer.utf8))))\n"
    try replace(disk, [UInt8]((newer + check).utf8))
    #expect(throws: LogError.newerVersion(path: "/node/IDENTITY", version: 2)) {
      try open(disk, "/node")
    }

    disk.inject(DiskFault(.lock, code: 13))
    #expect(throws: LogError.notWritable(FileError(.lock, "/node/LOCK", 13))) {
      try open(disk, "/node")
    }
  }

  private func replace(_ disk: SimulatedDisk, _ bytes: [UInt8]) throws {
    try disk.remove("/node/IDENTITY")
    try disk.make("/node/IDENTITY", bytes)
  }
}
