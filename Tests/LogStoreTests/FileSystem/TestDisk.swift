// A file system under test with a directory to work in, and short ways to ask it for bytes.

import LogStore
import Testing

// Not the whole of Foundation: it has a FileHandle of its own.
import class Foundation.FileManager
import struct Foundation.UUID

enum DiskUnderTest: String, CaseIterable, Sendable {
  case posix, simulated

  /// Runs the body in a fresh directory, which is gone afterwards.
  func run(_ body: (any FileSystem, String) throws -> Void) throws {
    let (disk, directory) = try start()
    defer { end(directory) }
    try body(disk, directory)
  }

  /// A fresh directory; `end` takes it away.
  func start() throws -> (any FileSystem, String) {
    switch self {
    case .simulated:
      let disk = SimulatedDisk()
      try disk.makeDirectory("/test")
      return (disk, "/test")
    case .posix:
      let base = FileManager.default.temporaryDirectory
      let directory = base.appendingPathComponent("rpcv-\(UUID().uuidString)").path
      let disk = PosixFileSystem()
      try disk.makeDirectory(directory)
      return (disk, directory)
    }
  }

  func end(_ directory: String) {
    if self == .posix { try? FileManager.default.removeItem(atPath: directory) }
  }
}

extension FileSystem {
  func read(_ file: FileHandle, _ count: Int, at offset: UInt64 = 0) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: count)
    let got = try bytes.withUnsafeMutableBytes { try read(file, into: $0, at: offset) }
    return Array(bytes[..<got])
  }

  func write(_ file: FileHandle, _ bytes: [UInt8], at offset: UInt64 = 0) throws {
    try bytes.withUnsafeBytes { try write(file, $0, at: offset) }
  }

  /// A file with these bytes, in the cache only.
  func make(_ path: String, _ bytes: [UInt8] = []) throws {
    let file = try open(path, .create)
    defer { close(file) }
    try write(file, bytes)
  }

  func contents(_ path: String) throws -> [UInt8] {
    let file = try open(path, .read)
    defer { close(file) }
    return try read(file, Int(try size(file)))
  }
}

/// The error of a call that must fail.
func refusal(_ body: () throws -> Void) -> FileError? {
  do {
    try body()
    return nil
  } catch {
    return error as? FileError
  }
}
