import LogStore
import RolesCore

// What a record says, in words. Shortens identities to what a person can tell apart; control
// characters in what users gave never reach the terminal.

enum RecordText {
  /// The kind's name and the record in words; unknown and unreadable ones too.
  static func describe(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer
  ) -> (name: String, text: String) {
    switch kind {
    case .retired, .floor, .closed:
      return (
        kind == .retired ? "retired" : kind == .floor ? "floor" : "closed",
        Retirement(kind: kind, payload: payload).map(describe) ?? "unreadable"
      )
    case .archiveChunk: return ("chunk", describeChunk(payload))
    case .archiveManifest: return ("manifest", describeManifest(payload))
    default: return describeFact(Record(kind: kind, payload: Array(payload)))
    }
  }

  private static func describe(_ retirement: Retirement) -> String {
    switch retirement {
    case .retired(let name): "segment \(name) may be drained"
    case .floor(let node, let log, let below):
      "all \(log) segments of \(node.short) below \(below) are retired"
    case .closed(let node, let log, let serial):
      "\(log) segment \(serial) of \(node.short) is lost to its writer"
    }
  }

  private static func describeChunk(_ payload: UnsafeRawBufferPointer) -> String {
    guard let hash = Hash256(bytes: payload.prefix(32)) else { return "unreadable" }
    return "\(short(hash)), \(counted(payload.count - 32, "byte"))"
  }

  private static func describeManifest(_ payload: UnsafeRawBufferPointer) -> String {
    guard payload.count >= 44, let id = Hash256(bytes: payload.prefix(32)) else {
      return "unreadable"
    }
    let size = UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
    let count = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: 40, as: UInt32.self))
    return "archive \(short(id)), \(counted(size, "byte")) in \(counted(count, "chunk"))"
  }

  // MARK: - Facts

  private static func describeFact(_ record: Record) -> (name: String, text: String) {
    do {
      guard let fact = try Fact.decode(record) else {
        return (
          "kind \(record.kind)", "\(counted(record.payload.count, "byte")) of a kind unknown here"
        )
      }
      return describe(fact)
    } catch {
      return ("kind \(record.kind)", "unreadable: \(error)")
    }
  }

  private static func describe(_ fact: Fact) -> (name: String, text: String) {
    switch fact {
    case .submitted(let value):
      return (
        "submitted",
        "\(short(value.call)) digest \(short(value.digest)) at \(UTCTime(value.wallTime)): "
          + command(value.spec)
      )
    case .assigned(let value):
      return (
        "assigned",
        "\(short(value.call)) as task \(value.task) to server \(value.server.short) at "
          + "\(UTCTime(value.wallTime))"
      )
    case .finished(let value):
      return (
        "finished",
        "\(short(value.call)) by task \(value.task) on \(value.server.short): "
          + outcome(value.result)
      )
    case .failed(let value):
      return (
        "failed",
        "\(short(value.call)) in task \(value.task) on \(value.server.short): "
          + words("\(value.reason)")
          + (value.detail.isEmpty ? "" : ": " + printable(value.detail))
      )
    case .lost(let value):
      return ("lost", "the result of task \(value.task) of \(short(value.call)) was not found")
    case .cancelled(let value):
      return ("cancelled", "\(short(value.call)) digest \(short(value.digest))")
    case .collected(let value):
      return ("collected", "\(short(value.call)) with result \(short(value.result))")
    case .opened(let value):
      return (
        "opened",
        "session \(short(value.session)) \"\(printable(value.sessionText))\" of "
          + "\"\(printable(value.userText))\", \(words("\(value.mode)"))"
      )
    case .released(let value):
      let ranges = value.ranges.map { range in
        range.lowerBound == range.upperBound
          ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
      }
      return ("released", "\(short(value.session)) calls \(ranges.joined(separator: ", "))")
    case .removed(let value): return ("removed", "node \(value.node) never returns")
    case .alive(let value): return ("alive", "node \(value.node.short), count \(value.count)")
    }
  }

  private static func command(_ spec: CallSpec) -> String {
    let words = spec.arguments.map { quoted(printable(String(decoding: $0, as: UTF8.self))) }
    let line = ([printable(spec.service)] + words).joined(separator: " ")
    return line.count > 120 ? line.prefix(117) + "..." : line
  }

  /// As a shell would want the word.
  private static func quoted(_ word: String) -> String {
    let isPlain = word.unicodeScalars.allSatisfy { scalar in
      scalar.value > 127 || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
        || "-_./:=,+@%".unicodeScalars.contains(scalar)
    }
    if isPlain && !word.isEmpty { return word }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }

  private static func outcome(_ result: CallResult) -> String {
    let end = result.signal == 0 ? "exit \(result.exitStatus)" : "signal \(result.signal)"
    return "\(end), stdout \(describe(result.stdout)), stderr \(describe(result.stderr)), "
      + (result.files == .empty ? "" : "files \(describe(result.files)), ")
      + "\(result.duration / 1000) ms from \(UTCTime(result.started)) on \(printable(result.host))"
  }

  private static func describe(_ blob: Blob) -> String {
    switch blob {
    case .inline(let bytes): counted(bytes.count, "byte")
    case .archive(let id, let size): "\(counted(size, "byte")) in archive \(short(id))"
    }
  }

  private static func short(_ hash: Hash256) -> String { String("\(hash)".prefix(12)) }

  private static func short(_ session: SessionName) -> String {
    "\("\(session.user)".prefix(8))/\("\(session.session)".prefix(8))"
  }

  private static func short(_ call: CallName) -> String { "\(short(call.session))/\(call.counter)" }

  /// A case's name as words: timeLimit is "time limit".
  private static func words(_ name: String) -> String {
    name.map { $0.isUppercase ? " " + $0.lowercased() : String($0) }.joined()
  }

  /// Control characters as question marks.
  private static func printable(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
  }
}
