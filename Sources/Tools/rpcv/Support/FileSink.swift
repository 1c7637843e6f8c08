import Glibc

/// A file that is written from start to end: the output of jobs, a joblog. Every write is whole or
/// an error that names the file; a reader that has gone away (a closed pipe) is told apart.
final class FileSink {
  enum Failure: Error, Equatable, CustomStringConvertible {
    /// Nobody reads any more: the end of the output, not a fault.
    case closedPipe
    case failed(path: String, reason: String)
    var description: String {
      switch self {
      case .closedPipe: "the reader of the output has gone"
      case .failed(let path, let reason): "cannot write '\(path)': \(reason)"
      }
    }
  }

  let path: String
  private let descriptor: Int32
  private let isOwned: Bool

  static func standardOutput() -> FileSink { FileSink(STDOUT_FILENO, "standard output") }
  static func standardError() -> FileSink { FileSink(STDERR_FILENO, "standard error") }

  private init(_ descriptor: Int32, _ path: String) {
    self.descriptor = descriptor
    self.path = path
    isOwned = false
  }

  /// Creates the file or empties it.
  init(creating bytes: Bytes) throws(Failure) {
    let path = text(bytes)
    self.path = path
    isOwned = true
    descriptor = bytes.withPath { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
    if descriptor < 0 { throw .failed(path: path, reason: reason(errno)) }
  }

  /// Goes on behind what the file has.
  init(appendingTo bytes: Bytes) throws(Failure) {
    let path = text(bytes)
    self.path = path
    isOwned = true
    descriptor = bytes.withPath { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666) }
    if descriptor < 0 { throw .failed(path: path, reason: reason(errno)) }
  }

  /// Not so a pipe, a terminal or a device.
  var isRegular: Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  deinit { if isOwned, descriptor >= 0 { close(descriptor) } }

  func write(_ bytes: Bytes) throws(Failure) {
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        Glibc.write(descriptor, raw.baseAddress.map { $0 + offset }, bytes.count - offset)
      }
      if count >= 0 {
        offset += count
      } else if errno == EAGAIN {
        // Standard output may be a pipe that its other end has set to non-blocking.
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&wait, 1, -1)
      } else if errno == EPIPE {
        throw .closedPipe
      } else if errno != EINTR {
        throw .failed(path: path, reason: reason(errno))
      }
    }
  }

  /// A file that appears whole or not at all: written beside its place and renamed.
  static func replace(_ path: Bytes, _ body: (FileSink) throws -> Void) throws {
    let temporary = path + Array(".part".utf8)
    do { try body(try FileSink(creating: temporary)) } catch {
      _ = temporary.withPath { unlink($0) }
      throw error
    }
    let code = temporary.withPath { from in path.withPath { to in rename(from, to) } }
    guard code == 0 else { throw Failure.failed(path: text(path), reason: reason(errno)) }
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Makes the folders above a path. One that is there already is fine.
  static func createFolders(above bytes: Bytes) throws(Failure) {
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
      let folder = Bytes(bytes[..<index])
      if folder.withPath({ mkdir($0, 0o777) }) != 0, errno != EEXIST {
        throw .failed(path: text(folder), reason: reason(errno))
      }
    }
  }
}

extension [UInt8] {
  /// These bytes as a C string. A name with a NUL byte in it would be cut there: callers refuse it.
  func withPath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var name = map { CChar(bitPattern: $0) }
    name.append(0)
    return name.withUnsafeBufferPointer { buffer in
      // A buffer of at least one element has an address; the empty string stands in for none.
      buffer.baseAddress.map(body) ?? "".withCString(body)
    }
  }
}

extension CommandLine {
  /// The arguments as the bytes that were given, file names that are not UTF-8 included.
  static var rawArguments: [Bytes] {
    (0..<Int(argc)).compactMap { index in
      unsafeArgv[index].map { Bytes(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }
  }
}
