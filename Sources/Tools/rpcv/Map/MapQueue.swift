import LogStore
import RolesShell

/// News from the node's thread to the run's.
final class MapQueue: Sendable {
  enum Event: Sendable {
    case news(ClientNews)
    case note(String)
    case warning(String)
    /// For the person who waits, whenever it comes.
    case told(String)
    case end(NodeEnd)
  }

  private let events = Guarded<[Event]>([])
  private let signal = Signal()

  func put(_ event: Event) {
    events.withLock { $0.append(event) }
    signal.raise()
  }

  func wake() { signal.raise() }

  func take(until nanoseconds: UInt64) -> [Event] {
    let ready = swap()
    if !ready.isEmpty { return ready }
    _ = signal.wait(until: nanoseconds)
    return swap()
  }

  private func swap() -> [Event] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}
