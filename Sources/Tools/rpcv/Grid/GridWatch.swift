import LogStore
import RolesShell

// Tells a person what a command waits for, if that is the grid itself: once when it begins and once
// when it is over. A command that was quiet for two seconds asks all coordinators, beside its work.

final class GridWatch: Sendable {
  private struct State {
    var lastNews = Signal.now()
    var lastAsked: UInt64 = 0
    var pause = GridWatch.quiet
    var isAsking = false
    var calls: UInt64 = 0
    var notice: WaitNotice
  }

  private static let quiet: UInt64 = 2_000_000_000
  private static let longestPause: UInt64 = 30_000_000_000

  private let addresses: [String]
  private let say: @Sendable (String) -> Void
  private let state: Guarded<State>
  let wantsServers: Bool

  /// `say` is called on another thread.
  init(
    _ addresses: [String], wantsServers: Bool,
    say: @escaping @Sendable (String) -> Void = { complain($0) }
  ) {
    self.addresses = addresses
    self.wantsServers = wantsServers
    self.say = say
    state = Guarded(State(notice: WaitNotice(addresses, wantsServers: wantsServers)))
  }

  /// Something came that was waited for.
  func heard() { state.withLock { $0.lastNews = Signal.now() } }

  /// To be called while waiting for `calls` calls; nil if that is as it was. `safety` says what
  /// Ctrl-C does.
  func look(calls: UInt64?, _ safety: String) {
    let now = Signal.now()
    let isDue = state.withLock { state in
      if let calls { state.calls = calls }
      let isQuiet = now - state.lastNews >= Self.quiet || state.notice.cause != .none
      guard isQuiet, !state.isAsking, now >= state.lastAsked + state.pause else { return false }
      state.isAsking = true
      return true
    }
    guard isDue else { return }
    GridSurvey.shared.start(addresses, timeout: .milliseconds(1500)) { [weak self] answers in
      self?.take(answers, safety)
    }
  }

  private func take(_ answers: [GridSurvey.Answer], _ safety: String) {
    let text = state.withLock { state in
      state.isAsking = false
      state.lastAsked = Signal.now()
      let text = state.notice.take(answers, calls: state.calls, safety)
      // While all is well the calls themselves take long: no need to ask often.
      let isFine = state.notice.cause == .none
      state.pause = isFine ? min(state.pause * 2, Self.longestPause) : Self.quiet
      return text
    }
    if let text { say(text) }
  }
}

/// What is said of the coordinators' answers: only what changed.
struct WaitNotice: Sendable {
  enum Cause: Equatable, Sendable { case none, silence, noServer }

  private(set) var cause = Cause.none
  private let addresses: [String]
  private let wantsServers: Bool

  init(_ addresses: [String], wantsServers: Bool) {
    self.addresses = addresses
    self.wantsServers = wantsServers
  }

  mutating func take(
    _ answers: [GridSurvey.Answer], calls: UInt64, _ safety: String
  ) -> String? {
    let before = cause
    let servers = answers.compactMap(\.view).flatMap(\.servers)
    if answers.allSatisfy({ $0.view == nil }) {
      cause = .silence
    } else if wantsServers, calls > 0, !servers.contains(where: { !$0.suspected }) {
      cause = .noServer
    } else {
      cause = .none
    }
    guard cause != before else { return nil }
    switch cause {
    case .silence:
      return
        "no coordinator answers at \(addresses.joined(separator: ", ")); keeps trying. \(safety)"
    case .noServer:
      let known = Set(servers.map(\.server)).count
      let lost =
        known == 0 ? "" : known == 1 ? " (one was, and is gone)" : " (\(known) were, and are gone)"
      return "\(calls) \(calls == 1 ? "call waits" : "calls wait"): no server is connected\(lost). "
        + safety
    case .none:
      return before == .silence ? "a coordinator answers again" : "a server is connected"
    }
  }
}
