import LogStore
import RolesNode

/// Inputs on their way to a node's thread. Any thread posts; the node's thread takes all that is
/// there, so that one turn answers for all that gathered.
final class Mailbox: Sendable {
  private let inputs = Guarded<[NodeInput]>([])
  private let signal = Signal()

  func post(_ input: NodeInput) {
    let wakes = inputs.withLock { inputs in
      inputs.append(input)
      return inputs.count == 1
    }
    if wakes { signal.raise() }
  }

  func wake() { signal.raise() }

  /// All inputs; empty if `nanoseconds` of the monotonic clock came first.
  func take(until nanoseconds: UInt64?) -> [NodeInput] {
    let ready = swap()
    if !ready.isEmpty { return ready }
    _ = signal.wait(until: nanoseconds)
    return swap()
  }

  private func swap() -> [NodeInput] {
    inputs.withLock { inputs in
      defer { inputs = [] }
      return inputs
    }
  }
}
