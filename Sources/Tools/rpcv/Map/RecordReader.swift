import Glibc

/// Reads records (lines) of a file, pipe or terminal one after the other, in bounded memory. Owns
/// its descriptor unless it is standard input.
final class RecordReader {
  /// A record must fit into a log record with room to spare; no program takes a longer argument.
  static let recordLimit = 1024 * 1024

  let path: String
  private let descriptor: Int32
  private let delimiter: UInt8
  private let limit: Int
  private var buffer: Bytes = []
  private var start = 0
  private var isAtEnd = false
  private var count = 0
  /// Where reading began: a shell may have read the head of our standard input. Negative: a pipe.
  private let origin: off_t

  /// `-` is standard input.
  init(path bytes: Bytes, delimiter: UInt8, limit: Int = recordLimit) throws(MapError) {
    let isStandardInput = bytes == [UInt8(ascii: "-")]
    path = isStandardInput ? "standard input" : text(bytes)
    self.delimiter = delimiter
    self.limit = limit
    if isStandardInput {
      descriptor = STDIN_FILENO
      origin = isatty(descriptor) == 0 ? lseek(descriptor, 0, SEEK_CUR) : -1
      return
    }
    let path = self.path
    guard !bytes.contains(0) else { throw .source(path: path, reason: "a NUL byte in the name") }
    descriptor = bytes.withPath { open($0, O_RDONLY | O_CLOEXEC) }
    let failure = errno
    origin = descriptor >= 0 ? lseek(descriptor, 0, SEEK_CUR) : -1
    guard descriptor >= 0 else { throw .source(path: path, reason: reason(failure)) }
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      close(descriptor)
      throw .source(path: path, reason: "it is a directory")
    }
  }

  deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

  /// The next record without its delimiter; nil at the end. The last one needs no delimiter.
  func next() throws(MapError) -> Bytes? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: delimiter) {
        return try take(upTo: end, skipping: 1)
      }
      searched = buffer.count
      if isAtEnd {
        return start < buffer.count ? try take(upTo: buffer.count, skipping: 0) : nil
      }
      if buffer.count - start > limit {
        throw .record(
          path: path, number: count + 1, reason: "longer than \(limit) bytes")
      }
      searched -= start
      try fill()
    }
  }

  /// Whether `rewind` works: a plain file, not a pipe.
  var canRewind: Bool { origin >= 0 }

  func rewind() throws(MapError) {
    guard lseek(descriptor, origin, SEEK_SET) == origin else {
      throw .source(path: path, reason: reason(errno))
    }
    buffer.removeAll(keepingCapacity: true)
    start = 0
    count = 0
    isAtEnd = false
  }

  private func take(upTo end: Int, skipping delimiters: Int) throws(MapError) -> Bytes {
    count += 1
    let record = Bytes(buffer[start..<end])
    start = end + delimiters
    if record.count > limit {
      throw .record(path: path, number: count, reason: "longer than \(limit) bytes")
    }
    if record.contains(0) {
      throw .record(
        path: path, number: count,
        reason: "it holds a NUL byte, which no argument can; is the list separated by NULs (-0)?")
    }
    return record
  }

  /// Moves what is left to the front and reads more behind it.
  private func fill() throws(MapError) {
    buffer.removeSubrange(..<start)
    start = 0
    let old = buffer.count
    let step = 64 * 1024
    buffer.append(contentsOf: repeatElement(0, count: step))
    var got: Int
    repeat {
      got = buffer.withUnsafeMutableBytes { raw in
        read(descriptor, raw.baseAddress.map { $0 + old }, step)
      }
    } while got < 0 && errno == EINTR
    let failure = errno
    buffer.removeLast(step - max(got, 0))
    if got < 0 { throw .source(path: path, reason: reason(failure)) }
    if got == 0 { isAtEnd = true }
  }
}

/// What the system says about an error number.
func reason(_ number: Int32) -> String {
  strerror(number).map { String(cString: $0) } ?? "error \(number)"
}
