// How long a line, a function and a file may be, and that a file says what it is for.

extension Rules {
  static let lineLimit = 100
  static let functionLimit = 70
  static let fileLimit = 400

  private static let codeExtensions = [".swift", ".c", ".h", ".sh", ".proto"]

  static let size = [
    Rule(
      name: "line length",
      reason: "two files must fit beside each other on a screen, and swift format wraps at the same"
        + " column",
      applies: { file in codeExtensions.contains { file.path.hasSuffix($0) } },
      check: { file in
        file.lines.enumerated().compactMap { index, line in
          line.count <= lineLimit
            ? nil : (index + 1, "the line has \(line.count) characters, \(lineLimit) are allowed")
        }
      }),

    Rule(
      name: "file length",
      reason: "a file holds one concept; one that grew past this holds two",
      applies: { file in codeExtensions.contains { file.path.hasSuffix($0) } },
      check: { file in
        let count = file.lines.count
        return count <= fileLimit
          ? [] : [(fileLimit + 1, "the file has \(count) lines, \(fileLimit) are allowed")]
      }),

    Rule(
      name: "function length",
      reason: "a function must be readable without scrolling; give its steps names",
      applies: { $0.isSwift },
      check: { file in
        SwiftFunctions.all(in: file.code).compactMap { function in
          function.lineCount <= functionLimit
            ? nil
            : (
              function.line,
              "the function has \(function.lineCount) lines, \(functionLimit) are allowed"
            )
        }
      }),

    Rule(
      name: "header",
      reason: "a reader who opens a file must learn first what it owns and what it promises",
      applies: { $0.isSwift && $0.isInSources },
      check: { file in
        opensWithComment(file.lines)
          ? [] : [(1, "neither the file nor its first declaration opens with a comment")]
      }),
  ]

  /// A comment is the first thing in the file, or the first thing behind its imports.
  static func opensWithComment(_ lines: [String]) -> Bool {
    for line in lines.map({ $0.drop { $0 == " " } }) where !line.isEmpty {
      if line.hasPrefix("//") || line.hasPrefix("/*") { return true }
      let words = line.split(separator: " ")
      let isImport = words.contains("import") && !line.contains("{")
      if !isImport && !line.hasPrefix("#if") && !line.hasPrefix("#e") { return false }
    }
    return false
  }
}
