import LogStore
import ReplicationCore

// What a record means to this node: whether it must be appended, where it is held, and whether it
// may ever matter again.

/// How a record stands to what the ledger knows.
public enum Standing: Hashable, Sendable {
  /// It says something that isn't known: append it.
  case new
  /// Held, byte for byte.
  case held(Evidence)
  /// Another record that is held says the same or more, so that this one need not be appended. Who
  /// asks whether it is safe is answered by that one's evidence.
  case superseded(Evidence)
  /// The call is released; with the evidence of a Released record that says so.
  case released(Evidence)
  /// Of a kind that this version doesn't know.
  case unknownKind
  case unreadable(ProtoError)
}

extension Ledger {
  /// Where a byte-identical record is held, if it still counts for anything.
  public func holds(_ record: Record) -> Evidence? {
    if case .held(let evidence) = standing(of: record) { return evidence }
    return nil
  }

  public func standing(of record: Record) -> Standing {
    do throws(ProtoError) {
      guard let fact = try Fact.decode(record) else { return .unknownKind }
      return standing(of: fact, record.payload)
    } catch {
      return .unreadable(error)
    }
  }

  private func standing(of fact: Fact, _ payload: [UInt8]) -> Standing {
    switch fact {
    case .submitted(let fact):
      return standing(of: fact.call, fact.digest) { $0.submitted }
        .against(payload, segments)
    case .assigned(let fact):
      return standing(of: TaskFact(fact), fact.call, fact.digest, payload)
    case .finished(let fact):
      return standing(of: TaskFact(fact), fact.call, fact.digest, payload)
    case .failed(let fact):
      return standing(of: TaskFact(fact), fact.call, fact.digest, payload)
    case .lost(let fact):
      return standing(of: TaskFact(fact), fact.call, fact.digest, payload)
    case .cancelled(let fact):
      return standing(of: fact.call, fact.digest) { $0.cancelled }
        .against(payload, segments)
    case .collected(let fact):
      return standing(of: fact.call, fact.digest) { version in
        version.collections.first { $0.result == fact.result }?.kept
      }.against(payload, segments)
    case .opened(let fact):
      guard let entry = session(fact.session), let opened = entry.opened else { return .new }
      if opened.payload == payload { return .held(segments.evidence(opened.holders)) }
      guard fact.mode == .keep else { return .superseded(segments.evidence(opened.holders)) }
      return Known.by(entry.keeping).against(payload, segments)
    case .released(let fact):
      guard let entry = session(fact.session),
        let index = entry.releases.cover(of: CounterSet(fact.ranges))
      else { return .new }
      return Known.by(entry.releases.items[index].kept).against(payload, segments)
    case .removed(let fact): return Known.by(removed[fact.node]).against(payload, segments)
    case .alive(let fact):
      guard let known = alive[fact.node], known.count >= fact.count else { return .new }
      return Known.by(known.kept).against(payload, segments)
    }
  }

  /// What is known of a fact: nothing, the record that counts for it, or that its call is released.
  private enum Known {
    case nothing
    case kept(Kept)
    case released(Standing)

    static func by(_ kept: Kept?) -> Known { kept.map { .kept($0) } ?? .nothing }

    func against(_ payload: [UInt8], _ segments: SegmentTable) -> Standing {
      switch self {
      case .nothing: return .new
      case .released(let standing): return standing
      case .kept(let kept):
        let evidence = segments.evidence(kept.holders)
        return kept.payload == payload ? .held(evidence) : .superseded(evidence)
      }
    }
  }

  private func standing(
    of call: CallName, _ digest: Digest, _ find: (CallVersion) -> Kept?
  ) -> Known {
    guard let entry = session(call.session) else { return .nothing }
    if entry.released.contains(call.counter) {
      return .released(releaseStanding(entry, call.counter))
    }
    guard let version = version(of: call, digest: digest) else { return .nothing }
    return .by(find(version))
  }

  /// The Released record of the least sequence that covers a released counter.
  private func releaseStanding(_ entry: SessionEntry, _ counter: CallCounter) -> Standing {
    var best: Evidence?
    for item in entry.releases.items where item.ranges.contains(counter) {
      let evidence = segments.evidence(item.kept.holders)
      if best.map({ evidence.sequence < $0.sequence }) ?? true { best = evidence }
    }
    return best.map { .released($0) } ?? .new
  }

  private func standing(
    of fact: TaskFact, _ call: CallName, _ digest: Digest, _ payload: [UInt8]
  ) -> Standing {
    standing(of: call, digest) { version in
      if fact.phase < .finished, let cancelled = version.cancelled { return cancelled }
      guard let task = version.task(fact.name), task.phase >= fact.phase else { return nil }
      // Two results of one task: the lesser record counts, so it must be known.
      if task.phase == .finished, fact.phase == .finished, task.result != fact.result,
        precedes(payload, task.kept.payload)
      {
        return nil
      }
      return task.kept
    }.against(payload, segments)
  }

  /// Whether no fact that may still arrive can make this record matter: the last column of DESIGN's
  /// table, and nothing else. What can't be read and what this version doesn't know lives.
  public func isDeadForEver(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    let key: RecordKey?
    do throws(ProtoError) { key = try RecordKey.scan(kind, payload) } catch { return false }
    guard let key else { return false }
    if let call = key.call, isReleased(call) { return true }
    switch key {
    case .task(let task, let call, let digest):
      guard let version = version(of: call, digest: digest) else { return false }
      if bugs.contains(.deadNowIsDead) && isDeadNow(kind, task, version) { return true }
      return isDead(kind, version.task(task)?.phase, version)
    case .released(let session, let ranges):
      return self.session(session)?.releases.coversForEver(ranges, payload) ?? false
    case .alive(let node, let count): return (alive[node]?.count ?? 0) > count
    case .submitted, .cancelled, .collected, .permanent: return false
    }
  }

  private func isDead(
    _ kind: RecordKind, _ phase: TaskEntry.Phase?, _ version: CallVersion
  ) -> Bool {
    switch kind {
    case .assigned: version.isCancelled || (phase ?? .assigned) > .assigned
    case .failed: version.isCancelled || (phase ?? .assigned) > .failed
    case .finished: phase == .lost
    default: false
    }
  }

  /// Planted bug B22: what doesn't matter to the state now, as if nothing could be lost later.
  private func isDeadNow(_ kind: RecordKind, _ task: TaskName, _ version: CallVersion) -> Bool {
    guard let best = version.resultTask, version.state >= .finished else { return false }
    return kind != .lost && best.name != task
  }
}
