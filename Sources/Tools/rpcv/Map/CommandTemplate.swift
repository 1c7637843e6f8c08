/// The command of a run: made into one command line a job, and into what is executed for it.
///
/// As in GNU parallel: words are joined with blanks and read by a shell; arguments are quoted as
/// they are filled in; a command without a placeholder gets ` {}` at its end; a command that begins
/// with a placeholder takes the arguments as the command itself, unquoted; and without a command
/// the arguments are the command. With `-q` the words are passed as they are.
struct CommandTemplate: Sendable {
  private enum Form: Sendable {
    /// One text for the shell.
    case shell(Template, quotesArguments: Bool)
    /// Words that no shell must read (-q).
    case words(WordTemplates)
  }

  private let form: Form
  private let direct: DirectCommand?

  init(words: [Bytes], isQuoted: Bool = false) throws(MapError) {
    if isQuoted, !words.isEmpty {
      var templates: [Template] = []
      for word in words { templates.append(try Template(parsing: word)) }
      if !templates.contains(where: \.hasPlaceholder) {
        templates.append(.everyArgument)
      }
      let words = WordTemplates(words: templates.map(\.pieces), keepsEmptyWords: true)
      form = .words(words)
      direct = DirectCommand(quoted: words)
      return
    }
    var template = try Template(
      parsing: Bytes(words.joined(separator: [UInt8(ascii: " ")])), allowsSlot: true)
    if !template.hasPlaceholder {
      if !words.isEmpty { template.append(.literal([UInt8(ascii: " ")])) }
      template.append(.placeholder(.all(.whole)))
    }
    let isCommandItself = template.startsWithPlaceholder
    form = .shell(template, quotesArguments: !isCommandItself)
    direct = isCommandItself ? nil : DirectCommand(shellText: template)
  }

  /// The command line as a person would type it: for --dry-run, the joblog and messages.
  func commandLine(_ job: Job) -> Bytes {
    switch form {
    case .shell(let template, let quotes):
      template.expand(job, transform: quotes ? ShellQuote.quote : { $0 })
    case .words(let templates):
      Bytes(
        templates.filledIn(job).map(ShellQuote.quote).joined(separator: [UInt8(ascii: " ")]))
    }
  }

  /// What is executed: the words themselves where a shell would do nothing with them, which saves
  /// starting one, else `/bin/sh -c` with the command line.
  func words(_ job: Job) -> [Bytes] {
    direct?.words(job) ?? [Array("/bin/sh".utf8), Array("-c".utf8), commandLine(job)]
  }
}
