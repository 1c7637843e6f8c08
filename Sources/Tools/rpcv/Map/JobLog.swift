import Glibc

/// The file of `--joblog`. A named session's keeps the lines of earlier runs, and a line that
/// stands there already (its run was killed before it gave the job back) isn't written twice.
final class JobLogFile {
  private let sink: FileSink
  private var known: Set<Int> = []

  init(_ path: Bytes, keepsEarlier: Bool) throws {
    guard keepsEarlier else {
      sink = try FileSink(creating: path)
      try sink.write(JobLog.header)
      return
    }
    // Opened first: what can't be written is refused before it is read.
    sink = try FileSink(appendingTo: path)
    // Only what stands on a disk can be read again; a pipe would never end.
    guard sink.isRegular, let isWhole = try readLines(path) else {
      try sink.write(JobLog.header)
      return
    }
    if !isWhole { try sink.write([JobLog.newline]) }
  }

  /// Whether the last line is whole; nil if there is none.
  private func readLines(_ path: Bytes) throws(MapError) -> Bool? {
    let descriptor = path.withPath { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else {
      throw .output(path: text(path), reason: "it can't be read: \(reason(errno))")
    }
    defer { close(descriptor) }
    var line: Bytes = []
    var isEmpty = true
    var buffer = Bytes(repeating: 0, count: 64 * 1024)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .output(path: text(path), reason: reason(errno)) }
      if count == 0 { return isEmpty ? nil : line.isEmpty }
      isEmpty = false
      var rest = buffer[..<count]
      while let end = rest.firstIndex(of: JobLog.newline) {
        line += rest[..<end]
        known.insert(line.hashValue)
        line.removeAll(keepingCapacity: true)
        rest = rest[(end + 1)...]
      }
      line += rest
    }
  }

  func write(_ entry: JobLog.Entry) throws {
    let line = JobLog.line(entry)
    guard !known.contains(Array(line.dropLast()).hashValue) else { return }
    try sink.write(line)
  }
}

/// `--joblog FILE`: one line a job, in the order in which they ended; the columns are GNU
/// parallel's, so that what reads its logs reads ours.
enum JobLog {
  struct Entry: Sendable {
    var number: Int
    /// The server that ran it; `:` is this process.
    var host: String
    /// Milliseconds since 1970, by the server's clock.
    var started: UInt64
    /// Microseconds.
    var runtime: UInt64
    var bytesSent: UInt64
    var bytesReceived: UInt64
    var outcome: JobOutcome
    var command: Bytes
  }

  static let header = Array(
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n".utf8)

  static func line(_ entry: Entry) -> Bytes {
    let (status, signal) =
      switch entry.outcome {
      case .exited(let status): (Int(status), 0)
      case .signalled(let signal): (0, Int(signal))
      case .notFinished: (-1, 0)
      }
    let milliseconds = entry.runtime / 1000
    let columns = [
      String(entry.number), entry.host.isEmpty ? ":" : entry.host, seconds(entry.started),
      padded(seconds(milliseconds), to: 10), String(entry.bytesSent), String(entry.bytesReceived),
      String(status), String(signal),
    ]
    return Array((columns.joined(separator: "\t") + "\t").utf8) + oneLine(entry.command) + [newline]
  }

  static let newline = UInt8(ascii: "\n")

  /// Three decimals.
  private static func seconds(_ milliseconds: UInt64) -> String {
    let fraction = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  private static func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// A line of the log stays one line, with its columns where they belong.
  private static func oneLine(_ command: Bytes) -> Bytes {
    command.flatMap { byte -> Bytes in
      switch byte {
      case newline: Array("\\n".utf8)
      case UInt8(ascii: "\t"): Array("\\t".utf8)
      default: [byte]
      }
    }
  }
}
