import ArgumentParser
import Glibc
import LogStore
import RolesCore

// `rpcv submit`: calls are logged here, handed to the grid, and named on standard output.

struct SubmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit", abstract: "Hand command lines to the grid and go.",
    discussion: """
      Examples:
        rpcv submit --session night -- gzip -9 big.log
        rpcv submit --session night 'sort /data/a | uniq -c'
        rpcv submit --session night --file commands.txt
        rpcv submit --session night --append -- gzip -9 another.log

      One word is read by a shell on the server; several words are executed as they are.
      A program named with a slash is sent along.

      It prints a name for each call (night/1) once a coordinator holds it durably. The same
      words under the same session name are the same calls: they are not executed again.
      While no coordinator answers it keeps trying; Ctrl-C leaves the calls in the log of
      this machine, and the same words, or `rpcv wait night`, go on from there.
      """)
  @OptionGroup var grid: GridFlags
  @OptionGroup var client: ClientFlags
  @Option(help: "The session's name; default: a random one, which is printed.")
  var session: String?
  @Option(name: [.customShort("a"), .long], help: "Take command lines from FILE; - is stdin.")
  var file: String?
  @Option(help: "optimistic, blocking or non-blocking (RPCV_STRATEGY, file: strategy).")
  var strategy: String?
  @Flag(help: "Add the calls to those that the session has, instead of being the same again.")
  var append = false
  @Flag(help: "Don't wait for a coordinator: what isn't there by then goes with the next command.")
  var noWait = false
  @Flag(help: "Wait until enough coordinators hold the calls (copies), not only one.")
  var safe = false
  @Option(help: "An environment variable for the commands, NAME or NAME=VALUE; several times.")
  var env: [String] = []
  @Option(help: "A command that runs longer is killed and has failed, e.g. 5m.")
  var timeLimit: String?
  @Option(help: "How much memory a command may have, e.g. 512MiB.") var memory: String?
  @Option(help: "Give a call up after its machines (5) or --time-limit (1) ended it so often.")
  var retries: UInt64?
  @Option(help: "Calls with a greater N are started first (default: 0).") var priority: Int64 = 0
  @Flag(help: "One JSON object a call and line.") var json = false
  @Argument(parsing: .captureForPassthrough, help: "The command line.") var command: [String] = []

  func run() throws {
    // The words of a command are not looked at, so these two arrive here.
    if let first = command.first, first == "--help" || first == "-h" {
      throw CleanExit.helpRequest(self)
    }
    let interrupts = Interrupts.install()
    try report { () throws(CommandError) in
      let settings = try client.settings(grid, adding: [.strategy: strategy])
      let run = SubmitRun(
        grid: settings, session: session, strategy: try settings.strategy(),
        appends: append, milestone: noWait ? .logged : safe ? .safe : .accepted, printsJSON: json,
        interrupts: interrupts)
      try run.run(try source(), try template(settings))
    }
  }

  private func source() throws(CommandError) -> CommandSource {
    if noWait, safe { throw CommandError(.usage, "--no-wait and --safe exclude each other") }
    // The words as bytes: arguments need not be UTF-8.
    var words = Array(CommandLine.rawArguments.suffix(command.count))
    if let first = words.first, first.first == UInt8(ascii: "-") {
      guard first == Array("--".utf8) else {
        throw CommandError(
          .usage, "there is no option '\(text(first))'; `rpcv submit --help` lists them")
      }
      words.removeFirst()
    }
    guard words.isEmpty || file == nil else {
      throw CommandError(.usage, "a command and --file exclude each other")
    }
    if !words.isEmpty {
      guard words[0].contains(where: { $0 != UInt8(ascii: " ") }) else {
        throw CommandError(.usage, "the command is empty")
      }
      return CommandSource(words: words)
    }
    guard file != nil || !Terminal.isTerminal(STDIN_FILENO) else {
      throw CommandError(.usage, "say which command to run, or --file FILE with one a line")
    }
    do throws(MapError) { return try CommandSource(file: Array((file ?? "-").utf8)) } catch {
      throw CommandError(error.status, "\(error)")
    }
  }

  /// What all calls share.
  private func template(_ settings: GridSettings) throws(CommandError) -> CallSpec {
    var spec = CallSpec()
    spec.service = "exec"
    spec.priority = priority
    spec.failureLimit = retries ?? 0
    if let retries, !(1...1000).contains(retries) {
      throw CommandError(.usage, "--retries: a number from 1 to 1000 is needed")
    }
    do throws(ParseError) {
      if let timeLimit { spec.timeLimit = try Duration(parsing: timeLimit).wholeMilliseconds }
    } catch { throw CommandError(.usage, "--time-limit: \(error)") }
    do throws(ParseError) {
      if let memory { spec.memoryLimit = try ByteSize(parsing: memory).bytes }
    } catch { throw CommandError(.usage, "--memory: \(error)") }
    for word in env {
      do throws(MapError) {
        let variable = try MapOption.variable(Array(word.utf8))
        let value = variable.value ?? settings.environment[variable.name] ?? ""
        spec.environment.append(EnvironmentVariable(name: variable.name, value: value))
      } catch { throw CommandError(.usage, "\(error)") }
    }
    return spec
  }
}

extension MapError {
  /// For commands that end with the statuses of ExitStatus.
  var status: ExitStatus {
    switch self {
    case .usage, .template: .usage
    case .source, .record, .file: .noInput
    case .output: .cannotWrite
    }
  }
}
