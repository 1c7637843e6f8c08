import LogStore

// What memory can give back to a disk: the records that stand in a part of one segment and nowhere
// else. It costs what the state weighs: for the rare case that this part is damaged.

extension Ledger {
  /// Every record that counts and whose only place here is in `segment`, at `ordinal` or behind.
  public func records(onlyIn segment: SegmentName, from ordinal: Ordinal) -> [Record] {
    var found: [Record] = []
    func add(_ kind: RecordKind, _ kept: Kept?) {
      guard let kept else { return }
      let evidence = segments.evidence(kept.holders)
      let isOnly = evidence.positions.allSatisfy {
        $0.segment == segment && $0.ordinal >= ordinal
      }
      if isOnly { found.append(Record(kind: kind, payload: kept.payload)) }
    }
    for node in removed.keys.sorted() { add(.removed, removed[node]) }
    for node in alive.keys.sorted() { add(.alive, alive[node]?.kept) }
    for name in sessionNames {
      guard let session = session(name) else { continue }
      add(.opened, session.opened)
      add(.opened, session.keeping)
      for item in session.releases.items { add(.released, item.kept) }
      session.calls.visit { _, versions in
        for version in versions {
          add(.submitted, version.submitted)
          add(.cancelled, version.cancelled)
          for collection in version.collections { add(.collected, collection.kept) }
          for task in version.tasks { add(task.phase.kind, task.kept) }
        }
        return true
      }
    }
    return found
  }
}
