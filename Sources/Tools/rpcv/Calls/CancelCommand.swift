import ArgumentParser
import LogStore
import RolesCore

// `rpcv cancel` and `rpcv release`: what is said about calls from outside the program that made
// them. Both are records in a log of this machine first, and return when coordinators hold them.

struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Cancel calls, or all calls of a session.",
    discussion: """
      Examples:
        rpcv cancel night/3-7
        rpcv cancel night

      Running commands are killed. Results that nobody has taken are dropped; calls whose
      result was taken stay as they are.
      """)
  @OptionGroup var grid: GridFlags
  @OptionGroup var client: ClientFlags
  @OptionGroup var target: TargetArguments
  @Option(help: "Wait no longer than this, e.g. 10m.") var timeout: String?
  @Flag(help: "One JSON object.") var json = false

  func run() throws {
    let interrupts = Interrupts.install()
    try report { () throws(CommandError) in
      let target = try target.resolved()
      let run = ControlRun(
        try client.settings(grid), target, interrupts, deadline: try deadline(timeout))
      let rows = try run.rows()
      if case .some = target.calls, rows.isEmpty { throw run.nothing }
      let open = rows.filter { $0.state < .cancelled }.map(\.call.counter)
      let isSafe = try run.run(isOver: open.isEmpty && target.calls != nil) { node in
        guard target.calls != nil else { return node.tell(.cancelAll) }
        for counter in Set(open).sorted() { node.tell(.cancel(counter)) }
      }
      let over = rows.count - open.count
      let object = JSON.object([
        ("session", .string(target.session)), ("cancelled", .uint(UInt64(open.count))),
        ("untouched", .uint(UInt64(over))), ("safe", .bool(isSafe)),
      ])
      let rest = over > 0 ? "; \(over) were cancelled or taken before" : ""
      try printOut(
        json ? object.line + "\n" : "\(target.session): \(open.count) cancelled\(rest)\n")
    }
  }
}

struct ReleaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "release", abstract: "Say that results are not needed any more.",
    discussion: """
      Examples:
        rpcv release night/1-100
        rpcv release night

      The grid forgets the calls and their results. Releasing a whole session ends it for
      ever: its name takes no further call. What still runs is cancelled.

      With no coordinator configured it deletes a session of `rpcv map` from this machine
      (`rpcv status` lists them); the name is free again.
      """)
  @OptionGroup var grid: GridFlags
  @OptionGroup var client: ClientFlags
  @OptionGroup var target: TargetArguments
  @Option(help: "Wait no longer than this, e.g. 10m.") var timeout: String?
  @Flag(help: "One JSON object.") var json = false

  func run() throws {
    let interrupts = Interrupts.install()
    try report { () throws(CommandError) in
      let target = try target.resolved()
      let settings = try client.settings(grid)
      if target.calls == nil, try settings.coordinators().isEmpty {
        return try deleteEmbedded(target.session, settings)
      }
      let run = ControlRun(settings, target, interrupts, deadline: try deadline(timeout))
      _ = try run.rows()
      let isSafe = try run.run(endsSession: target.calls == nil) { node in
        if let calls = target.calls { node.tell(.release(calls)) } else { node.tell(.endSession) }
      }
      let object = JSON.object([
        ("session", .string(target.session)), ("ended", .bool(target.calls == nil)),
        ("safe", .bool(isSafe)),
      ])
      let text = target.calls == nil ? "the session has ended" : "released"
      try printOut(json ? object.line + "\n" : "\(target.session): \(text)\n")
    }
  }

  private func deleteEmbedded(
    _ session: String, _ settings: GridSettings
  ) throws(CommandError) {
    guard try EmbeddedSession.delete(settings.sessionDirectory(session), named: session) else {
      throw EmbeddedSession.unknown(session)
    }
    let object = JSON.object([("session", .string(session)), ("deleted", .bool(true))])
    try printOut(json ? object.line + "\n" : "\(session): deleted\n")
  }
}

/// Says something about calls and waits until the grid holds it.
final class ControlRun {
  private let grid: GridSettings
  private let target: CallTarget
  private let interrupts: Interrupts
  private let deadline: UInt64?

  init(
    _ grid: GridSettings, _ target: CallTarget, _ interrupts: Interrupts, deadline: UInt64?
  ) {
    self.deadline = deadline
    self.grid = grid
    self.target = target
    self.interrupts = interrupts
  }

  /// The calls of the target that the grid knows. A log on this machine may hold more.
  func rows() throws(CommandError) -> [CallSummary] {
    let view = try SessionView(grid, session: target.session, interrupts, deadline: deadline)
    guard try view.summary() != nil else {
      if FileSink.exists(try grid.sessionDirectory(target.session)) { return [] }
      throw view.unknown
    }
    return try view.calls(target)
  }

  var nothing: CommandError {
    CommandError(
      .failure, "session '\(target.session)' has no such call, or it is released")
  }

  /// True if enough coordinators hold it (`copies`). Throws if none does.
  func run(
    isOver: Bool = false, endsSession: Bool = false, _ say: (SessionNode) -> Void
  ) throws(CommandError) -> Bool {
    if isOver { return true }
    let isOurs = !FileSink.exists(try grid.sessionDirectory(target.session))
    var options = SessionNode.Options()
    options.mayBorrow = true
    let node = try SessionNode(grid, session: target.session, options, interrupts)
    var isSafe = false
    defer { node.close(forgets: isSafe && (isOurs || endsSession)) }
    node.tell(.attach(wantsResults: false))
    try waitForCalls(node)
    say(node)
    isSafe = try settle(node, endsSession)
    return isSafe
  }

  /// Until the client knows the session's calls.
  private func waitForCalls(_ node: SessionNode) throws(CommandError) {
    while true {
      for news in try node.news(until: Signal.now() + 200_000_000) {
        if case .attached = news { return }
      }
      node.tellSilence("Nothing was said yet.")
      if interrupts.signal != nil {
        throw CommandError(.interrupted, "interrupted before anything was said")
      }
      if isLate { throw CommandError(.timedOut, "the time ended before anything was said") }
    }
  }

  private var isLate: Bool { deadline.map { Signal.now() >= $0 } ?? false }

  /// Held at least; safe if that comes within seconds.
  private func settle(_ node: SessionNode, _ endsSession: Bool) throws(CommandError) -> Bool {
    node.tell(.flush)
    var limit: UInt64?
    while true {
      _ = try node.news(until: Signal.now() + 200_000_000)
      let progress = node.progress
      let isAllSafe = progress.isFlushing && progress.unsafeControls == 0
      if endsSession ? progress.isEnded : isAllSafe { return true }
      let isHeld = progress.isFlushing && progress.unheldControls == 0
      limit = isHeld ? limit ?? Signal.now() + 5_000_000_000 : nil
      if let limit, Signal.now() > limit { return false }
      node.tellSilence("It is said in the log of this machine.")
      if interrupts.signal != nil || isLate {
        throw CommandError(
          isLate ? .timedOut : .interrupted,
          "\(isLate ? "the time given with --timeout ended" : "interrupted"); it is said in "
            + "\(node.directory), and goes to the grid with the next command on this session")
      }
    }
  }
}
