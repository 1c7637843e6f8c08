// What FileSystem promises, asked of every implementation.

import LogStore
import Testing

@Suite struct FileSystemConformanceTests {
  @Test(arguments: DiskUnderTest.allCases)
  func createsOpensAndRefuses(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let path = directory + "/a"
      #expect(refusal { _ = try fs.open(path, .read) } == FileError(.open, path, Errno.noEntry))
      #expect(refusal { _ = try fs.open(path, .update) } == FileError(.open, path, Errno.noEntry))
      let file = try fs.open(path, .create)
      #expect(try fs.size(file) == 0)
      fs.close(file)
      #expect(refusal { _ = try fs.open(path, .create) } == FileError(.open, path, Errno.exists))
      for mode in [OpenMode.read, .update] { fs.close(try fs.open(path, mode)) }
      let inside = path + "/b"
      #expect(
        refusal { _ = try fs.open(inside, .create) } == FileError(.open, inside, Errno.notDirectory)
      )
      let lost = directory + "/none/b"
      #expect(refusal { _ = try fs.open(lost, .create) } == FileError(.open, lost, Errno.noEntry))
      for mode in [OpenMode.read, .update] {
        #expect(
          refusal { _ = try fs.open(directory, mode) }
            == FileError(.open, directory, Errno.isDirectory))
      }
      #expect(refusal { _ = try fs.open(directory, .create) }?.code == Errno.exists)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func readsWhatWasWritten(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let file = try fs.open(directory + "/a", .create)
      defer { fs.close(file) }
      let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try fs.write(file, bytes, at: 0)
      #expect(try fs.size(file) == 20_000)
      #expect(try fs.read(file, 20_000) == bytes)
      #expect(try fs.read(file, 5_000, at: 4_095) == Array(bytes[4_095..<9_095]))
      // Less only at the end of the file.
      #expect(try fs.read(file, 100, at: 19_990) == Array(bytes[19_990...]))
      #expect(try fs.read(file, 100, at: 20_000) == [])
      #expect(try fs.read(file, 100, at: 90_000) == [])
      #expect(try fs.read(file, 0, at: 0) == [])
      // Overwriting changes nothing around it.
      try fs.write(file, [1, 2, 3], at: 4_094)
      #expect(
        try fs.read(file, 7, at: 4_092) == [bytes[4_092], bytes[4_093], 1, 2, 3]
          + bytes[4_097..<4_099])
      // A gap reads as zeros.
      try fs.write(file, [9], at: 30_000)
      #expect(try fs.size(file) == 30_001)
      #expect(try fs.read(file, 10_000, at: 20_000) == [UInt8](repeating: 0, count: 10_000))
      // Writing nothing doesn't grow a file.
      try fs.write(file, [], at: 50_000)
      #expect(try fs.size(file) == 30_001)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func writesOnlyWhereItMay(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let path = directory + "/a"
      try fs.make(path, [1, 2, 3])
      let file = try fs.open(path, .read)
      #expect(refusal { try fs.write(file, [1]) } == FileError(.write, path, Errno.badDescriptor))
      #expect(
        refusal { try fs.truncate(file, to: 0) } == FileError(.truncate, path, Errno.invalid))
      #expect(refusal { try fs.allocate(file, to: 10) }?.code == Errno.badDescriptor)
      fs.close(file)
      let writer = try fs.open(path, .update)
      try fs.write(writer, [7], at: 1)
      fs.close(writer)
      #expect(try fs.contents(path) == [1, 7, 3])
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func cutsAndGrows(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let path = directory + "/a"
      let file = try fs.open(path, .create)
      defer { fs.close(file) }
      try fs.write(file, [UInt8](repeating: 5, count: 9_000))
      try fs.truncate(file, to: 5_000)
      #expect(try fs.size(file) == 5_000)
      try fs.truncate(file, to: 10_000)
      #expect(try fs.size(file) == 10_000)
      // What was cut doesn't come back.
      #expect(
        try fs.contents(path) == [UInt8](repeating: 5, count: 5_000)
          + [UInt8](repeating: 0, count: 5_000))
      #expect(refusal { try fs.truncate(file, to: UInt64.max) }?.code == Errno.tooLarge)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func allocatesZeros(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let path = directory + "/a"
      let file = try fs.open(path, .create)
      defer { fs.close(file) }
      try fs.write(file, [1, 2, 3])
      try fs.allocate(file, to: 100_000)
      #expect(try fs.size(file) == 100_000)
      #expect(try fs.contents(path) == [1, 2, 3] + [UInt8](repeating: 0, count: 99_997))
      try fs.allocate(file, to: 10)
      #expect(try fs.size(file) == 100_000)
      try fs.write(file, [4], at: 3)
      try fs.truncate(file, to: 4)
      #expect(try fs.contents(path) == [1, 2, 3, 4])
      #expect(refusal { try fs.allocate(file, to: UInt64.max) }?.code == Errno.tooLarge)
      #expect(try fs.size(file) == 4)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func synchronizesFilesAndDirectories(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let file = try fs.open(directory + "/a", .create)
      try fs.write(file, [1])
      try fs.synchronize(file)
      try fs.synchronizeDirectory(directory)
      fs.close(file)
      #expect(
        refusal { try fs.synchronizeDirectory(directory + "/none") }
          == FileError(.synchronizeDirectory, directory + "/none", Errno.noEntry))
      #expect(
        refusal { try fs.synchronizeDirectory(directory + "/a") }?.code == Errno.notDirectory)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func renamesAndReplaces(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let (a, b) = (directory + "/a", directory + "/b")
      #expect(refusal { try fs.rename(a, to: b) } == FileError(.rename, a, Errno.noEntry))
      try fs.make(a, [1])
      try fs.make(b, [2])
      let old = try fs.open(b, .read)
      let moved = try fs.open(a, .update)
      try fs.rename(a, to: b)
      #expect(try fs.list(directory) == ["b"])
      #expect(try fs.contents(b) == [1])
      // Handles stay with their files.
      #expect(try fs.read(old, 1) == [2])
      try fs.write(moved, [3])
      #expect(try fs.contents(b) == [3])
      fs.close(old)
      fs.close(moved)
      try fs.rename(b, to: b)
      #expect(try fs.contents(b) == [3])
      try fs.makeDirectory(directory + "/sub")
      try fs.rename(b, to: directory + "/sub/c")
      #expect(try fs.list(directory) == ["sub"])
      #expect(try fs.list(directory + "/sub") == ["c"])
      #expect(
        refusal { try fs.rename(directory + "/sub/c", to: directory + "/none/c") }?.code
          == Errno.noEntry)
      #expect(
        refusal { try fs.rename(directory + "/sub/c", to: directory + "/sub") }?.code != nil)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func removes(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let a = directory + "/a"
      #expect(refusal { try fs.remove(a) } == FileError(.remove, a, Errno.noEntry))
      try fs.make(a, [1, 2])
      let file = try fs.open(a, .update)
      try fs.remove(a)
      #expect(try fs.list(directory) == [])
      // Who has it open can go on.
      #expect(try fs.read(file, 2) == [1, 2])
      try fs.write(file, [3], at: 2)
      #expect(try fs.size(file) == 3)
      fs.close(file)
      try fs.make(a)
      #expect(try fs.contents(a) == [])
      #expect(refusal { try fs.remove(directory) }?.code == Errno.isDirectory)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func listsSorted(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      #expect(try fs.list(directory) == [])
      for name in ["b", "a", "c.d", ".hidden", "A"] { try fs.make(directory + "/" + name) }
      try fs.makeDirectory(directory + "/aa")
      #expect(try fs.list(directory) == [".hidden", "A", "a", "aa", "b", "c.d"])
      #expect(try fs.list(directory + "/aa/") == [])
      let none = directory + "/none"
      #expect(refusal { _ = try fs.list(none) } == FileError(.list, none, Errno.noEntry))
      #expect(refusal { _ = try fs.list(directory + "/a") }?.code == Errno.notDirectory)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func makesDirectories(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let deep = directory + "/x/y/z"
      try fs.makeDirectory(deep)
      try fs.makeDirectory(deep)
      #expect(try fs.list(directory + "/x/y") == ["z"])
      try fs.make(directory + "/f")
      for path in [directory + "/f", directory + "/f/g"] {
        #expect(
          refusal { try fs.makeDirectory(path) }
            .map { [$0.operation.rawValue, String($0.code)] }
            == [FileOperation.makeDirectory.rawValue, String(Errno.notDirectory)])
      }
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func locksUntilClose(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let path = directory + "/lock"
      let lock = try fs.lock(path)
      #expect(refusal { _ = try fs.lock(path) } == FileError(.lock, path, Errno.wouldBlock))
      // Another close of the same file doesn't drop it.
      fs.close(try fs.open(path, .read))
      #expect(refusal { _ = try fs.lock(path) }?.code == Errno.wouldBlock)
      let other = try fs.lock(directory + "/other")
      fs.close(lock)
      fs.close(try fs.lock(path))
      fs.close(other)
      #expect(try fs.list(directory) == ["lock", "other"])
      #expect(refusal { _ = try fs.lock(directory) }?.code == Errno.isDirectory)
      #expect(refusal { _ = try fs.lock(directory + "/none/lock") }?.code == Errno.noEntry)
    }
  }

  @Test(arguments: DiskUnderTest.allCases)
  func twoHandlesSeeOneFile(_ disk: DiskUnderTest) throws {
    try disk.run { fs, directory in
      let path = directory + "/a"
      let writer = try fs.open(path, .create)
      let reader = try fs.open(path, .read)
      defer { [writer, reader].forEach(fs.close) }
      for round in 0..<50 {
        try fs.write(writer, [UInt8](repeating: UInt8(round), count: 100), at: UInt64(round * 100))
        #expect(try fs.read(reader, 100, at: UInt64(round * 100)).first == UInt8(round))
      }
      #expect(try fs.size(reader) == 5_000)
    }
  }

  @Test func errorsNameOperationFileAndReason() {
    let text = String(describing: FileError(.rename, "/data/a", Errno.noSpace))
    #expect(text.hasPrefix("rename /data/a: "))
    #expect(text.hasSuffix("(errno \(Errno.noSpace))"))
  }
}
