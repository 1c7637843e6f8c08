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

  private static let newline = UInt8(ascii: "\n")

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
