import ArgumentParser
import LogStore
import RolesCore

// How calls are named on the command line and in print: SESSION, SESSION/17, SESSION/3-7,12.

struct CallTarget: Equatable, Sendable {
  var session: String
  /// Nil: all calls of the session. Else ascending and disjoint.
  var calls: [ClosedRange<CallCounter>]?

  func contains(_ counter: CallCounter) -> Bool {
    calls?.contains { $0.contains(counter) } ?? true
  }

  /// A word that ends in a slash and numbers names calls; any other word is a session's name. With
  /// `session` given the word is the numbers alone.
  static func parse(_ word: String?, session: String?) throws(CommandError) -> CallTarget {
    if let session {
      guard !session.isEmpty else { throw CommandError(.usage, "--session: the name is empty") }
      guard let word else { return CallTarget(session: session) }
      guard let calls = ranges(word[...]) else {
        throw CommandError(.usage, "'\(word)' doesn't name calls: write 17, 3-7 or 1,4,9-12")
      }
      return CallTarget(session: session, calls: calls)
    }
    guard let word, !word.isEmpty else {
      throw CommandError(.usage, "say which session: SESSION or SESSION/CALLS, as in night/3-7")
    }
    if let slash = word.lastIndex(of: "/"), slash > word.startIndex,
      let calls = ranges(word[word.index(after: slash)...])
    {
      return CallTarget(session: String(word[..<slash]), calls: calls)
    }
    return CallTarget(session: word)
  }

  /// Refuses a name for a new session that `status` and the like would read as calls of another.
  static func checkName(_ name: String) throws(CommandError) {
    guard let target = try? parse(name, session: nil), target.calls != nil else { return }
    throw CommandError(
      .usage,
      "--session '\(name)': this names calls of session '\(target.session)'; take another name, "
        + "such as '\(name.replacing("/", with: "-"))'")
  }

  /// `17`, `3-7`, `1,4,9-12`; nil for anything else.
  private static func ranges(_ text: Substring) -> [ClosedRange<CallCounter>]? {
    var ranges: [ClosedRange<UInt64>] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count <= 2, let first = ends.first.flatMap(counter),
        let last = ends.last.flatMap(counter), first <= last
      else { return nil }
      ranges.append(first...last)
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var merged: [ClosedRange<CallCounter>] = []
    for range in ranges {
      let lower = CallCounter(range.lowerBound)
      let upper = CallCounter(range.upperBound)
      if let last = merged.last, lower <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, upper)
      } else {
        merged.append(lower...upper)
      }
    }
    return merged
  }

  private static func counter(_ text: Substring) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let value = UInt64(text), value > 0, value <= CallCounter.greatest.value
    else { return nil }
    return value
  }
}

/// The argument of every command that is about a session or its calls.
struct TargetArguments: ParsableArguments {
  @Option(help: "The session; then CALLS may follow alone: 17, 3-7, 1,4,9.")
  var session: String?
  @Argument(help: "SESSION or SESSION/CALLS, as in night, night/17, night/3-7.")
  var target: String?

  func resolved() throws(CommandError) -> CallTarget {
    try CallTarget.parse(target, session: session)
  }

  var isGiven: Bool { session != nil || target != nil }
}

extension GridSettings {
  func sessionName(_ session: String) -> SessionName {
    SessionName(user: UserID(ID128(hashing: user)), session: SessionID(ID128(hashing: session)))
  }

  /// Where a client of this session keeps its log.
  func sessionDirectory(_ session: String) throws(CommandError) -> String {
    if let (path, _) = settings.text(.directory) { return path }
    return StateDirectory.session(
      try StateDirectory.root(environment), user: user, session: session)
  }
}
