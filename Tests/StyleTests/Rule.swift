import Foundation

// What a rule is. A rule looks at one file and names the lines that break it; why it exists stands
// in every message, so that who meets it need not ask.

/// A file of the repository, read once and shared by all rules.
struct SourceFile: Sendable {
  /// Relative to the repository's root, with slashes.
  let path: String
  let bytes: [UInt8]
  let lines: [String]
  /// The bytes with comments and string literals blanked, line breaks kept: what the compiler sees.
  let code: [UInt8]
  let codeLines: [String]

  init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    code = path.hasSuffix(".swift") ? SwiftMask.mask(bytes) : bytes
    lines = SourceFile.split(bytes)
    codeLines = SourceFile.split(code)
  }

  init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }

  var isSwift: Bool { path.hasSuffix(".swift") }
  var isGenerated: Bool { path.hasSuffix(".pb.swift") }
  var isInSources: Bool { path.hasPrefix("Sources/") }

  /// Lines without their ends; a file that ends in a line break has no empty last line.
  private static func split(_ bytes: [UInt8]) -> [String] {
    var parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if parts.last?.isEmpty == true { parts.removeLast() }
    return parts.map { String(decoding: $0, as: UTF8.self) }
  }
}

struct Violation: Equatable, CustomStringConvertible {
  let path: String
  let line: Int
  let what: String
  let reason: String
  var description: String { "\(path):\(line): \(what). Why: \(reason)" }
}

struct Rule: Sendable {
  let name: String
  let reason: String
  let applies: @Sendable (SourceFile) -> Bool
  /// The lines, from 1, that break the rule, each with what is wrong there.
  let check: @Sendable (SourceFile) -> [(line: Int, what: String)]

  func violations(in file: SourceFile) -> [Violation] {
    guard !file.isGenerated, applies(file) else { return [] }
    return check(file).map {
      Violation(path: file.path, line: $0.line, what: $0.what, reason: reason)
    }
  }
}

enum Rules {
  static let all = size + imports + calls + text
}
