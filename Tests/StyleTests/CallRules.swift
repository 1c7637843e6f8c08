// Calls that end the process on bad input, wait for nothing in particular, or silence the compiler.

extension Rules {
  /// What is forbidden in code, and why. Matched as whole words on code without comments and
  /// strings.
  static let forbiddenCalls: [(call: String, reason: String)] = [
    ("try!", "no input may crash a node: throw a typed error"),
    ("as!", "no input may crash a node: use `as?` and say what was wrong"),
    ("fatalError(", "no input may crash a node; internal invariants are `precondition`s"),
    ("Thread.sleep", sleepReason),
    ("Task.sleep", sleepReason),
    ("usleep(", sleepReason),
  ]

  private static let sleepReason =
    "a sleep is a guess about another's speed: wait for the condition, with a deadline"

  /// Promises to the compiler that it can't check.
  static let unprovenClaims = ["@unchecked Sendable", "nonisolated(unsafe)"]

  static let calls =
    forbiddenCalls.map { call, reason in
      Rule(
        name: call, reason: reason,
        applies: { $0.isSwift },
        check: { file in
          file.codeLines.enumerated().compactMap { index, line in
            holds(line, call) ? (index + 1, "`\(call)` is forbidden") : nil
          }
        })
    } + [
      Rule(
        name: "proof",
        reason: "the compiler takes this on trust: the same line must say why it is true"
          + " (`// proof: ...`)",
        applies: { $0.isSwift },
        check: { file in
          file.codeLines.enumerated().compactMap { index, line in
            guard let claim = unprovenClaims.first(where: { holds(line, $0) }),
              !file.lines[index].contains("proof: ")
            else { return nil }
            return (index + 1, "`\(claim)` without its proof")
          }
        })
    ]

  /// Whether `text` stands in `line` and does not go on an identifier on its left.
  static func holds(_ line: String, _ text: String) -> Bool {
    let line = Array(line.utf8)
    let text = Array(text.utf8)
    guard text.count <= line.count else { return false }
    for start in 0...(line.count - text.count)
    where line[start..<(start + text.count)].elementsEqual(text) {
      if start == 0 || !SwiftFunctions.isWord(line[start - 1]) { return true }
    }
    return false
  }
}
