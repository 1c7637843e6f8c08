import LogStore
import ReplicationCore

// What is asked of the ledger beside single calls: sessions, contiguity, nodes.

extension Ledger {
  // MARK: Sessions

  /// Calls of a session that are not released, in ascending order from a counter on; `body` returns
  /// false to stop.
  public func forEachCall(
    of session: SessionName, from counter: CallCounter = .zero, _ body: (CallEntry) -> Bool
  ) {
    self.session(session)?.calls.visit(from: counter) { counter, versions in
      body(CallEntry(call: CallName(session: session, counter: counter), versions: versions))
    }
  }

  public func calls(
    of session: SessionName, from counter: CallCounter = .zero, limit: Int = .max
  ) -> [CallEntry] {
    var calls: [CallEntry] = []
    guard limit > 0 else { return calls }
    forEachCall(of: session, from: counter) {
      calls.append($0)
      return calls.count < limit
    }
    return calls
  }

  /// The greatest n, from `counter` on, so that every counter above `counter` to n is known as
  /// Submitted, Collected or Released, with evidence that satisfies `isHeld`. Where acceptance
  /// stopped last time is a good `counter`: then each call is looked at once. `isHeld` gets the
  /// version that the evidence is of (archives may be asked for), none for Released.
  public func contiguous(
    in session: SessionName, after counter: CallCounter,
    where isHeld: (CallCounter, CallVersion?, Evidence) -> Bool
  ) -> CallCounter {
    guard let entry = self.session(session) else { return counter }
    var through = counter
    while through < entry.knownThrough {
      let next = through.next
      if let range = entry.released.range(containing: next) {
        guard let end = releasedThrough(entry, next, isHeld) else { return through }
        through = min(end, range.upperBound)
        continue
      }
      let isKnown = entry.calls[next]?.contains { version in
        if let kept = version.submitted, isHeld(next, version, segments.evidence(kept.holders)) {
          return true
        }
        return version.collections.contains {
          isHeld(next, version, segments.evidence($0.kept.holders))
        }
      }
      guard isKnown == true else { return through }
      through = next
    }
    return through
  }

  /// The end of the range of one held Released record that a released counter stands in.
  private func releasedThrough(
    _ entry: SessionEntry, _ counter: CallCounter,
    _ isHeld: (CallCounter, CallVersion?, Evidence) -> Bool
  ) -> CallCounter? {
    for item in entry.releases.items {
      guard let range = item.ranges.range(containing: counter) else { continue }
      if isHeld(counter, nil, segments.evidence(item.kept.holders)) { return range.upperBound }
    }
    return nil
  }

  /// Archives that any call which is not released names: inputs and results. Looks at every call.
  public var namedArchives: Set<ArchiveID> {
    var named: Set<ArchiveID> = []
    for name in sessionNames {
      forEachCall(of: name) { entry in
        for version in entry.versions {
          if let submission = version.submission { named.formUnion(submission.spec.archives) }
          for task in version.tasks where task.phase == .finished {
            guard case .finished(let finished)? = try? Fact.decode(task.record) else { continue }
            named.formUnion(finished.result.archives)
          }
        }
        return true
      }
    }
    return named
  }

  // MARK: Nodes

  /// Nodes that the operator removed, ascending.
  public var removedNodes: [NodeID] { removed.keys.sorted() }

  public func isRemoved(_ node: NodeID) -> Bool { removed[node] != nil }

  /// The greatest Alive of a node.
  public func aliveCount(of node: NodeID) -> UInt64? { alive[node]?.count }
}
