import ReplicationCore

// Tells twins from restarts: every start of a client or server draws an incarnation. A late message
// of a dead start is nothing; one that goes on speaking after another took over is a twin. It owns
// the memory of the last few incarnations under one identity.

struct IncarnationWatch: Sendable {
  private var current: UInt64?
  private var since = Instant.zero
  private var superseded: [(incarnation: UInt64, returns: Int)] = []
  private var twinsUntil = Instant.zero

  enum Hearing: Hashable, Sendable {
    case first
    case same
    case twin
  }

  private static var remembered: Int { 4 }

  /// An incarnation of zero is none.
  mutating func hear(
    _ incarnation: UInt64, at now: Instant, settings: CoordinatorSettings
  ) -> Hearing {
    guard incarnation != 0 else { return .same }
    guard let known = current else {
      current = incarnation
      since = now
      return .first
    }
    if incarnation == known { return now < twinsUntil ? .twin : .same }
    if let place = superseded.firstIndex(where: { $0.incarnation == incarnation }) {
      guard now >= since + settings.twinAfter else { return .same }
      superseded[place].returns += 1
      guard superseded[place].returns > 1 else { return .same }
      twinsUntil = now + settings.twinMemory
      return .twin
    }
    superseded.append((known, 0))
    if superseded.count > Self.remembered { superseded.removeFirst() }
    current = incarnation
    since = now
    return .first
  }

  /// The one that took over last.
  func isCurrent(_ incarnation: UInt64) -> Bool { current == nil || incarnation == current }
}
