/// The table of `rpcv map`'s options: names, what each does, and its line in the help. Names and
/// meanings are GNU parallel's where it has the option.
struct MapOption: Sendable {
  enum Action: Sendable {
    case flag(@Sendable (inout MapOptions) -> Void)
    case value(String, @Sendable (inout MapOptions, Bytes) throws(MapError) -> Void)
  }

  let names: [String]
  let help: String
  let action: Action

  static func named(_ name: String) -> MapOption? { byName[name] }

  private static let byName: [String: MapOption] = Dictionary(
    all.flatMap { option in option.names.map { ($0, option) } },
    uniquingKeysWith: { first, _ in first }
  )

  static let all = input + execution + output + silent + settings

  static let input: [MapOption] = [
    .value(["-a", "--arg-file"], "FILE", "take arguments from the lines of FILE; several multiply")
    {
      options, value in options.sources.append(SourceGroup(columns: [.file(value)]))
    },
    .flag(["--link", "--xapply"], "walk several sources side by side, do not multiply them") {
      $0.sequence.isLinked = true
    },
    .flag(["-0", "--null"], "arguments in files end in a NUL byte, not in a line break") {
      $0.sequence.delimiter = 0
    },
    .value(["-d", "--delimiter"], "C", "arguments in files end in C; \\n, \\t and \\0 are known") {
      options, value throws(MapError) in options.sequence.delimiter = try delimiter(value)
    },
    .flag(["-r", "--no-run-if-empty"], "no job for an argument that is blank") {
      $0.sequence.skipsBlank = true
    },
    .flag(["-q", "--quote"], "pass the words of the command as they are, without a shell") {
      $0.isQuoted = true
    },
    .value(["--in"], "FILE", "send FILE along; placeholders are filled in ('{}', '{.}.cfg')") {
      options, value throws(MapError) in options.inputs.append(try FilePattern(value, .input))
    },
    .value(
      ["--out"], "PATTERN",
      "bring files like PATTERN back ('{.}.png', 'plots/*'); a name must exist"
    ) {
      options, value throws(MapError) in options.outputs.append(try FilePattern(value, .output))
    },
    .value(["--env"], "NAME[=VALUE]", "set this variable for every job") {
      options, value throws(MapError) in options.environment.append(try variable(value))
    },
  ]

  static let execution: [MapOption] = [
    .value(["-j", "--jobs", "-P", "--max-procs"], "N", "jobs at once: 4, 50%, +1, -1, 0 for all") {
      options, value throws(MapError) in
      options.jobs = try JobCount(parsing: try word(value, "-j"))
    },
    .value(["--halt"], "WHEN,WHY=N", "stop early: soon|now, fail|success|done ('now,fail=1')") {
      options, value throws(MapError) in
      options.halt = try HaltPolicy.parse(try word(value, "--halt"))
    },
    .value(
      ["--timeout"], "DURATION",
      "a job that runs longer is killed and has failed (10s; 5m; 90: seconds)"
    ) {
      options, value throws(MapError) in
      options.timeLimit = try parse(value, "--timeout") { text throws(ParseError) in
        try Duration(parsing: text, bareUnit: .seconds(1))
      }
    },
    .value(["--memory"], "SIZE", "a job may have this much memory (512MiB)") {
      options, value throws(MapError) in
      options.memoryLimit = try parse(value, "--memory") { text throws(ParseError) in
        try ByteSize(parsing: text)
      }
    },
    .value(
      ["--retries"], "N", "give a job up after its machines (5) or --timeout (1) ended it N times"
    ) {
      options, value throws(MapError) in
      options.failureLimit = Int(try number(value, "--retries", in: 1...1000))
    },
    .value(["--priority"], "N", "jobs with a greater N are started first (default: 0)") {
      options, value throws(MapError) in
      options.priority = try number(value, "--priority", in: -1_000_000...1_000_000)
    },
    .value(["--session"], "NAME", "the run's name: the same name goes on after a crash, anywhere") {
      options, value throws(MapError) in
      let name = try word(value, "--session")
      guard !name.isEmpty else { throw .usage("--session: the name is empty") }
      options.session = name
    },
  ]

  static let output: [MapOption] = [
    .flag(["-k", "--keep-order"], "print outputs in the order of the jobs") {
      $0.keepsOrder = true
    },
    .flag(["--tag"], "begin each line of output with the job's arguments and a tab") {
      $0.tag = .everyArgument
    },
    .value(["--tagstring"], "TEXT", "the same with TEXT; placeholders are filled in") {
      options, value throws(MapError) in options.tag = try Template(parsing: value)
    },
    .flag(["-v", "--verbose"], "print each command before its output") { $0.showsCommands = true },
    .flag(["--dry-run", "--dryrun"], "print the commands, run nothing") { $0.isDryRun = true },
    .value(
      ["--joblog"], "FILE", "write a line for each job that ended; with --session lines are added"
    ) {
      options, value throws(MapError) in options.joblog = try fileName(value, "--joblog")
    },
    .value(
      ["--results", "--res"], "NAME",
      "keep outputs in NAME/1/ARG/stdout, stderr, or in NAME if it has {}"
    ) {
      options, value throws(MapError) in options.results = try ResultsLayout(value)
    },
    .flag(["--progress", "--bar", "--eta"], "show progress even if standard error is no terminal") {
      $0.progress = .on
    },
    .flag(["--no-progress"], "show none even on a terminal") { $0.progress = .off },
    .flag(["-h", "--help"], "print this") { $0.wantsHelp = true },
  ]

  /// Understood and without effect, so that scripts for GNU parallel run unchanged.
  private static let silent: [MapOption] = [
    .flag(["--will-cite", "--group", "--no-notice"], "") { _ in }
  ]

  static let settings: [MapOption] = SettingKey.allCases.map { key in
    .value([key.flag], key.form, key.meaning) { options, value throws(MapError) in
      options.settings[key] = try word(value, key.flag)
    }
  }
}

extension MapOption {
  private static func flag(
    _ names: [String], _ help: String, _ apply: @escaping @Sendable (inout MapOptions) -> Void
  ) -> MapOption { MapOption(names: names, help: help, action: .flag(apply)) }

  private static func value(
    _ names: [String], _ form: String, _ help: String,
    _ apply: @escaping @Sendable (inout MapOptions, Bytes) throws(MapError) -> Void
  ) -> MapOption { MapOption(names: names, help: help, action: .value(form, apply)) }
}
