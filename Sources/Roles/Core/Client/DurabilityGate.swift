// What may be said only when the log is durable waits here. A `Durable` can be made in this file
// only, by a gate that was told `.persisted`: a core that needs one can't speak too early.

import DequeModule
import LogStore

/// Proof that this node's log is durable up to `sequence`.
public struct Durable: Hashable, Sendable {
  public let sequence: LogSequence
  fileprivate init(_ sequence: LogSequence) { self.sequence = sequence }
}

struct DurabilityGate<Element: Sendable>: Sendable {
  private struct Waiting: Sendable {
    var sequence: LogSequence
    var element: Element
  }

  /// What was recovered has sequence zero: the engine synced it before it delivered it.
  private(set) var durableThrough = LogSequence.zero
  private var waiting: Deque<Waiting> = []

  /// In the order of the log; one that is held out of order only waits longer.
  mutating func hold(_ element: Element, until sequence: LogSequence) {
    waiting.append(Waiting(sequence: sequence, element: element))
  }

  mutating func persisted(through sequence: LogSequence) {
    durableThrough = max(durableThrough, sequence)
  }

  /// The next element whose record is durable, with the proof.
  mutating func next() -> (element: Element, proof: Durable)? {
    guard let first = waiting.first, let proof = proof(of: first.sequence) else { return nil }
    waiting.removeFirst()
    return (first.element, proof)
  }

  func proof(of sequence: LogSequence) -> Durable? {
    sequence <= durableThrough ? Durable(sequence) : nil
  }

  var isEmpty: Bool { waiting.isEmpty }
}
