// Where lines go. Standard output is buffered, so that a million records don't cost a million
// writes.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

protocol LineOutput: AnyObject {
  func put(_ line: String)
  func flush()
}

final class StandardOutput: LineOutput {
  private var buffer: [UInt8] = []
  /// Why it can't be written any more; what is put then is dropped.
  private(set) var failure: String?

  func put(_ line: String) {
    buffer += line.utf8
    buffer.append(10)
    if buffer.count > 1 << 16 { flush() }
  }

  func flush() {
    var rest = buffer[...]
    while !rest.isEmpty, failure == nil {
      let count = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        failure = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        break
      }
      rest = rest.dropFirst(count)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
