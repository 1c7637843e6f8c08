/// The fast path around the shell: a command whose text has no character that means anything to
/// /bin/sh, and whose program is no part of the shell, is executed as the words that the shell
/// would have found. Whatever is in doubt goes to the shell.
struct DirectCommand: Sendable {
  private let templates: WordTemplates

  /// nil if the shell is needed whatever the arguments are.
  init?(shellText template: Template) {
    var words: [[Template.Piece]] = []
    var current: [Template.Piece] = []
    for piece in template.pieces {
      if case .placeholder(.slot) = piece { return nil }
      guard case .literal(let bytes) = piece else {
        current.append(piece)
        continue
      }
      guard bytes.allSatisfy({ Self.isPlain($0) || Self.isBlank($0) }) else { return nil }
      var rest = bytes[...]
      while !rest.isEmpty {
        let run = rest.prefix { !Self.isBlank($0) }
        if !run.isEmpty { current.append(.literal(Bytes(run))) }
        rest = rest[run.endIndex...]
        if !rest.isEmpty {
          if !current.isEmpty { words.append(current) }
          current = []
          rest = rest.drop(while: Self.isBlank)
        }
      }
    }
    if !current.isEmpty { words.append(current) }
    // The program must stand there literally: what an argument makes of it is the shell's business.
    guard case .literal(let program)? = words.first?.first, words.first?.count == 1,
      !program.contains(UInt8(ascii: "="))
    else { return nil }
    templates = WordTemplates(words: words, keepsEmptyWords: false)
  }

  /// Words that are passed as they are (-q).
  init(quoted templates: WordTemplates) { self.templates = templates }

  /// The words to execute, or nil if this job needs the shell.
  func words(_ job: Job) -> [Bytes]? {
    let result = templates.filledIn(job)
    guard let program = result.first, !program.isEmpty, !Self.isBuiltIn(program, result)
    else { return nil }
    return result
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  /// Bytes that mean themselves to a shell in any place of a word.
  private static func isPlain(_ byte: UInt8) -> Bool {
    ShellQuote.isBare(byte) || byte >= 0x80 || Array(":,@%=".utf8).contains(byte)
  }

  /// What the shell would run itself: its keywords and built-in commands. `echo` is the program of
  /// that name unless an option or an escape is in sight, about which shells disagree.
  private static func isBuiltIn(_ program: Bytes, _ words: [Bytes]) -> Bool {
    if program == Array("echo".utf8) {
      return words.dropFirst().contains {
        $0.first == UInt8(ascii: "-") || $0.contains(UInt8(ascii: "\\"))
      }
    }
    return builtIns.contains(program)
  }

  private static let builtIns = Set(
    """
    . : [ alias bg bind break builtin caller case cd chdir command compgen complete continue \
    coproc declare dirs disown do done elif else enable esac eval exec exit export fc fg fi for \
    function getopts hash help history if in jobs kill let local logout mapfile popd printf \
    pushd pwd read readarray readonly return select set shift shopt source suspend test then \
    time times trap type typeset ulimit umask unalias unset until wait while
    """.split(separator: " ").map { Array($0.utf8) })
}
