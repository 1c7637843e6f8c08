import ArgumentParser
import LogStore
import RolesCore

// The commands that ask a coordinator and print what it says: tables for people, --json for
// scripts.

struct GridCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grid", abstract: "Show coordinators, servers, ring, lag and suspicions.",
    discussion: "Example: rpcv grid --coordinators a:7070")
  @OptionGroup var grid: GridFlags
  @Flag(help: "One JSON object.") var json = false

  func run() throws {
    try report { () throws(CommandError) in
      let response = try ask(grid, .grid)
      guard case .grid(let summary) = response.answer else { throw response.unexpected }
      try out(json ? summary.json.line + "\n" : summary.text(from: response.from))
    }
  }
}

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show sessions and how far their calls are.",
    discussion: "Example: rpcv status --session night-run")
  @OptionGroup var grid: GridFlags
  @Option(help: "Only this session, call by call.") var session: String?
  @Option(help: "Whose session; default: you.") var user: String?
  @Flag(help: "One JSON object a line.") var json = false

  func run() throws {
    try report { () throws(CommandError) in
      guard let session else {
        let response = try ask(grid, .sessions(nil))
        guard case .sessions(let rows) = response.answer else { throw response.unexpected }
        try out(json ? lines(rows.map(\.json)) : SessionSummary.table(rows))
        return
      }
      let name = try sessionName(session, user: user, grid)
      let response = try ask(grid, .calls(name, from: CallCounter(1), limit: 10_000))
      guard case .calls(let rows) = response.answer else { throw response.unexpected }
      try out(json ? lines(rows.map(\.json)) : CallSummary.table(rows))
    }
  }
}

struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why", abstract: "Tell why a call is not running or not finished.",
    discussion: "Example: rpcv why --session night-run 17")
  @OptionGroup var grid: GridFlags
  @Option(help: "The call's session.") var session: String
  @Option(help: "Whose session; default: you.") var user: String?
  @Argument(help: "The call's number in its session.") var call: UInt64

  func run() throws {
    try report { () throws(CommandError) in
      let name = CallName(
        session: try sessionName(session, user: user, grid), counter: CallCounter(call))
      let response = try ask(grid, .why(name))
      guard case .why(let lines) = response.answer else { throw response.unexpected }
      try out(lines.map { $0 + "\n" }.joined())
    }
  }
}

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Say that a coordinator's node never returns.",
    discussion: "Example: rpcv remove 0123456789abcdef0123456789abcdef (ids: rpcv grid --json)")
  @OptionGroup var grid: GridFlags
  @Argument(help: "The node's id, 32 hexadecimal digits.") var node: String

  func run() throws {
    try report { () throws(CommandError) in
      guard let id = ID128(node) else {
        throw CommandError(.usage, "'\(node)' is not a node's id: 32 hexadecimal digits")
      }
      let response = try ask(grid, .remove(NodeID(id)))
      guard case .done(let text) = response.answer else { throw response.unexpected }
      try out(text + "\n")
    }
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

private func sessionName(
  _ session: String, user: String?, _ flags: GridFlags
) throws(CommandError) -> SessionName {
  var owner = user
  if owner == nil { owner = try GridSettings(flags: flags.flags).user }
  let user = owner ?? ""
  return SessionName(
    user: UserID(ID128(hashing: user)), session: SessionID(ID128(hashing: session)))
}

private func lines(_ rows: [JSON]) -> String { rows.map { $0.line + "\n" }.joined() }

private func out(_ text: String) throws(CommandError) {
  do throws(FileSink.Failure) {
    try FileSink.standardOutput().write(Array(text.utf8))
  } catch { throw CommandError(.cannotWrite, "\(error)") }
}
