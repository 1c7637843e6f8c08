import ArgumentParser
import LogStore
import RolesCore

// `rpcv wait`: until calls are finished. The truth is what a coordinator says; a log of the session
// on this machine is brought to the grid first.

struct WaitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until calls are finished.",
    discussion: """
      Example: rpcv wait night && rpcv results night --to out

      It ends with 0 if all calls ended with exit status 0, with 1 if one did not, was given
      up or was cancelled, and with 75 if --timeout came first.
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
      let run = try WaitRun(
        client.settings(grid), target, interrupts, deadline: try deadline(timeout))
      let tally = try run.run()
      try printOut(
        json ? tally.json(target.session).line + "\n" : tally.text(target.session) + "\n")
      if tally.hasBad { throw CommandError(.failure, tally.trouble) }
    }
  }
}

func deadline(_ timeout: String?) throws(CommandError) -> UInt64? {
  guard let timeout else { return nil }
  do throws(ParseError) {
    let span = try Duration(parsing: timeout, bareUnit: .seconds(1))
    return Signal.now() + UInt64(clamping: span.wholeNanoseconds)
  } catch { throw CommandError(.usage, "--timeout: \(error)") }
}

final class WaitRun {
  private let grid: GridSettings
  private let target: CallTarget
  private let interrupts: Interrupts
  private let view: SessionView
  /// No other process was at work in the session's directory.
  private var isOurs = false
  /// Calls of the session, as last heard.
  private var unfinished: UInt64 = 0

  init(
    _ grid: GridSettings, _ target: CallTarget, _ interrupts: Interrupts, deadline: UInt64?
  ) throws(CommandError) {
    self.grid = grid
    self.target = target
    self.interrupts = interrupts
    view = try SessionView(
      grid, session: target.session, interrupts, deadline: deadline, wantsServers: true)
  }

  /// Returns when nothing of the target is pending or running.
  func run() throws(CommandError) -> CallTally {
    let logged = try ship()
    var pause = Duration.milliseconds(20)
    while true {
      if let tally = try tallyIfOver(logged) { return tally }
      view.watch.look(calls: unfinished, "Ctrl-C ends the waiting; the calls stay in the grid.")
      view.pause(pause)
      try view.checkTime()
      pause = min(pause * 2, .milliseconds(500))
    }
  }

  /// Brings what the log on this machine holds to the grid; how many calls the session has then.
  private func ship() throws(CommandError) -> UInt64 {
    guard FileSink.exists(try grid.sessionDirectory(target.session)) else { return 0 }
    let node: SessionNode
    do throws(CommandError) {
      node = try SessionNode(grid, session: target.session, SessionNode.Options(), interrupts)
    } catch {
      // Whoever is at work there brings it.
      if error.status == .inUse { return 0 }
      throw error
    }
    defer { node.close() }
    isOurs = grid.settings.text(.directory) == nil
    node.tell(.attach(wantsResults: false))
    while true {
      for news in try node.news(until: Signal.now() + 200_000_000) {
        if case .attached(let through) = news { return through.value }
      }
      try view.checkTime()
      node.tellSilence("Ctrl-C ends the waiting; the calls are safe in the log of this machine.")
    }
  }

  private func note(_ count: UInt64) {
    if count != unfinished { view.watch.heard() }
    unfinished = count
  }

  /// The log of an ended session says nothing any more.
  private func forget() {
    guard isOurs, let directory = try? grid.sessionDirectory(target.session) else { return }
    RemovedSession.remove(directory)
    isOurs = false
  }

  private func tallyIfOver(_ logged: UInt64) throws(CommandError) -> CallTally? {
    guard let summary = try view.summary() else {
      if logged > 0 { return nil }
      throw view.unknown
    }
    note(summary.pending + summary.assigned)
    guard let calls = target.calls else {
      if summary.isEnded { forget() }
      guard summary.pending == 0, summary.assigned == 0, summary.total >= logged else { return nil }
      return CallTally(try view.calls(target), released: summary.released)
    }
    let rows = try view.calls(target)
    if rows.contains(where: { $0.state == .pending || $0.state == .assigned }) { return nil }
    // What isn't listed is released, or was never submitted.
    let listed = Set(rows.map(\.call.counter)).count
    let wanted = calls.reduce(UInt64(0)) { sum, range in
      sum + (range.upperBound.value - range.lowerBound.value) + 1
    }
    let missing = wanted - UInt64(listed)
    if missing > 0, let last = calls.last?.upperBound, last.value > summary.total {
      throw CommandError(
        .failure,
        "session '\(target.session)' has no call \(last): it has \(summary.total) so far")
    }
    return CallTally(rows, released: missing)
  }
}

extension SessionSummary {
  /// Calls that were ever submitted, as far as is known.
  var total: UInt64 {
    [pending, assigned, finished, failed, cancelled, collected, released].reduce(0) {
      let (sum, over) = $0.addingReportingOverflow($1)
      return over ? .max : sum
    }
  }

  /// Nothing of it will be asked for again.
  var isEnded: Bool { released >= CallCounter.greatest.value }
}

/// How calls ended, counted.
struct CallTally: Equatable, Sendable {
  var succeeded: UInt64 = 0
  /// With another exit status, or by a signal.
  var failed: UInt64 = 0
  /// The machines failed them too often.
  var givenUp: UInt64 = 0
  var cancelled: UInt64 = 0
  var released: UInt64 = 0
  var unfinished: UInt64 = 0

  init(_ rows: [CallSummary], released: UInt64) {
    self.released = released
    for row in rows {
      switch row.state {
      case .pending, .assigned: unfinished += 1
      case .exhausted: givenUp += 1
      case .cancelled: cancelled += 1
      case .released: self.released += 1
      case .finished, .collected:
        if row.exitStatus == 0, row.signal == 0 { succeeded += 1 } else { failed += 1 }
      }
    }
  }

  var hasBad: Bool { failed + givenUp + cancelled + unfinished > 0 }

  /// What `hasBad` found, in words.
  var trouble: String {
    if failed + givenUp + unfinished > 0 { return "not all calls ended well" }
    return cancelled == 1
      ? "a call was cancelled: no result comes" : "calls were cancelled: no results come"
  }

  var isEnded: Bool { released >= CallCounter.greatest.value }

  func text(_ session: String) -> String {
    if isEnded { return "\(session): the session has ended" }
    var parts: [String] = []
    func add(_ count: UInt64, _ what: String) { if count > 0 { parts.append("\(count) \(what)") } }
    add(succeeded, "succeeded")
    add(failed, "ended with a failure")
    add(givenUp, "given up")
    add(cancelled, "cancelled")
    add(unfinished, "not finished")
    add(released, "released or cancelled before")
    return "\(session): " + (parts.isEmpty ? "no calls" : parts.joined(separator: ", "))
  }

  func json(_ session: String) -> JSON {
    .object([
      ("session", .string(session)), ("succeeded", .uint(succeeded)), ("failed", .uint(failed)),
      ("givenUp", .uint(givenUp)), ("cancelled", .uint(cancelled)),
      ("unfinished", .uint(unfinished)), ("released", isEnded ? .null : .uint(released)),
      ("ended", .bool(isEnded)),
    ])
  }
}
