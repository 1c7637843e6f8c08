import LogStore
import RolesCore
import RolesShell

// What coordinators say about one session: asked as an operator asks, so it needs no log of its
// own. It keeps asking while nobody answers, and tells a person so.

final class SessionView {
  let name: SessionName
  let session: String
  private let coordinators: [String]
  private let asker: Asker
  private let interrupts: Interrupts
  private let deadline: UInt64?
  let watch: GridWatch

  init(
    _ grid: GridSettings, session: String, _ interrupts: Interrupts, deadline: UInt64? = nil,
    wantsServers: Bool = false
  ) throws(CommandError) {
    self.session = session
    name = grid.sessionName(session)
    coordinators = try grid.requiredCoordinators()
    let watch = GridWatch(coordinators, wantsServers: wantsServers)
    self.watch = watch
    asker = Asker {
      // A coordinator that swallows the question is silent too.
      watch.look(calls: nil, Self.safety)
      return interrupts.signal != nil
    }
    self.interrupts = interrupts
    self.deadline = deadline
  }

  /// Nil if the session is unknown to all that answer.
  func summary() throws(CommandError) -> SessionSummary? {
    guard case .sessions(let rows)? = try ask(.sessions(name)) else { return nil }
    return rows.first
  }

  /// Those of the target, in order, a page at a time.
  func calls(_ target: CallTarget) throws(CommandError) -> [CallSummary] {
    var rows: [CallSummary] = []
    for range in target.calls ?? [CallCounter(1)...CallCounter.greatest] {
      var from = range.lowerBound
      while true {
        guard case .calls(let page)? = try ask(.calls(name, from: from, limit: Self.page)),
          let last = page.last?.call.counter
        else { break }
        rows += page.filter { range.contains($0.call.counter) }
        guard last < range.upperBound else { break }
        from = last.next
      }
    }
    return rows
  }

  private static let page: UInt64 = 5000
  private static let safety = "Ctrl-C ends the waiting, and nothing else."

  /// Nil if those that answer don't know the session. Asks until one answers.
  private func ask(_ request: OperatorRequest) throws(CommandError) -> OperatorResponse? {
    while true {
      var hasAnswer = false
      for address in coordinators {
        do throws(CommandError) {
          let (answer, _) = try asker.ask([address], .operatorRequest(request))
          guard case .operatorResponse(let response) = answer else {
            throw CommandError(.protocolMismatch, "\(address) answers what was not asked")
          }
          if case .refused(let refusal) = response, refusal.code == .catchingUp { continue }
          hasAnswer = true
          guard case .refused(let refusal) = response else {
            // What calls wait for is told by whoever counts them.
            if !watch.wantsServers { watch.heard() }
            return response
          }
          guard refusal.code == .notFound else {
            throw CommandError(.failure, "\(address): \(refusal.text)")
          }
        } catch {
          guard error.status == .unreachable else { throw error }
        }
        try checkTime()
      }
      if hasAnswer { return nil }
      for _ in 0..<5 {
        watch.look(calls: nil, Self.safety)
        try checkTime()
        pause(.milliseconds(100))
      }
    }
  }

  func checkTime() throws(CommandError) {
    if interrupts.signal != nil { throw CommandError(.interrupted, "interrupted") }
    if let deadline, Signal.now() >= deadline {
      throw CommandError(.timedOut, "the time given with --timeout ended first")
    }
  }

  var unknown: CommandError {
    CommandError(.failure, "no session '\(session)' is known to the grid")
  }

  private let never = Signal()

  /// Asked again after a while.
  func pause(_ span: Duration) {
    _ = never.wait(until: Signal.now() + UInt64(span / .nanoseconds(1)))
  }
}
