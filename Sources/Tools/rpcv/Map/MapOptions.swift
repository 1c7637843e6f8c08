/// What a person asked `rpcv map` for, parsed and checked, before anything is opened or started.
struct MapOptions: Sendable {
  enum Progress: Sendable {
    /// On a terminal only.
    case automatic
    case on
    case off
  }

  /// An environment variable for every task; its value now if it was given, else taken from here.
  struct Variable: Equatable, Sendable {
    var name: String
    var value: String?
  }

  // What to run
  var command: [Bytes] = []
  /// -q: the words of the command reach the program as they are.
  var isQuoted = false
  var sources: [SourceGroup] = []
  var sequence = JobSequence.Options()
  var inputs: [FilePattern] = []
  var outputs: [FilePattern] = []
  var environment: [Variable] = []

  // How to run it
  var jobs: JobCount?
  var halt: HaltPolicy?
  var timeLimit: Duration?
  var memoryLimit: ByteSize?
  /// How often the machines may fail a job before it is given up.
  var failureLimit: Int?
  var priority: Int64 = 0
  var session: String?
  var settings: [SettingKey: String] = [:]

  // What to print
  var keepsOrder = false
  var isDryRun = false
  var showsCommands = false
  /// What stands before each line of output.
  var tag: Template?
  var progress = Progress.automatic
  var joblog: Bytes?
  var results: ResultsLayout?
  var wantsHelp = false

  /// Parses everything behind `rpcv map`. Options end at the first word that is none, or at `--`;
  /// the command goes on to the first `:::` or `::::`.
  init(parsing words: [Bytes]) throws(MapError) {
    var rest = words[...]
    try parseOptions(&rest)
    if wantsHelp { return }
    let isSourceMark = { (word: Bytes) in SourceMark(word) != nil }
    let command = rest.prefix { !isSourceMark($0) }
    self.command = Array(command)
    try parseSources(rest[command.endIndex...])
    if sources.isEmpty { sources = [SourceGroup(columns: [.file([UInt8(ascii: "-")])])] }
  }

  /// Whether the jobs come from standard input because nothing else was said: worth a hint when
  /// that is a terminal.
  var readsStandardInput: Bool {
    sources == [SourceGroup(columns: [.file([UInt8(ascii: "-")])])]
  }

  private mutating func parseOptions(_ rest: inout ArraySlice<Bytes>) throws(MapError) {
    while let word = rest.first, word.first == UInt8(ascii: "-"), word.count > 1 {
      rest.removeFirst()
      if word == Array("--".utf8) { return }
      if word.starts(with: Array("--".utf8)) {
        try parseLong(word, &rest)
      } else {
        try parseShort(word, &rest)
      }
      if wantsHelp { return }
    }
  }

  /// `--name`, `--name value`, `--name=value`.
  private mutating func parseLong(_ word: Bytes, _ rest: inout ArraySlice<Bytes>)
    throws(MapError)
  {
    let mark = word.firstIndex(of: UInt8(ascii: "="))
    let name = text(word[..<(mark ?? word.endIndex)])
    guard let option = MapOption.named(name) else {
      throw .usage("there is no option '\(name)'; `rpcv map --help` lists them")
    }
    switch option.action {
    case .flag(let apply):
      guard mark == nil else { throw .usage("\(name) takes no value") }
      apply(&self)
    case .value(_, let apply):
      if let mark {
        try apply(&self, Bytes(word[(mark + 1)...]))
      } else {
        try apply(&self, try Self.value(of: name, &rest))
      }
    }
  }

  /// `-k`, `-j4`, `-j 4`, and several in one word: `-kj4`.
  private mutating func parseShort(_ word: Bytes, _ rest: inout ArraySlice<Bytes>)
    throws(MapError)
  {
    var letters = word[1...]
    while let letter = letters.popFirst() {
      let name = "-" + text([letter])
      guard let option = MapOption.named(name) else {
        throw .usage("there is no option '\(name)'; `rpcv map --help` lists them")
      }
      switch option.action {
      case .flag(let apply): apply(&self)
      case .value(_, let apply):
        try apply(&self, letters.isEmpty ? try Self.value(of: name, &rest) : Bytes(letters))
        return
      }
    }
  }

  private static func value(of name: String, _ rest: inout ArraySlice<Bytes>) throws(MapError)
    -> Bytes
  {
    guard let value = rest.popFirst() else { throw .usage("\(name) needs a value") }
    return value
  }

  private mutating func parseSources(_ words: ArraySlice<Bytes>) throws(MapError) {
    var rest = words
    while let word = rest.popFirst(), let mark = SourceMark(word) {
      let values = Array(rest.prefix { SourceMark($0) == nil })
      rest = rest.dropFirst(values.count)
      for value in values where value.contains(0) {
        throw .usage("a NUL byte in '\(text(value))'")
      }
      let specs = mark.isFiles ? values.map(SourceSpec.file) : [.values(values)]
      guard !specs.isEmpty else { throw .usage("'\(text(word))' needs the name of a file") }
      for spec in specs {
        if mark.joinsPrevious {
          guard !sources.isEmpty else {
            throw .usage("'\(text(word))' goes with the source before it, and there is none")
          }
          sources[sources.count - 1].columns.append(spec)
        } else {
          sources.append(SourceGroup(columns: [spec]))
        }
      }
    }
  }
}

/// `:::`, `::::`, and the same with `+`, which advance together with the source before them.
private struct SourceMark {
  let isFiles: Bool
  let joinsPrevious: Bool

  init?(_ word: Bytes) {
    switch word {
    case Array(":::".utf8): (isFiles, joinsPrevious) = (false, false)
    case Array(":::+".utf8): (isFiles, joinsPrevious) = (false, true)
    case Array("::::".utf8): (isFiles, joinsPrevious) = (true, false)
    case Array("::::+".utf8): (isFiles, joinsPrevious) = (true, true)
    default: return nil
    }
  }
}
