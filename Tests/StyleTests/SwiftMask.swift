/// Blanks comments and string literals of Swift source, so that rules see only code and braces can
/// be counted. Line breaks stay, and so does every byte's place. An interpolation is part of its
/// literal. It is no parser: a regex literal with a quote in it would confuse it.
struct SwiftMask {
  private let source: [UInt8]
  private var result: [UInt8]
  private var at = 0

  static func mask(_ source: [UInt8]) -> [UInt8] {
    var mask = SwiftMask(source)
    mask.run()
    return mask.result
  }

  private init(_ source: [UInt8]) {
    self.source = source
    result = source
  }

  private mutating func run() {
    while at < source.count {
      if !skipLiteralOrComment() { at += 1 }
    }
  }

  /// Blanks the comment or literal that begins here, if one does.
  private mutating func skipLiteralOrComment() -> Bool {
    if matches("//") {
      while at < source.count, source[at] != newline { blank() }
      return true
    }
    if matches("/*") {
      skipBlockComment()
      return true
    }
    var pounds = 0
    while at + pounds < source.count, source[at + pounds] == pound { pounds += 1 }
    guard at + pounds < source.count, source[at + pounds] == quote else { return false }
    skipString(pounds: pounds)
    return true
  }

  private mutating func skipBlockComment() {
    var depth = 0
    while at < source.count {
      if matches("/*") {
        depth += 1
        blank(2)
      } else if matches("*/") {
        depth -= 1
        blank(2)
        if depth == 0 { return }
      } else {
        blank()
      }
    }
  }

  private mutating func skipString(pounds: Int) {
    blank(pounds)
    let isMultiline = matches("\"\"\"")
    let end = (isMultiline ? "\"\"\"" : "\"") + String(repeating: "#", count: pounds)
    let escape = "\\" + String(repeating: "#", count: pounds)
    blank(isMultiline ? 3 : 1)
    while at < source.count {
      if matches(end) {
        blank(end.utf8.count)
        return
      }
      if matches(escape + "(") {
        blank(escape.utf8.count + 1)
        skipInterpolation()
      } else if matches(escape) {
        blank(escape.utf8.count + 1)
      } else if !isMultiline, source[at] == newline {
        return
      } else {
        blank()
      }
    }
  }

  /// From behind `\(` to behind its closing parenthesis.
  private mutating func skipInterpolation() {
    var depth = 1
    while at < source.count {
      if skipLiteralOrComment() { continue }
      if source[at] == UInt8(ascii: "(") { depth += 1 }
      if source[at] == UInt8(ascii: ")") { depth -= 1 }
      blank()
      if depth == 0 { return }
    }
  }

  private func matches(_ text: String) -> Bool {
    var index = at
    for byte in text.utf8 {
      guard index < source.count, source[index] == byte else { return false }
      index += 1
    }
    return true
  }

  private mutating func blank(_ count: Int = 1) {
    for _ in 0..<count where at < source.count {
      if source[at] != newline { result[at] = UInt8(ascii: " ") }
      at += 1
    }
  }

  private var newline: UInt8 { UInt8(ascii: "\n") }
  private var quote: UInt8 { UInt8(ascii: "\"") }
  private var pound: UInt8 { UInt8(ascii: "#") }
}
