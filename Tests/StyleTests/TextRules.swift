// What may not stand in any text file: notes of unfinished work, and the paths of one machine.

extension Rules {
  /// In two parts, so that this file does not break its own rule.
  static let unfinishedWords = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

  /// Folders that exist on somebody's machine only; what is wanted comes from a flag, the
  /// environment or `#filePath`.
  static let machineFolders = ["work", "trees", "root", "home", "Users", "opt/swift"].map {
    "/" + $0 + "/"
  }

  static let text = [
    Rule(
      name: "unfinished",
      reason: "what is not done belongs into an issue; what stands here is finished",
      applies: { _ in true },
      check: { file in
        file.lines.enumerated().compactMap { index, line in
          unfinishedWords.first { isWhole($0, in: line) }.map { (index + 1, "`\($0)` stands here") }
        }
      }),

    Rule(
      name: "machine path",
      reason: "the repository works in any folder of any machine",
      applies: { _ in true },
      check: { file in
        file.lines.enumerated().compactMap { index, line in
          machineFolders.first { isAbsolute($0, in: line) }.map {
            (index + 1, "an absolute path below `\($0)` stands here")
          }
        }
      }),
  ]

  static func isWhole(_ word: String, in line: String) -> Bool {
    occurrences(of: word, in: line).contains { before, after in
      !isWord(before) && !isWord(after)
    }
  }

  /// The folder begins a path: no letter, dot or tilde that would make it a part of another one.
  static func isAbsolute(_ folder: String, in line: String) -> Bool {
    occurrences(of: folder, in: line).contains { before, _ in
      guard let before else { return true }
      return !isWord(before) && !Array(".~-*}/".utf8).contains(before)
    }
  }

  private static func isWord(_ byte: UInt8?) -> Bool {
    byte.map(SwiftFunctions.isWord) ?? false
  }

  /// The bytes around each occurrence.
  private static func occurrences(of text: String, in line: String) -> [(UInt8?, UInt8?)] {
    let line = Array(line.utf8)
    let text = Array(text.utf8)
    guard text.count <= line.count else { return [] }
    return (0...(line.count - text.count)).compactMap { start in
      let end = start + text.count
      guard line[start..<end].elementsEqual(text) else { return nil }
      return (start > 0 ? line[start - 1] : nil, end < line.count ? line[end] : nil)
    }
  }
}
