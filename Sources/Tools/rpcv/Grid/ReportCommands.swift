import ArgumentParser
import Glibc
import LogStore
import ReplicationTransport
import RolesCore

// The commands that ask a coordinator and print what it says: tables for people, --json for
// scripts.

struct GridCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grid", abstract: "Show coordinators, servers, ring, lag and suspicions.",
    discussion: """
      Examples:
        rpcv grid                  what all coordinators say, put together
        rpcv grid --only a:7070    what this one sees

      All that are configured are asked, and all that these know. One that does not answer is \
      marked; it is an error if none does.
      """)
  @OptionGroup var grid: GridFlags
  @Option(help: "Only what the coordinator at this address sees.") var only: String?
  @Flag(help: "One JSON object.") var json = false

  func run() throws {
    try report { () throws(CommandError) in
      if let only { try show(only) } else { try showAll() }
    }
  }

  private func showAll() throws(CommandError) {
    let coordinators = try GridSettings(flags: grid.flags).requiredCoordinators()
    let answers = GridSurvey.shared.askAll(coordinators, timeout: .seconds(3))
    let report = GridReport(answers)
    guard report.isAnswered else {
      // Most reasons name the address themselves.
      let reasons = answers.map {
        $0.reason.contains($0.address) ? $0.reason : "\($0.address): \($0.reason)"
      }
      throw CommandError(
        .unreachable, "no coordinator answers: " + reasons.joined(separator: "; "))
    }
    try printOut(json ? report.json.line + "\n" : report.text)
  }

  private func show(_ address: String) throws(CommandError) {
    var flags = grid
    do throws(ParseError) { flags.coordinators = try HostPort.parse(address).description } catch {
      throw CommandError(.usage, "--only: \(error)")
    }
    let response = try ask(flags, .grid)
    guard case .grid(let summary) = response.answer else { throw response.unexpected }
    try printOut(json ? summary.json.line + "\n" : summary.text(from: response.from))
  }
}

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show sessions and how far their calls are.",
    discussion: """
      Examples:
        rpcv status              all sessions, counted
        rpcv status night        its calls, one by one
        rpcv status night/3-7

      With no coordinator configured it lists the sessions of `rpcv map` on this machine.
      """)
  @OptionGroup var grid: GridFlags
  @OptionGroup var target: TargetArguments
  @Flag(help: "One JSON object a line.") var json = false

  func run() throws {
    try report { () throws(CommandError) in
      let settings = try GridSettings(flags: grid.flags)
      if try settings.coordinators().isEmpty { return try showEmbedded(settings) }
      guard target.isGiven else {
        let response = try ask(grid, .sessions(nil))
        guard case .sessions(let rows) = response.answer else { throw response.unexpected }
        try printOut(json ? lines(rows.map(\.json)) : SessionSummary.table(rows))
        return
      }
      let target = try target.resolved()
      let view = try SessionView(settings, session: target.session, Interrupts.install())
      guard try view.summary() != nil else { throw view.unknown }
      let rows = try view.calls(target)
      try printOut(json ? lines(rows.map(\.json)) : CallSummary.table(rows))
    }
  }

  /// All that are here, or the one.
  private func showEmbedded(_ settings: GridSettings) throws(CommandError) {
    let rows: [EmbeddedSession]
    if target.isGiven {
      let target = try target.resolved()
      guard target.calls == nil else {
        _ = try settings.requiredCoordinators()
        return
      }
      let path = try settings.sessionDirectory(target.session)
      guard let row = EmbeddedSession(in: path) else {
        throw EmbeddedSession.unknown(target.session)
      }
      rows = [row]
    } else {
      rows = try EmbeddedSession.all(below: StateDirectory.root(settings.environment))
    }
    try printOut(json ? lines(rows.map(\.json)) : EmbeddedSession.table(rows))
  }
}

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Tell why a call is not running or not finished.",
    discussion: "Example: rpcv why night/17")
  @OptionGroup var grid: GridFlags
  @OptionGroup var target: TargetArguments
  @Flag(help: "One JSON object a call and line.") var json = false

  func run() throws {
    try report { () throws(CommandError) in
      let target = try target.resolved()
      let settings = try GridSettings(flags: grid.flags)
      guard let calls = target.calls, calls.count == 1, let call = calls.first,
        call.upperBound.value - call.lowerBound.value < 1000
      else {
        throw CommandError(
          .usage, "say which call, as in `rpcv why \(target.session)/17` (or up to 1000: 3-7)")
      }
      let view = try SessionView(settings, session: target.session, Interrupts.install())
      guard try view.summary() != nil else { throw view.unknown }
      for value in call.lowerBound.value...call.upperBound.value {
        let name = CallName(
          session: settings.sessionName(target.session), counter: CallCounter(value))
        let response = try ask(grid, .why(name))
        guard case .why(let lines) = response.answer else { throw response.unexpected }
        let object = JSON.object([
          ("session", .string(target.session)), ("call", .uint(value)),
          ("why", .array(lines.map { .string($0) })),
        ])
        let head = call.lowerBound < call.upperBound ? "\(target.session)/\(value):\n" : ""
        try printOut(json ? object.line + "\n" : head + lines.map { $0 + "\n" }.joined())
      }
    }
  }
}

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Say that a coordinator's node never returns.",
    discussion: """
      Example: rpcv remove 63b17f9c

      The others take over what only its segments hold. A node that is removed though it lives \
      loses nothing, but has to go on under a new identity: stop it first.
      """)
  @OptionGroup var grid: GridFlags
  @Argument(help: "The node as `rpcv grid` shows it, or all 32 digits of its id.")
  var node: String
  @Flag(help: "Also a node that answers, or that nobody here has heard of.") var force = false

  func run() throws {
    try report { () throws(CommandError) in
      let response = try ask(grid, .remove(try chosen()))
      guard case .done(let text) = response.answer else { throw response.unexpected }
      try printOut(text + "\n")
    }
  }

  private func chosen() throws(CommandError) -> NodeID {
    guard node.count >= 8, node.allSatisfy(\.isHexDigit) else {
      throw CommandError(
        .usage, "'\(node)' is not a node's id: 8 to 32 hexadecimal digits (rpcv grid shows them)")
    }
    let response = try ask(grid, .grid)
    guard case .grid(let summary) = response.answer else { throw response.unexpected }
    let rows = summary.coordinators.filter { row in
      row.node.map { "\($0)".hasPrefix(node) } ?? false
    }
    guard rows.count < 2 else {
      throw CommandError(.usage, "'\(node)' begins the ids of \(rows.count) nodes: say more of it")
    }
    if let row = rows.first, let id = row.node {
      guard row.suspected || force else {
        throw CommandError(
          .usage,
          "\(row.address) answers: stop it first, or say --force if it is to go all the same")
      }
      return id
    }
    guard let id = ID128(node) else {
      throw CommandError(
        .usage, "no coordinator's node here begins with '\(node)' (rpcv grid lists them)")
    }
    guard force else {
      throw CommandError(
        .usage,
        "\(response.from) lists no node \(node): say --force if it is the right one "
          + "(another coordinator may have taken its address)")
    }
    return NodeID(id)
  }
}

// MARK: asking

private struct OperatorAnswer {
  var answer: OperatorResponse
  var from: String

  var unexpected: CommandError {
    if case .refused(let refusal) = answer {
      return CommandError(.failure, "\(from): \(refusal.text)")
    }
    return CommandError(.protocolMismatch, "\(from) answers what was not asked")
  }
}

private func ask(
  _ flags: GridFlags, _ request: OperatorRequest
) throws(CommandError) -> OperatorAnswer {
  let coordinators = try GridSettings(flags: flags.flags).requiredCoordinators()
  let (message, address) = try Asker().ask(coordinators, .operatorRequest(request))
  guard case .operatorResponse(let response) = message else {
    throw CommandError(.protocolMismatch, "\(address) answers what was not asked")
  }
  return OperatorAnswer(answer: response, from: address)
}

private func lines(_ rows: [JSON]) -> String { rows.map { $0.line + "\n" }.joined() }

func printOut(_ text: String) throws(CommandError) {
  do throws(FileSink.Failure) {
    try FileSink.standardOutput().write(Array(text.utf8))
  } catch {
    // Whoever read has seen enough: as with every program in a pipe.
    if error == .closedPipe { exit(141) }
    throw CommandError(.cannotWrite, "\(error)")
  }
}
