import LogStore

// Copies a node's directory, durably, and proves that the copy is one by reading both. Symbolic
// links and devices are left out and told; so is what is worth nothing in a copy.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct DirectoryCopy {
  /// The lock of the original; space that is held for bad days; what its tasks left.
  static let leftOut: Set<String> = [
    "LOCK", "facts/reserve", "archives/reserve", "tasks", "tasks.removing", "tasks.running",
  ]

  let source: String
  let target: String
  private let fs: any FileSystem
  private(set) var files: [String] = []
  private(set) var directories: [String] = []
  /// Neither files nor directories.
  private(set) var skipped: [String] = []
  private(set) var bytes: UInt64 = 0

  init(from source: String, to target: String, on fs: any FileSystem) throws(FileError) {
    self.source = source
    self.target = target
    self.fs = fs
    try find("")
  }

  private mutating func find(_ directory: String) throws(FileError) {
    for name in try fs.list(directory.isEmpty ? source : source + "/" + directory) {
      let path = directory.isEmpty ? name : directory + "/" + name
      if DirectoryCopy.leftOut.contains(path) { continue }
      var status = stat()
      guard lstat(source + "/" + path, &status) == 0 else {
        throw FileError(.open, source + "/" + path, errno)
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG:
        files.append(path)
        bytes += UInt64(status.st_size)
      case S_IFDIR:
        directories.append(path)
        try find(path)
      default: skipped.append(path)
      }
    }
  }

  /// The target must not be there; its entries are durable when this returns.
  func copy() throws(FileError) {
    try fs.makeDirectory(target)
    for path in directories { try fs.makeDirectory(target + "/" + path) }
    for path in files { try copy(path) }
    for path in directories { try fs.synchronizeDirectory(target + "/" + path) }
    try fs.synchronizeDirectory(target)
  }

  private func copy(_ path: String) throws(FileError) {
    let input = try fs.open(source + "/" + path, .read)
    defer { fs.close(input) }
    let output = try fs.open(target + "/" + path, .create)
    defer { fs.close(output) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var at: UInt64 = 0
    while true {
      let count = try read(input, &buffer, at)
      if count == 0 { break }
      try write(output, buffer, count, at)
      at += UInt64(count)
    }
    try fs.synchronize(output)
  }

  private func read(
    _ file: FileHandle, _ buffer: inout [UInt8], _ at: UInt64
  ) throws(FileError) -> Int {
    try buffer.withUnsafeMutableBufferPointer { raw throws(FileError) in
      try fs.read(file, into: UnsafeMutableRawBufferPointer(raw), at: at)
    }
  }

  private func write(
    _ file: FileHandle, _ buffer: [UInt8], _ count: Int, _ at: UInt64
  ) throws(FileError) {
    try buffer.withUnsafeBufferPointer { raw throws(FileError) in
      try fs.write(
        file, UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(raw)[..<count]), at: at)
    }
  }

  /// The first file that differs; nil if the copy is one.
  func difference() throws(FileError) -> String? {
    for path in files {
      let first = try fs.open(source + "/" + path, .read)
      defer { fs.close(first) }
      let second = try fs.open(target + "/" + path, .read)
      defer { fs.close(second) }
      var (a, b) = ([UInt8](repeating: 0, count: 1 << 20), [UInt8](repeating: 0, count: 1 << 20))
      var at: UInt64 = 0
      while true {
        let count = try read(first, &a, at)
        guard try read(second, &b, at) == count, a[..<count] == b[..<count] else { return path }
        if count == 0 { break }
        at += UInt64(count)
      }
    }
    return nil
  }
}
