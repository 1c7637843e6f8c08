import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import class Foundation.FileManager

@testable import LogStore

/// F6, F16 below the seam of FileSystem: the real implementation under a kernel that interrupts
/// calls, moves fewer bytes than it was asked for, and fails.
struct InterruptedCallTests {
  /// Fails every n-th call of each kind, and counts.
  private final class Kernel: Sendable {
    let counts = Guarded<[SystemCall: Int]>([:])
    let struck = Guarded<[SystemCall: Int]>([:])

    func faults(every: Int, _ code: Int32, limit: @escaping @Sendable (Int) -> Int = { $0 })
      -> SystemFaults
    {
      SystemFaults(limit: limit) { [self] call in
        let count = counts.withLock { counts in
          counts[call, default: 0] += 1
          return counts[call] ?? 0
        }
        guard count % every == every - 1 || count == 1 else { return nil }
        struck.withLock { $0[call, default: 0] += 1 }
        return code
      }
    }
  }

  /// Every call of the system is interrupted, and no caller hears of it.
  @Test func interruptedCallsAreMadeAgain() throws {
    try DiskUnderTest.posix.run { _, base in
      let kernel = Kernel()
      let disk = PosixFileSystem(
        faults: kernel.faults(every: 3, Errno.interrupted) { max(1, $0 / 3) })
      try useEverything(disk, base + "/a/b")
      let struck = kernel.struck.withLock { $0 }
      for call in SystemCall.allCases { #expect(struck[call] ?? 0 > 0, "\(call)") }
      try liveOn(disk, base + "/facts")
    }
  }

  /// A directory is synchronised without a new descriptor: a process that has none left for a
  /// moment has not lost a sync.
  @Test func withoutDescriptorsTheDirectoryIsStillSynchronised() throws {
    try DiskUnderTest.posix.run { _, base in
      let isOut = Guarded(false)
      let disk = PosixFileSystem(
        faults: SystemFaults { call in
          call == .open && isOut.withLock { $0 } ? Errno.tooManyFiles : nil
        })
      let other = try openLog(SimulatedDisk(), node: otherNode, seed: 3).log
      try commitEach(other, [record(1)])
      let log = try openLog(disk, directory: base + "/facts").log
      try commitEach(log, [record(2)])
      try other.ship(other.openSegment, to: log)
      isOut.withLock { $0 = true }
      try log.commit()
      #expect(log.durable == log.sequence)
      isOut.withLock { $0 = false }
      // Another directory in its place is noticed.
      try disk.makeDirectory(base + "/a")
      try disk.synchronizeDirectory(base + "/a")
      try FileManager.default.removeItem(atPath: base + "/a")
      #expect(throws: FileError.self) { try disk.synchronizeDirectory(base + "/a") }
      try disk.makeDirectory(base + "/a")
      try disk.synchronizeDirectory(base + "/a")
    }
  }

  /// Reads and writes of one byte up to all that was asked for.
  @Test(arguments: 1...4)
  func shortReadsAndWritesAreContinued(seed: Int) throws {
    try DiskUnderTest.posix.run { _, base in
      let dice = Guarded(SplitMix64(seed: UInt64(seed)))
      let short = SystemFaults(
        limit: { count in dice.withLock { 1 + Int($0.next() % UInt64(count)) } },
        strike: { _ in nil
        })
      try useEverything(PosixFileSystem(faults: short), base + "/a")
      try liveOn(PosixFileSystem(faults: short), base + "/facts")
    }
  }

  /// Where space can't be reserved, zeros are written, in as many calls as it takes.
  @Test func withoutReservationZerosAreWritten() throws {
    try DiskUnderTest.posix.run { plain, base in
      let disk = PosixFileSystem(
        faults: SystemFaults(limit: { max(1, $0 / 2) }) { call in
          call == .allocate ? Errno.notSupported : nil
        })
      let file = try disk.open(base + "/f", .create)
      try disk.write(file, [1, 2, 3])
      try disk.allocate(file, to: 200_000)
      disk.close(file)
      #expect(try plain.contents(base + "/f") == [1, 2, 3] + [UInt8](repeating: 0, count: 199_997))
    }
  }

  /// Every errno of every call comes out as it is, with operation and path; nothing stays open.
  @Test(arguments: FailingCallTests.codes.filter { $0 != Errno.interrupted })
  func everyErrnoIsTold(code: Int32) throws {
    for failing in SystemCall.allCases {
      try DiskUnderTest.posix.run { _, base in
        let disk = PosixFileSystem(faults: SystemFaults { $0 == failing ? code : nil })
        let error = refusal { try useEverything(disk, base + "/a") }
        #expect(error?.code == code || failing == .stat, "\(failing): \(String(describing: error))")
        #expect(error?.path.hasPrefix(base) != false || failing == .stat)
      }
    }
  }

  /// Each method of the protocol, with its result checked.
  private func useEverything(_ disk: any FileSystem, _ directory: String) throws {
    try disk.makeDirectory(directory)
    let lock = try disk.lock(directory + "/lock")
    defer { disk.close(lock) }
    let path = directory + "/one"
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let file = try disk.open(path, .create)
    defer { disk.close(file) }
    try disk.write(file, bytes)
    try disk.write(file, [9, 9, 9], at: 5_000)
    try disk.synchronize(file)
    try disk.allocate(file, to: 20_000)
    #expect(try disk.size(file) == 20_000)
    try disk.truncate(file, to: 10_000)
    var expected = bytes
    expected.replaceSubrange(5_000..<5_003, with: [9, 9, 9])
    #expect(try disk.read(file, 20_000) == expected)
    try disk.rename(path, to: directory + "/two")
    try disk.synchronizeDirectory(directory)
    #expect(try disk.list(directory) == ["lock", "two"])
    try disk.remove(directory + "/two")
    #expect(try disk.list(directory) == ["lock"])
  }

  private func liveOn(_ disk: any FileSystem, _ directory: String) throws {
    let options = smallOptions { $0.segmentLimit = 4_096 }
    let written = (0..<40).map { record($0, size: 300) }
    let log = try openLog(disk, directory: directory, options: options).log
    try commitEach(log, written)
    try log.close()
    let after = try openLog(disk, seed: 2, directory: directory, options: options)
    #expect(after.visited.map(\.record) == written)
    try after.log.close()
  }
}
