// What of this session's records the client's own log may forget. Asked by the log's cleaning, in
// which a doubt means: keep.

import LogStore
import ReplicationCore

extension Client {
  /// Dead are calls whose release is durable at enough nodes, releases that a later one covers,
  /// and everything of a session whose release of all is safe. Other sessions are not judged.
  public func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    let fact: Fact?
    do throws(ProtoError) {
      fact = try Fact.decode(Record(kind: kind, payload: [UInt8](payload)))
    } catch {
      return false
    }
    switch fact {
    case .submitted(let value): return isDead(value.call)
    case .assigned(let value): return isDead(value.call)
    case .finished(let value): return isDead(value.call)
    case .failed(let value): return isDead(value.call)
    case .lost(let value): return isDead(value.call)
    case .cancelled(let value): return isDead(value.call)
    case .collected(let value): return isDead(value.call)
    case .opened(let value): return value.session == settings.session && isForgettable
    case .released(let value):
      guard value.session == settings.session else { return false }
      return isForgettable || releases.isCovered(CounterRanges(value.ranges))
    case .removed, .alive, nil: return false
    }
  }

  private func isDead(_ call: CallName) -> Bool {
    call.session == settings.session && releases.safe.contains(call.counter)
  }

  /// The release of all is safe: coordinators keep it for ever, this log need not.
  private var isForgettable: Bool {
    releases.safe.covers(CallCounter(1)...CallCounter.greatest)
  }
}
