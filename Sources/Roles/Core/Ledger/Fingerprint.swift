import LogStore

// One hash of all that the ledger knows, in a canonical order: equal for nodes that know the same
// facts, in whatever order and wherever they came. Evidence and hints are left out. It costs what
// the state weighs: for tests and for comparing nodes at rest.

extension Ledger {
  /// `countsAlive` false leaves out the Alive facts, which change while a grid is at rest.
  public func fingerprint(countsAlive: Bool = true) -> Hash256 {
    var hash = FieldHash("rpcv ledger 1")
    for name in sessionNames {
      guard let session = session(name) else { continue }
      hash.append(name.user.value)
      hash.append(name.session.value)
      session.append(to: &hash)
    }
    for node in removedNodes {
      hash.append(node.value)
      hash.append(removed[node]?.payload ?? [])
    }
    if countsAlive {
      for node in alive.keys.sorted() {
        hash.append(node.value)
        hash.append(alive[node]?.kept.payload ?? [])
      }
    }
    return hash.value
  }
}

extension SessionEntry {
  fileprivate func append(to hash: inout FieldHash) {
    hash.append(opened?.payload ?? [])
    hash.append(keeping?.payload ?? [])
    hash.append(userText)
    hash.append(sessionText)
    hash.append(mode.rawValue)
    hash.append(knownThrough.value)
    hash.append(UInt64(released.ranges.count))
    for range in released.ranges {
      hash.append(range.lowerBound.value)
      hash.append(range.upperBound.value)
    }
    hash.append(UInt64(releases.items.count))
    for release in releases.items.map({ Hash256.of($0.kept.payload) }).sorted() {
      hash.append(release)
    }
    for state in CallState.allCases { hash.append(count(of: state)) }
    calls.visit { counter, versions in
      hash.append(counter.value)
      hash.append(UInt64(versions.count))
      for version in versions { version.append(to: &hash) }
      return true
    }
  }
}

extension CallVersion {
  fileprivate func append(to hash: inout FieldHash) {
    hash.append(digest)
    hash.append(state.rawValue)
    hash.append(fixedResult)
    hash.append(resultRecord?.payload ?? [])
    hash.append(submitted?.payload ?? [])
    hash.append(cancelled?.payload ?? [])
    hash.append(UInt64(collections.count))
    for collection in collections {
      hash.append(collection.result)
      hash.append(collection.kept.payload)
    }
    hash.append(UInt64(tasks.count))
    for task in tasks {
      hash.append(task.name.node.value)
      hash.append(task.name.start.value)
      hash.append(task.name.counter)
      hash.append(UInt64(task.phase.rawValue))
      hash.append(task.record.payload)
    }
  }
}

extension FieldHash {
  fileprivate mutating func append(_ id: ID128) {
    append(id.high)
    append(id.low)
  }
}
