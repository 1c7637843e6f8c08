// Why `rpcv map` could not go on: what was wrong and where, in words for the person who typed it.
// All of them end the run with status 255, GNU parallel's; calls that were accepted stay safe.

typealias Bytes = [UInt8]

enum MapError: Error, Equatable, CustomStringConvertible {
  /// The command line itself is wrong.
  case usage(String)
  /// A source of arguments can't be opened or read.
  case source(path: String, reason: String)
  /// A record of a source can't be an argument; numbered from 1.
  case record(path: String, number: Int, reason: String)
  /// A `{...}` in the command or in a pattern that can't be filled in.
  case template(String)
  /// A file named by --in or --out for a job.
  case file(String)
  /// The joblog, a results file or the output itself can't be written.
  case output(path: String, reason: String)

  var description: String {
    switch self {
    case .usage(let what): what
    case .source(let path, let reason): "cannot read arguments from '\(path)': \(reason)"
    case .record(let path, let number, let reason): "'\(path)', record \(number): \(reason)"
    case .template(let what): what
    case .file(let what): what
    case .output(let path, let reason): "cannot write '\(path)': \(reason)"
    }
  }
}

/// Bytes for people: what is not UTF-8 shows as U+FFFD.
func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
