/// The configuration file: lines of `key = value`, blank lines, and comments on lines of their own
/// that begin with `#`. A value goes to the end of its line. Nothing is guessed: an unknown key or
/// one that stands twice is an error with its line.
struct ConfigFile: Sendable {
  struct Entry: Equatable, Sendable {
    var value: String
    /// From 1.
    var line: Int
  }

  let path: String
  private let entries: [SettingKey: Entry]

  subscript(key: SettingKey) -> Entry? { entries[key] }

  init(parsing bytes: [UInt8], path: String) throws(SettingError) {
    var entries: [SettingKey: Entry] = [:]
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let number = index + 1
      func failure(_ what: String) -> SettingError {
        SettingError(origin: .file(path: path, line: number), what: what)
      }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw failure("the line is not UTF-8 text")
      }
      let line = text.trimmed
      if line.isEmpty || line.hasPrefix("#") { continue }
      guard let mark = line.firstIndex(of: "=") else {
        throw failure("'\(line.prefix(40))' is not 'key = value' (and no comment with #)")
      }
      let name = line[..<mark].trimmed
      guard let key = SettingKey(rawValue: String(name)) else {
        throw failure("there is no key '\(name)'" + SettingKey.suggestion(for: String(name)))
      }
      if let earlier = entries[key] {
        throw failure("'\(name)' stands in line \(earlier.line) already")
      }
      entries[key] = Entry(value: String(line[line.index(after: mark)...].trimmed), line: number)
    }
    self.path = path
    self.entries = entries
  }
}

extension StringProtocol {
  /// Without white space at both ends.
  fileprivate var trimmed: SubSequence {
    let head = drop(while: \.isWhitespace)
    guard let last = head.lastIndex(where: { !$0.isWhitespace }) else { return head }
    return head[...last]
  }
}
