import Glibc
import LogStore
import RolesCore

// Remembers which jobs made a session, also those whose results were given back and that the logs
// have forgotten. A relaunch with other parameters is an error instead of a silent run. It is a
// cache beside the logs: without it, calls that are not forgotten are still compared.

final class SessionWitness {
  private let path: String
  private let descriptor: Int32
  /// Of the digests of all jobs up to the present one.
  private var hash = RunningHash()
  private var count: UInt64 = 0
  private var window: [UInt8] = []
  private var windowStart: UInt64 = 0
  private var isPastEnd = false

  /// Bytes that stand for a job: the head of the hash over it and all before it.
  static let width = 8
  private static let windowSize = 64 * 1024

  /// In the session's directory, which this process has locked. What can't be opened is done
  /// without.
  init(in directory: String) {
    path = directory + "/jobs"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The next job of the run.
  func check(_ spec: CallSpec) throws(CommandError) {
    hash.update(Digest.of(spec: spec))
    let own = Array(hash.value.bytes.prefix(Self.width))
    if let known = known(count), known != own {
      throw CommandError(
        .usage,
        "job \(count + 1) is another one than when this session was made: its command, "
          + "arguments, files or environment changed. Use them as they were, or another "
          + "--session. Nothing is lost. (Compared with \(path).)")
    }
    if isPastEnd, descriptor >= 0 {
      _ = pwrite(descriptor, own, own.count, off_t(count) * off_t(Self.width))
    }
    count += 1
  }

  private func known(_ index: UInt64) -> [UInt8]? {
    guard descriptor >= 0, !isPastEnd else { return nil }
    let offset = index * UInt64(Self.width)
    if offset >= windowStart + UInt64(window.count) {
      window = [UInt8](repeating: 0, count: Self.windowSize)
      let got = pread(descriptor, &window, window.count, off_t(offset))
      window.removeLast(window.count - max(got, 0) / Self.width * Self.width)
      windowStart = offset
    }
    let start = Int(offset - windowStart)
    guard start + Self.width <= window.count else {
      isPastEnd = true
      return nil
    }
    return Array(window[start..<start + Self.width])
  }
}
