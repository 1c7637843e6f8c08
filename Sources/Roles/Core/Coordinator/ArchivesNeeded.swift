import LogStore
import ReplicationCore

// Archives that calls name: a call is given out when its inputs are complete here, counts as
// accepted when they are durable, and its result is delivered when the archives of the result are
// complete. It owns who waits for which archive; fetching them is the shell's business.

extension Coordinator {
  func isHeld(_ id: ArchiveID) -> Bool { (archives[id] ?? .missing) >= .held }

  mutating func archive(_ id: ArchiveID, became state: ArchiveState) {
    let was = archives[id] ?? .missing
    archives[id] = state > .missing ? state : nil
    if was > .missing && state <= .missing {
      // Rot or an operator took it; rare, so the users are looked for.
      for key in calls.keys.sorted() where wantedArchives(of: key).contains(id) {
        archiveChanged(for: key)
      }
    } else {
      for key in archiveUsers[id]?.elements ?? [] { archiveChanged(for: key) }
    }
    if state == .lost { giveUp(id) }
  }

  private mutating func archiveChanged(for key: CallKey) {
    followArchives(of: key)
    updateDelivery(of: key)
    reconsider(key)
  }

  private func wantedArchives(of key: CallKey) -> [ArchiveID] {
    guard let track = calls[key] else { return [] }
    switch track.state {
    case .pending, .assigned, .exhausted: return track.inputs
    case .finished, .collected: return track.outputs
    case .cancelled, .released: return []
    }
  }

  /// Notes which archives a call lacks now, and asks for those that nobody asked for before.
  mutating func followArchives(of key: CallKey) {
    guard let track = calls[key] else { return }
    let wanted = wantedArchives(of: key)
    if wanted.isEmpty && track.missing.isEmpty && !track.blocksAcceptance { return }
    var missing: [ArchiveID] = []
    for id in wanted where (archives[id] ?? .missing) < .durable && !missing.contains(id) {
      missing.append(id)
    }
    for id in track.missing where !missing.contains(id) { removeUser(key, of: id) }
    for id in missing where !track.missing.contains(id) { addUser(key, of: id) }
    calls[key]?.missing = missing
    block(key, track.state < .finished && !missing.isEmpty)
  }

  mutating func stopFollowing(_ key: CallKey) {
    guard let track = calls[key] else { return }
    for id in track.missing { removeUser(key, of: id) }
    calls[key]?.missing = []
    block(key, false)
  }

  private mutating func block(_ key: CallKey, _ blocks: Bool) {
    guard let track = calls[key], track.blocksAcceptance != blocks else { return }
    calls[key]?.blocksAcceptance = blocks
    let place = SessionPlace(counter: key.call.counter, digest: key.digest)
    if blocks {
      sessions[key.call.session]?.blocked.insert(place)
    } else {
      sessions[key.call.session]?.blocked.remove(place)
    }
  }

  private mutating func addUser(_ key: CallKey, of id: ArchiveID) {
    if archiveUsers[id] == nil && !isHeld(id) { directives.append(.needArchive(id)) }
    archiveUsers[id, default: SortedSet()].insert(key)
  }

  private mutating func removeUser(_ key: CallKey, of id: ArchiveID) {
    archiveUsers[id]?.remove(key)
    guard archiveUsers[id]?.isEmpty == true else { return }
    archiveUsers[id] = nil
    if !isHeld(id) { directives.append(.archiveNotNeeded(id)) }
  }
}
