/// Finds the functions, initialisers and subscripts in masked Swift source, with their lengths.
enum SwiftFunctions {
  struct Found: Equatable {
    /// The line of the keyword, from 1.
    let line: Int
    let lineCount: Int
  }

  /// `code` comes from `SwiftMask`. Requirements of protocols have no body and are left out.
  static func all(in code: [UInt8]) -> [Found] {
    var found: [Found] = []
    var line = 1
    var index = 0
    while index < code.count {
      if code[index] == UInt8(ascii: "\n") { line += 1 }
      if startsDeclaration(code, index), let end = bodyEnd(code, from: index) {
        found.append(Found(line: line, lineCount: 1 + newlines(code[index..<end])))
      }
      index += 1
    }
    return found
  }

  private static let keywords = ["func", "init", "deinit", "subscript"].map { Array($0.utf8) }

  /// Whether a keyword stands here as a word of its own and not as a call (`self.init`, `.init`).
  private static func startsDeclaration(_ code: [UInt8], _ index: Int) -> Bool {
    if index > 0, isWord(code[index - 1]) || code[index - 1] == UInt8(ascii: ".") { return false }
    return keywords.contains { keyword in
      let end = index + keyword.count
      guard end <= code.count, code[index..<end].elementsEqual(keyword) else { return false }
      return end == code.count || !isWord(code[end])
    }
  }

  /// The place of the brace that closes the body; nil if the declaration has none.
  private static func bodyEnd(_ code: [UInt8], from start: Int) -> Int? {
    var nesting = 0
    var index = start + 1
    while index < code.count {
      switch code[index] {
      case UInt8(ascii: "("), UInt8(ascii: "["): nesting += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"): nesting -= 1
      case UInt8(ascii: "{") where nesting == 0: return closingBrace(code, from: index)
      case UInt8(ascii: "}") where nesting == 0: return nil
      default:
        if nesting == 0, index > start + 8, startsAnotherDeclaration(code, index) { return nil }
      }
      if nesting < 0 { return nil }
      index += 1
    }
    return nil
  }

  private static let openers =
    ["func", "init", "deinit", "subscript", "var", "let", "static", "associatedtype", "mutating"]
    .map { Array($0.utf8) }

  /// A word that opens a declaration, first on its line: the one before it had no body.
  private static func startsAnotherDeclaration(_ code: [UInt8], _ index: Int) -> Bool {
    var before = index - 1
    while before >= 0, code[before] == UInt8(ascii: " ") { before -= 1 }
    guard before < 0 || code[before] == UInt8(ascii: "\n") else { return false }
    return openers.contains { word in
      let end = index + word.count
      return end < code.count && code[index..<end].elementsEqual(word) && !isWord(code[end])
    }
  }

  private static func closingBrace(_ code: [UInt8], from open: Int) -> Int? {
    var depth = 0
    for index in open..<code.count {
      if code[index] == UInt8(ascii: "{") { depth += 1 }
      if code[index] == UInt8(ascii: "}") {
        depth -= 1
        if depth == 0 { return index }
      }
    }
    return nil
  }

  private static func newlines(_ part: ArraySlice<UInt8>) -> Int {
    part.reduce(into: 0) { if $1 == UInt8(ascii: "\n") { $0 += 1 } }
  }

  static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xff:
      true
    default: false
    }
  }
}
