import ArgumentParser
import LogStore
import RolesCore
import RolesShell

// `rpcv results`: what calls printed and how they ended, as often and from wherever it is asked.

struct ResultsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "results", abstract: "Print or save the results of calls.",
    discussion: """
      Examples:
        rpcv results night              what the calls printed, in their order
        rpcv results night/17 --json    one call, with its exit status, for a script
        rpcv results night --to out     out/1/stdout, out/1/stderr, out/1/exit and so on

      Results stay in the grid, for this and any other machine, until `rpcv release night`.
      It ends with 1 if a call of those that were asked for has no result (yet).
      """)
  @OptionGroup var grid: GridFlags
  @OptionGroup var client: ClientFlags
  @OptionGroup var target: TargetArguments
  @Option(help: "Write files into this directory instead of printing.") var to: String?
  @Flag(help: "Wait for all calls to end first.") var wait = false
  @Option(help: "Wait no longer than this, e.g. 10m.") var timeout: String?
  @Flag(help: "One JSON object a call and line.") var json = false

  func run() throws {
    let interrupts = Interrupts.install()
    try report { () throws(CommandError) in
      let settings = try client.settings(grid)
      let target = try target.resolved()
      let deadline = try deadline(timeout)
      if wait { _ = try WaitRun(settings, target, interrupts, deadline: deadline).run() }
      let printer: any ResultsOutput =
        if let to {
          ResultsFolder(Array(to.utf8), target.session, printsJSON: json)
        } else if json { ResultsJSON(target.session) } else { ResultsText(target.session) }
      try ResultsRun(settings, target, interrupts, deadline: deadline).run(printer)
    }
  }
}

/// Takes results out of the grid, in the order of the calls, and says afterwards that they were
/// seen, which fixes them.
final class ResultsRun {
  private let grid: GridSettings
  private let target: CallTarget
  private let interrupts: Interrupts
  private let view: SessionView
  private var waiting: [CallCounter: CallResult] = [:]
  private var isPaused = false

  init(
    _ grid: GridSettings, _ target: CallTarget, _ interrupts: Interrupts, deadline: UInt64?
  ) throws(CommandError) {
    self.grid = grid
    self.target = target
    self.interrupts = interrupts
    view = try SessionView(grid, session: target.session, interrupts, deadline: deadline)
  }

  func run(_ output: any ResultsOutput) throws(CommandError) {
    guard try view.summary() != nil else { throw view.unknown }
    let rows = try view.calls(target)
    let ready = rows.filter { $0.state == .finished || $0.state == .collected }
    if !ready.isEmpty { try fetch(Set(ready.map(\.call.counter)).sorted(), output) }
    try tellOthers(rows)
  }

  /// A log that this command made is removed: the collections are durable in the grid then.
  private func fetch(_ wanted: [CallCounter], _ output: any ResultsOutput) throws(CommandError) {
    let isOurs = !FileSink.exists(try grid.sessionDirectory(target.session))
    var options = SessionNode.Options()
    options.mayBorrow = true
    let node = try SessionNode(grid, session: target.session, options, interrupts)
    var isSafe = false
    defer { node.close(forgets: isOurs && isSafe) }
    node.tell(.attach(wantsResults: true))
    var rest = wanted[...]
    while let next = rest.first {
      if let result = waiting.removeValue(forKey: next) {
        do { try output.write(next, result) { try forEachChunk($0, node, $1) } } catch {
          throw commandError(error)
        }
        node.tell(.collect(next, result: result.hash))
        rest.removeFirst()
        continue
      }
      try take(node.news(until: Signal.now() + 200_000_000), rest)
      throttle(node)
      try view.checkTime()
      node.tellSilence("Results stay in the grid.")
    }
    isSafe = try settle(node)
  }

  private func take(_ news: [ClientNews], _ rest: ArraySlice<CallCounter>) {
    for item in news {
      guard case .result(let call, let finished, _) = item, let first = rest.first,
        call.counter >= first, target.contains(call.counter)
      else { continue }
      waiting[call.counter] = finished.result
    }
  }

  /// The grid gives results in the order of the calls, but for those that finish meanwhile.
  private func throttle(_ node: SessionNode) {
    guard waiting.count > 4096 || isPaused, waiting.count > 4096 || waiting.count < 1024 else {
      return
    }
    isPaused = waiting.count > 4096
    node.tell(.pauseResults(isPaused))
  }

  private func forEachChunk(
    _ blob: Blob, _ node: SessionNode, _ body: ([UInt8]) throws -> Void
  ) throws {
    switch blob {
    case .inline(let bytes): try body(bytes)
    case .archive(let id, let size):
      let interrupts = interrupts
      let download = ArchiveDownload(
        from: node.coordinators, isStopped: { interrupts.signal != nil })
      try download.forEachChunk(of: id, size: size, body)
    }
  }

  /// True if enough coordinators know what was collected.
  private func settle(_ node: SessionNode) throws(CommandError) -> Bool {
    let limit = Signal.now() + 5_000_000_000
    node.tell(.flush)
    while Signal.now() < limit, interrupts.signal == nil {
      _ = try node.news(until: Signal.now() + 100_000_000)
      if node.progress.isFlushing, node.progress.unsafeControls == 0 { return true }
    }
    return false
  }

  /// What has no result, in words on standard error.
  private func tellOthers(_ rows: [CallSummary]) throws(CommandError) {
    var states: [(String, UInt64)] = []
    func add(_ word: String, _ matches: (CallSummary) -> Bool) {
      let count = UInt64(rows.filter(matches).count)
      if count > 0 { states.append((word, count)) }
    }
    add("not finished") { $0.state == .pending || $0.state == .assigned }
    add("given up") { $0.state == .exhausted }
    add("cancelled") { $0.state == .cancelled }
    if let calls = target.calls {
      let listed = Set(rows.map(\.call.counter))
      let wanted = calls.reduce(UInt64(0)) { $0 + ($1.upperBound.value - $1.lowerBound.value) + 1 }
      let missing = wanted - UInt64(listed.count)
      if missing > 0 { states.append(("released or never submitted", missing)) }
    }
    if rows.isEmpty, target.calls == nil {
      throw CommandError(
        .failure, "session '\(target.session)' has no calls, or all are released")
    }
    guard !states.isEmpty else { return }
    let what = states.map { "\($1) \($0)" }.joined(separator: ", ")
    throw CommandError(.failure, "without a result: \(what) (`rpcv why` tells more)")
  }
}

/// An error of printing or fetching, with its status.
func commandError(_ error: any Error) -> CommandError {
  switch error {
  case let error as CommandError: error
  case let error as MapError: CommandError(error.status, "\(error)")
  case let error as FileSink.Failure: CommandError(.cannotWrite, "\(error)")
  default: CommandError(.inputOutput, "\(error)")
  }
}
