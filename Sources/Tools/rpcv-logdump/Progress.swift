import LogStore

// Tells a person at a terminal how far a long run is: a file system that counts what is read and
// draws a line on standard error, from the third second on. In a pipe it says nothing.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

final class MeteredFileSystem: FileSystem {
  private struct Meter {
    var bytes: UInt64 = 0
    var expected: UInt64 = 0
    let startedAt = MeteredFileSystem.seconds
    var due: Double
    var isDrawn = false
  }

  private let base: any FileSystem
  private let draws: Bool
  private let meter: Guarded<Meter>

  /// `draws`: whether a person looks at standard error, and nothing else is written there.
  init(_ base: any FileSystem, draws: Bool) {
    self.base = base
    self.draws = draws
    meter = Guarded(Meter(due: MeteredFileSystem.seconds + 2))
  }

  /// So much is about to be read, beside what was told before.
  func expect(_ bytes: UInt64) { meter.withLock { $0.expected += bytes } }

  var bytesRead: UInt64 { meter.withLock { $0.bytes } }

  /// Takes the line away.
  func finish() {
    meter.withLock { meter in
      if meter.isDrawn { put("\r\u{1b}[K") }
      meter.isDrawn = false
      meter.due = .infinity
    }
  }

  private static var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func count(_ bytes: Int) {
    meter.withLock { meter in
      meter.bytes += UInt64(bytes)
      guard draws else { return }
      let now = Self.seconds
      guard now >= meter.due else { return }
      meter.due = now + 0.2
      meter.isDrawn = true
      let rate = UInt64(Double(meter.bytes) / max(now - meter.startedAt, 0.001))
      var line = "\r" + Quantity.bytes(meter.bytes)
      if meter.expected > 0 {
        let done = min(meter.bytes, meter.expected)
        line +=
          " of \(Quantity.bytes(meter.expected)), "
          + Quantity.percent(done, of: meter.expected)
      }
      put(line + ", \(Quantity.bytes(rate))/s\u{1b}[K")
    }
  }

  private func put(_ text: String) {
    var text = text
    text.withUTF8 { _ = Self.writeAll(2, $0.baseAddress, $0.count) }
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>?, _ count: Int)
    -> Int
  {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }

  // MARK: FileSystem

  func read(
    _ file: FileHandle, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(FileError) -> Int {
    let got = try base.read(file, into: buffer, at: offset)
    count(got)
    return got
  }

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> FileHandle {
    try base.open(path, mode)
  }
  func close(_ file: FileHandle) { base.close(file) }
  func write(
    _ file: FileHandle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
  ) throws(FileError) { try base.write(file, bytes, at: offset) }
  func synchronize(_ file: FileHandle) throws(FileError) { try base.synchronize(file) }
  func truncate(_ file: FileHandle, to length: UInt64) throws(FileError) {
    try base.truncate(file, to: length)
  }
  func allocate(_ file: FileHandle, to length: UInt64) throws(FileError) {
    try base.allocate(file, to: length)
  }
  func size(_ file: FileHandle) throws(FileError) -> UInt64 { try base.size(file) }
  func rename(_ path: String, to target: String) throws(FileError) {
    try base.rename(path, to: target)
  }
  func remove(_ path: String) throws(FileError) { try base.remove(path) }
  func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
  func makeDirectory(_ directory: String) throws(FileError) { try base.makeDirectory(directory) }
  func synchronizeDirectory(_ directory: String) throws(FileError) {
    try base.synchronizeDirectory(directory)
  }
  func lock(_ path: String) throws(FileError) -> FileHandle { try base.lock(path) }
}
