// One output stream of a task: a pipe's reading end, what came through it in memory, and beyond a
// limit in a file. Bounded memory, whatever comes.
//
// Why a pipe and not a file: what a task reopens by name (`> /dev/stderr`) truncates a file, a
// daemon that keeps stdout open is seen, and a limit can be kept. It costs 10 us a task more than
// nothing.

import CSpawn

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

struct OutputCapture {
  enum Event: Equatable {
    case more
    case quiet
    case ended
    case overLimit
    case failed(SystemFailure)
  }

  private(set) var descriptor: Int32
  private let path: String
  private let inlineLimit: Int
  private let limit: UInt64
  private var bytes: [UInt8] = []
  private var file: Int32 = -1
  private(set) var size: UInt64 = 0
  /// Nothing more is kept: the task is to die.
  private var discards = false

  var isOpen: Bool { descriptor >= 0 }

  init(descriptor: Int32, path: String, inlineLimit: Int, limit: UInt64?) {
    self.descriptor = descriptor
    self.path = path
    self.inlineLimit = inlineLimit
    self.limit = limit ?? .max
  }

  /// Reads once, or until nothing is there; at most a few times, so that others get their turn.
  mutating func drain(_ buffer: UnsafeMutableRawBufferPointer) -> Event {
    for _ in 0..<8 {
      guard isOpen else { return .ended }
      let count = uninterrupted { read(descriptor, buffer.baseAddress, buffer.count) }
      if count < 0 {
        if errno == EAGAIN { return .quiet }
        let failure = SystemFailure("read the task's output")
        end()
        return .failed(failure)
      }
      if count == 0 {
        end()
        return .ended
      }
      if discards { continue }
      do throws(SystemFailure) {
        try keep(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      } catch {
        discards = true
        return .failed(error)
      }
      if size > limit {
        discards = true
        return .overLimit
      }
    }
    return .more
  }

  private mutating func keep(_ part: UnsafeRawBufferPointer) throws(SystemFailure) {
    if file < 0, bytes.count + part.count > inlineLimit {
      file = try Descriptors.open(path, O_WRONLY | O_CREAT | O_TRUNC)
      // Fewer, larger reads; it may be refused.
      rpcv_widen_pipe(descriptor, 1 << 20)
      let head = bytes
      bytes = []
      if !head.isEmpty {
        // Typed throws don't pass through withUnsafeBytes' rethrows, hence the Result.
        try head.withUnsafeBytes { raw -> Result<Void, SystemFailure> in
          do throws(SystemFailure) {
            return .success(try Descriptors.writeAll(file, raw, path))
          } catch { return .failure(error) }
        }.get()
      }
    }
    if file >= 0 {
      try Descriptors.writeAll(file, part, path)
    } else {
      bytes += part
    }
    size += UInt64(part.count)
  }

  mutating func append(message: String) { bytes += message.utf8 }

  /// Closes the pipe: what is still in it is not wanted.
  mutating func end() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  /// What was kept; the file is handed over.
  mutating func finish() -> TaskOutput {
    end()
    guard file >= 0 else { return .inline(bytes) }
    close(file)
    file = -1
    return .file(path, size: size)
  }

  /// Removes what was spooled.
  mutating func discard() {
    guard file >= 0 else { return }
    close(file)
    file = -1
    unlink(path)
  }
}
