// Descriptors as the shell opens them: always close-on-exec, always above 2.

import CSpawn

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum Descriptors {
  /// Makes sure that 0, 1 and 2 are taken, so that nothing opened later lands there.
  static func occupyStandard() {
    while let descriptor = try? open("/dev/null", O_RDWR) {
      guard descriptor > 2 else { continue }
      close(descriptor)
      return
    }
  }

  /// A pipe whose reading end doesn't block.
  static func pipe() throws(SystemFailure) -> (read: Int32, write: Int32) {
    var (reading, writing): (Int32, Int32) = (-1, -1)
    let code = rpcv_pipe(&reading, &writing)
    guard code == 0 else { throw SystemFailure("make a pipe", code: code) }
    return (reading, writing)
  }

  static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(SystemFailure)
    -> Int32
  {
    #if canImport(Glibc)
      let descriptor = uninterrupted { Glibc.open(path, flags | O_CLOEXEC, mode) }
    #else
      let descriptor = uninterrupted { Musl.open(path, flags | O_CLOEXEC, mode) }
    #endif
    guard descriptor >= 0 else { throw SystemFailure("open \(path)") }
    return descriptor
  }

  static func writeAll(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ what: String
  ) throws(SystemFailure) {
    var rest = bytes
    while !rest.isEmpty {
      let count = uninterrupted { write(descriptor, rest.baseAddress, rest.count) }
      guard count >= 0 else { throw SystemFailure("write \(what)") }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    }
  }

  /// At most `limit` bytes of a small file, such as those of /proc; nil if it can't be read.
  static func contents(_ path: String, limit: Int = 64 << 10) -> [UInt8]? {
    guard let descriptor = try? open(path, O_RDONLY) else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: min(limit, 16 << 10))
    while bytes.count < limit {
      let count = uninterrupted {
        read(descriptor, &buffer, min(buffer.count, limit - bytes.count))
      }
      guard count >= 0 else { return nil }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }
}
