// What all calls of a `map` session share and no digest tells of: limits and tries. They are fixed
// when the session is made, since its calls carry them; a run that goes on with others is told so
// instead of being silently given the old ones. A cache beside the logs, as SessionWitness is.

struct SessionParameters: Equatable, Sendable {
  private struct Entry: Equatable, Sendable {
    var option: String
    var value: UInt64?
    var text: String

    var number: String { value.map { "\($0)" } ?? "-" }
  }

  private let entries: [Entry]

  init(_ options: MapOptions) {
    entries = [
      Entry(
        option: "--timeout", value: options.timeLimit?.wholeMilliseconds,
        text: options.timeLimit.map { Format.duration($0) } ?? "none"),
      Entry(
        option: "--memory", value: options.memoryLimit?.bytes,
        text: options.memoryLimit.map { Format.size($0.bytes) } ?? "none"),
      Entry(
        option: "--retries", value: options.failureLimit.map { UInt64($0) },
        text: options.failureLimit.map { "\($0)" } ?? "none"),
    ]
  }

  /// Compares with what made the session, or notes it. In the session's directory, which this
  /// process has locked; what can't be read or written is done without.
  func check(in directory: String) throws(CommandError) {
    let path = directory + "/parameters"
    guard let known = Self.read(path) else {
      try? FileSink.replace(Array(path.utf8)) { try $0.write(Array(text.utf8)) }
      return
    }
    for entry in entries {
      guard let was = known[entry.option], was.value != entry.number else { continue }
      throw CommandError(
        .usage,
        "\(entry.option) is \(entry.text) and was \(was.text) when this session was made: its "
          + "calls keep what they were made with. Say it as it was, or another --session. Nothing "
          + "is lost. (Compared with \(path).)")
    }
  }

  /// A line each: option, number, for people.
  private var text: String {
    entries.map { "\($0.option)\t\($0.number)\t\($0.text)\n" }.joined()
  }

  private static func read(_ path: String) -> [String: (value: String, text: String)]? {
    guard FileSink.exists(path),
      let lines = try? RecordReader(path: Array(path.utf8), delimiter: 10, limit: 4096)
    else { return nil }
    var known: [String: (value: String, text: String)] = [:]
    while let line = try? lines.next() {
      let columns = line.split(separator: 9, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      if columns.count == 3 { known[columns[0]] = (columns[1], columns[2]) }
    }
    return known
  }
}
