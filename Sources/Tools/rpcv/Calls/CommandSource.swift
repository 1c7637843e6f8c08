import RolesCore

// Where `rpcv submit` takes its command lines from: the words behind the options, or the lines of a
// file. One word or one line is what a person would type to a shell; several words are executed as
// they are.

struct CommandSource {
  private enum Origin {
    case words([Bytes]?)
    case lines(RecordReader)
  }

  private var origin: Origin

  init(words: [Bytes]) { origin = .words(words) }

  /// `-` is standard input.
  init(file: Bytes) throws(MapError) {
    origin = .lines(try RecordReader(path: file, delimiter: UInt8(ascii: "\n")))
  }

  /// What to execute next; nil at the end. Empty lines are left out.
  mutating func next() throws(MapError) -> [Bytes]? {
    switch origin {
    case .words(let words):
      origin = .words(nil)
      guard let words else { return nil }
      return words.count == 1 ? try Self.executed(words[0]) : words
    case .lines(let reader):
      while let line = try reader.next() {
        if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
        return try Self.executed(line)
      }
      return nil
    }
  }

  /// Words that need no shell are executed as they are, which also lets a program travel along.
  static func executed(_ line: Bytes) throws(MapError) -> [Bytes] {
    let job = Job(number: 1, arguments: [])
    let direct = DirectCommand(shellText: Template.literal(line))?.words(job)
    return direct ?? [Array("/bin/sh".utf8), Array("-c".utf8), line]
  }
}
