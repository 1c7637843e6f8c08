// What the simulated disk does beyond the protocol: power cuts, process deaths, faults, capacity,
// rot. F1, F3, F5, F6 and F7 of VERIFICATION.md rest on these.

import LogStore
import Testing

@Suite struct SimulatedDiskTests {
  private let sectors = 64

  /// One durable file of 64 sectors of zeros.
  private func diskWithFile() throws -> (SimulatedDisk, FileHandle) {
    let disk = SimulatedDisk(keepsLog: true)
    let file = try disk.open("/a", .create)
    try disk.write(file, [UInt8](repeating: 0, count: sectors * 512))
    try disk.synchronize(file)
    try disk.synchronizeDirectory("/")
    return (disk, file)
  }

  @Test func whatWasSyncedSurvivesEveryCrash() throws {
    let disk = SimulatedDisk()
    let file = try disk.open("/a", .create)
    try disk.write(file, Array("durable".utf8))
    try disk.synchronize(file)
    try disk.synchronizeDirectory("/")
    for seed in UInt64(0)..<200 {
      #expect(disk.crashImage(seed: seed).contents(of: "/a") == Array("durable".utf8))
    }
  }

  @Test func syncOfTheFileDoesNotKeepItsName() throws {
    let disk = SimulatedDisk()
    let file = try disk.open("/a", .create)
    try disk.write(file, [1])
    try disk.synchronize(file)
    let found = (UInt64(0)..<100).map { disk.crashImage(seed: $0).contents(of: "/a") }
    #expect(found.contains(nil))
    #expect(found.contains([1]))
    #expect(found.allSatisfy { $0 == nil || $0 == [1] })
  }

  @Test func syncOfTheDirectoryDoesNotKeepTheBytes() throws {
    let disk = SimulatedDisk()
    let file = try disk.open("/a", .create)
    try disk.synchronizeDirectory("/")
    try disk.write(file, [1])
    let found = Set((UInt64(0)..<100).map { disk.crashImage(seed: $0).contents(of: "/a") })
    // Lost, kept, or only the new length kept.
    #expect(found == [[], [1], [0]])
  }

  @Test func sectorsAreTornOneByOne() throws {
    let (disk, file) = try diskWithFile()
    for version in 1...3 {
      try disk.write(file, [UInt8](repeating: UInt8(version), count: sectors * 512))
    }
    var mixtures = 0
    var laterWithoutEarlier = false
    for seed in UInt64(0)..<200 {
      let bytes = try #require(disk.crashImage(seed: seed).contents(of: "/a"))
      #expect(bytes.count == sectors * 512)
      var versions: [UInt8] = []
      for sector in 0..<sectors {
        let part = Set(bytes[sector * 512..<(sector + 1) * 512])
        #expect(part.count == 1, "a sector is never torn")
        versions += part
      }
      #expect(versions.allSatisfy { $0 <= 3 })
      if Set(versions).count > 1 { mixtures += 1 }
      if versions.contains(0) && versions.contains(3) { laterWithoutEarlier = true }
    }
    #expect(mixtures > 50)
    #expect(laterWithoutEarlier)
  }

  @Test func laterWritesMayStandWithoutEarlierOnes() throws {
    let (disk, file) = try diskWithFile()
    try disk.write(file, [1], at: 0)
    try disk.write(file, [2], at: 8_192)
    let found = Set(
      (UInt64(0)..<300).map { seed -> [UInt8] in
        let bytes = disk.crashImage(seed: seed).contents(of: "/a") ?? []
        return [bytes[0], bytes[8_192]]
      })
    #expect(found == [[0, 0], [1, 0], [0, 2], [1, 2]])
  }

  @Test func lengthIsApartFromData() throws {
    let (disk, file) = try diskWithFile()
    let end = UInt64(sectors * 512)
    try disk.write(file, [UInt8](repeating: 7, count: 512), at: end)
    let found = Set(
      (UInt64(0)..<300).map { seed -> [UInt8] in
        let bytes = disk.crashImage(seed: seed).contents(of: "/a") ?? []
        return Array(Set(bytes[Int(end)...]))
      })
    #expect(found == [[], [7], [0]])
  }

  @Test func truncationAndAllocationMayBeLost() throws {
    let (disk, file) = try diskWithFile()
    try disk.write(file, [UInt8](repeating: 7, count: 512))
    try disk.synchronize(file)
    try disk.truncate(file, to: 100)
    try disk.allocate(file, to: 90_000)
    var lengths: Set<Int> = []
    for seed in UInt64(0)..<300 {
      let bytes = try #require(disk.crashImage(seed: seed).contents(of: "/a"))
      lengths.insert(bytes.count)
      #expect(bytes.prefix(100) == ArraySlice([UInt8](repeating: 7, count: 100)))
    }
    #expect(lengths == [sectors * 512, 100, 90_000])
    try disk.synchronize(file)
    let bytes = try #require(disk.crashImage(seed: 1).contents(of: "/a"))
    #expect(bytes.count == 90_000)
    #expect(bytes[100...].allSatisfy { $0 == 0 })
  }

  @Test func renamesAndRemovalsComeApartFromData() throws {
    let (disk, _) = try diskWithFile()
    try disk.make("/b", [2])
    try disk.rename("/b", to: "/c")
    try disk.remove("/a")
    var found: Set<[String]> = []
    for seed in UInt64(0)..<300 { found.insert(disk.crashImage(seed: seed).paths) }
    #expect(found == [[], ["/a"], ["/a", "/b"], ["/b"], ["/c"], ["/a", "/c"]])
    try disk.synchronizeDirectory("/")
    #expect(Set((UInt64(0)..<50).map { disk.crashImage(seed: $0).paths }) == [["/c"]])
  }

  @Test func removedFileComesBackWithWhatWasDurable() throws {
    let (disk, file) = try diskWithFile()
    disk.close(file)
    try disk.remove("/a")
    let found = Set((UInt64(0)..<50).map { disk.crashImage(seed: $0).contents(of: "/a")?.count })
    #expect(found == [nil, sectors * 512])
    #expect(disk.usedBytes == 0)
  }

  @Test func imageIsAPureFunctionOfStateAndSeed() throws {
    func disk() throws -> SimulatedDisk {
      let (disk, file) = try diskWithFile()
      for index in 0..<40 { try disk.write(file, [UInt8(index)], at: UInt64(index * 700)) }
      try disk.make("/b", [1, 2, 3])
      try disk.rename("/b", to: "/c")
      return disk
    }
    let (one, two) = (try disk(), try disk())
    var different: Set<[UInt8]> = []
    for seed in UInt64(0)..<100 {
      let (a, b) = (one.crashImage(seed: seed), two.crashImage(seed: seed))
      #expect(a.paths == b.paths)
      for path in a.paths { #expect(a.contents(of: path) == b.contents(of: path)) }
      different.insert(a.contents(of: "/a") ?? [])
    }
    #expect(different.count > 20)
    #expect(one.contents(of: "/c") == [1, 2, 3], "taking an image changes nothing")
  }

  @Test func crashOfAnImageLosesNothingMore() throws {
    let (disk, file) = try diskWithFile()
    try disk.write(file, [UInt8](repeating: 1, count: 20_000))
    for seed in UInt64(0)..<50 {
      let image = disk.crashImage(seed: seed)
      #expect(image.crashImage(seed: 99).contents(of: "/a") == image.contents(of: "/a"))
    }
  }

  @Test func handlesAndLocksEndWithTheProcess() throws {
    let (disk, file) = try diskWithFile()
    _ = try disk.lock("/lock")
    try disk.write(file, [5])
    let killed = disk.killImage()
    #expect(refusal { _ = try killed.read(file, 1) }?.code == Errno.badDescriptor)
    #expect(killed.contents(of: "/a")?.first == 5, "what was written stays")
    killed.close(try killed.lock("/lock"))
    // Its death made nothing durable.
    let later = Set((UInt64(0)..<50).map { killed.crashImage(seed: $0).contents(of: "/a")?.first })
    #expect(later == [0, 5])
    #expect(refusal { _ = try disk.lock("/lock") }?.code == Errno.wouldBlock)
    let crashed = disk.crashImage(seed: 1)
    #expect(refusal { try crashed.write(file, [1]) }?.code == Errno.badDescriptor)
    crashed.close(try crashed.lock("/lock"))
  }

  @Test func failedSyncIsFinal() throws {
    let (disk, file) = try diskWithFile()
    try disk.write(file, [5])
    disk.inject(DiskFault(.synchronize, code: Errno.inputOutput))
    #expect(
      refusal { try disk.synchronize(file) } == FileError(.synchronize, "/a", Errno.inputOutput))
    #expect(disk.contents(of: "/a")?.first == 5, "a reader still sees it")
    try disk.synchronize(file)
    #expect(disk.crashImage(seed: 3).contents(of: "/a")?.first == 0, "the second sync lied")
    try disk.write(file, [6])
    try disk.synchronize(file)
    #expect(disk.crashImage(seed: 3).contents(of: "/a")?.first == 6)
  }

  @Test func failedSyncOfADirectoryIsFinal() throws {
    let disk = SimulatedDisk()
    try disk.make("/a")
    disk.inject(DiskFault(.synchronizeDirectory, code: Errno.inputOutput))
    #expect(refusal { try disk.synchronizeDirectory("/") }?.code == Errno.inputOutput)
    try disk.synchronizeDirectory("/")
    #expect(disk.crashImage(seed: 0).paths == [])
  }

  @Test func failsTheOperationThatWasAskedFor() throws {
    let disk = SimulatedDisk(keepsLog: true)
    disk.inject(DiskFault(.write, pathSuffix: ".seg", after: 1, code: Errno.inputOutput))
    let (a, b) = (try disk.open("/a.seg", .create), try disk.open("/b.tmp", .create))
    try disk.write(a, [1])
    try disk.write(b, [1])
    #expect(refusal { try disk.write(a, [2, 3], at: 1) }?.code == Errno.inputOutput)
    #expect(disk.contents(of: "/a.seg") == [1, 2], "a part of the range may have arrived")
    try disk.write(a, [2, 3], at: 1)
    #expect(disk.operations.map(\.code) == [0, 0, 0, 0, Errno.inputOutput, 0])
    #expect(disk.operations[4].description.hasPrefix("4 write /a.seg at 1 count 2: "))
    disk.inject(DiskFault(code: Errno.tooManyFiles, isLasting: true))
    for _ in 0..<2 {
      #expect(refusal { _ = try disk.open("/c", .create) }?.code == Errno.tooManyFiles)
      #expect(refusal { _ = try disk.list("/") }?.code == Errno.tooManyFiles)
    }
    disk.clearFaults()
    #expect(try disk.list("/") == ["a.seg", "b.tmp"])
  }

  @Test func runsFullAndRecovers() throws {
    let disk = SimulatedDisk(capacity: 10 * 4096)
    let file = try disk.open("/a", .create)
    try disk.allocate(file, to: 6 * 4096)
    #expect(disk.usedBytes == 6 * 4096)
    #expect(refusal { try disk.allocate(file, to: 11 * 4096) }?.code == Errno.noSpace)
    #expect(try disk.size(file) == 6 * 4096, "what fails reserves nothing")
    try disk.write(file, [UInt8](repeating: 1, count: 6 * 4096), at: 0)
    #expect(disk.usedBytes == 6 * 4096, "what was reserved is used")
    let other = try disk.open("/b", .create)
    let tooMuch = [UInt8](repeating: 2, count: 5 * 4096)
    #expect(refusal { try disk.write(other, tooMuch) } == FileError(.write, "/b", Errno.noSpace))
    #expect(try disk.size(other) == 4 * 4096, "what fits was written")
    try disk.remove("/b")
    #expect(refusal { try disk.allocate(file, to: 7 * 4096) }?.code == Errno.noSpace)
    disk.close(other)
    try disk.allocate(file, to: 7 * 4096)
    try disk.truncate(file, to: 1)
    #expect(disk.usedBytes == 4096)
    disk.resize(capacity: 4096)
    #expect(refusal { try disk.write(file, [1], at: 4096) }?.code == Errno.noSpace)
    disk.resize(capacity: nil)
    try disk.write(file, [1], at: 4096)
  }

  @Test func flipsABitAtRest() throws {
    let (disk, _) = try diskWithFile()
    try disk.flip(bit: 8 * 1000 + 3, of: "/a")
    #expect(disk.contents(of: "/a")?[1000] == 8)
    #expect(disk.crashImage(seed: 0).contents(of: "/a")?[1000] == 8)
    #expect(refusal { try disk.flip(bit: 0, of: "/none") }?.code == Errno.noEntry)
  }

  @Test func photographsTheMomentBeforeAnOperation() throws {
    let disk = SimulatedDisk()
    let file = try disk.open("/a", .create)
    disk.photograph(beforeOperations: [3, 2])
    for value in 1...4 { try disk.write(file, [UInt8(value)]) }
    let photographs = disk.takePhotographs()
    #expect(photographs.map(\.operation) == [2, 3])
    #expect(photographs.map { $0.disk.contents(of: "/a") } == [[1], [2]])
  }
}
