import LogStore
import ReplicationCore
import RolesCore
import RolesShell

// One submission: calls go to the client a bounded number at a time, and are named to the person
// when they are as safe as was asked for.

final class SubmitRun {
  /// How safe a call must be before it is named.
  enum Milestone {
    /// As the strategy says, in the log here.
    case logged
    /// Durable at a coordinator.
    case accepted
    /// Durable at as many nodes as `copies` says.
    case safe
  }

  private let grid: GridSettings
  private let session: String
  private let isNamed: Bool
  private let strategy: LoggingStrategy
  private let appends: Bool
  private let milestone: Milestone
  private let printsJSON: Bool
  private let interrupts: Interrupts
  private let programs = SentPrograms()

  private var made: UInt64 = 0
  private var returned: UInt64 = 0
  private var printed: UInt64 = 0
  /// Returned and not printed, in their order.
  private var waiting: [Client.Submission] = []
  private var old: UInt64 = 0
  private var released: UInt64 = 0
  private var over: [ClosedRange<CallCounter>] = []

  private static let window: UInt64 = 1000

  init(
    grid: GridSettings, session: String?, strategy: LoggingStrategy, appends: Bool,
    milestone: Milestone, printsJSON: Bool, interrupts: Interrupts
  ) {
    self.grid = grid
    var generator = SystemRandomNumberGenerator()
    self.session =
      session ?? "job-" + String(ID128.random(using: &generator).description.prefix(12))
    isNamed = session != nil
    self.strategy = strategy
    self.appends = appends
    self.milestone = milestone
    self.printsJSON = printsJSON
    self.interrupts = interrupts
  }

  func run(_ source: CommandSource, _ template: CallSpec) throws(CommandError) {
    guard !session.isEmpty else { throw CommandError(.usage, "--session: the name is empty") }
    try CallTarget.checkName(session)
    var options = SessionNode.Options()
    options.isNew = !isNamed
    options.strategy = strategy
    let node = try SessionNode(grid, session: session, options, interrupts)
    defer { node.close() }
    if appends { node.tell(.goOn) }
    do {
      try work(source, template, node)
    } catch let error as CommandError {
      throw error
    } catch let error as MapError {
      throw CommandError(error.status, "\(error)\(leftOver)")
    } catch FileSink.Failure.closedPipe {
      throw CommandError(.cannotWrite, "nobody reads the names any more\(leftOver)")
    } catch let error as FileSink.Failure {
      throw CommandError(.cannotWrite, "\(error)\(leftOver)")
    } catch { throw CommandError(.inputOutput, "\(error)\(leftOver)") }
  }

  private var leftOver: String {
    returned == 0 ? "" : "; \(returned) calls are in the log of this machine and safe"
  }

  private func work(_ source: CommandSource, _ template: CallSpec, _ node: SessionNode) throws {
    var source = source
    var isExhausted = false
    while !isExhausted || printed < made {
      while !isExhausted, made - printed < Self.window, interrupts.signal == nil {
        guard let words = try source.next() else {
          isExhausted = true
          break
        }
        var spec = template
        spec.arguments = words
        try programs.add(to: &spec, node.archives)
        made += 1
        node.tell(
          .submit(Client.Ticket(made), spec, wallTime: MonotonicClock.wallMilliseconds()))
      }
      if made == 0 { break }
      for news in try node.news(until: Signal.now() + 200_000_000) { try take(news) }
      try print(node.progress)
      if printed < made, milestone != .logged {
        node.tellSilence(
          appends && returned == 0
            ? "Calls are added to those that a coordinator knows, so one must answer first."
            : "The calls are safe in the log of this machine; Ctrl-C leaves them there.")
      }
      if interrupts.signal != nil { throw interrupted(node) }
    }
    if made == 0 { throw CommandError(.usage, "there is no command line to submit") }
    if old > 0 {
      complain("\(old) of \(made) calls were known to session '\(session)' already")
    }
    if released > 0 {
      throw CommandError(
        .failure,
        "\(released) of \(made) calls were released or cancelled before: they bring no result. "
          + "Use another session")
    }
  }

  private func take(_ news: ClientNews) throws {
    switch news {
    case .submitted(let ticket, let submission):
      returned = max(returned, ticket.value)
      waiting.append(submission)
      switch submission.known {
      case .new: break
      case .resumed, .collected: old += 1
      case .released, .cancelled: note([submission.call.counter...submission.call.counter])
      }
    case .released(let ranges): note(ranges)
    case .cancelled(let call): note([call.counter...call.counter])
    case .refused(_, .diverged(let divergence)), .diverged(let divergence):
      throw CommandError(.usage, "session '\(session)': \(divergence)")
    case .refused(_, .ended):
      throw CommandError(
        .usage, "session '\(session)' has ended (it was released); use another name")
    case .refused(_, let error): throw CommandError(.inputOutput, "\(error)\(leftOver)")
    default: break
    }
  }

  /// Of these no result will come, and no coordinator takes them.
  private func note(_ ranges: [ClosedRange<CallCounter>]) { over += ranges }

  private func isOver(_ call: CallName) -> Bool { over.contains { $0.contains(call.counter) } }

  private func print(_ progress: Client.Progress) throws {
    let isReached: (Client.Submission) -> Bool =
      switch milestone {
      case .logged: { _ in true }
      case .accepted: { $0.call.counter <= progress.acceptedThrough }
      case .safe: { $0.call.counter <= progress.safeThrough }
      }
    let reached = waiting.prefix { isReached($0) || isOver($0.call) }
    guard !reached.isEmpty else { return }
    released += UInt64(reached.count { isOver($0.call) })
    let text = reached.map { line($0) + "\n" }.joined()
    printed += UInt64(reached.count)
    waiting.removeFirst(reached.count)
    try FileSink.standardOutput().write(Array(text.utf8))
  }

  private func line(_ submission: Client.Submission) -> String {
    let counter = submission.call.counter
    guard printsJSON else { return "\(session)/\(counter)" }
    let word =
      switch submission.known {
      case .new: "new"
      case .resumed: "resumed"
      case .collected: "collected"
      case .cancelled: "cancelled"
      case .released: "released"
      }
    return JSON.object([
      ("session", .string(session)), ("call", .uint(counter.value)), ("known", .string(word)),
    ]).line
  }

  private func interrupted(_ node: SessionNode) -> CommandError {
    guard !appends || returned > 0 else {
      return CommandError(.interrupted, "interrupted before anything was submitted")
    }
    let how =
      appends
      ? "They go to the grid with `rpcv wait \(session)`"
      : "Go on with the same words and --session \(session), or with `rpcv wait \(session)`"
    return CommandError(
      .interrupted,
      "interrupted; \(made - printed) of \(made) calls are not known to be at a coordinator. They "
        + "are safe in \(node.directory). \(how)")
  }
}
