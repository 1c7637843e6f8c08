import LogStore
import ReplicationCore

// Archives that calls name: a call is given out when its inputs are complete here, counts as
// accepted when they are durable, and its result is delivered when the archives of the result are
// complete. It owns which calls want which archive, and what the shell said of those; of archives
// that no call wants nothing is remembered. Fetching is the shell's business.

extension Coordinator {
  func isHeld(_ id: ArchiveID) -> Bool { (archives[id] ?? .missing) >= .held }
  func isDurable(_ id: ArchiveID) -> Bool { (archives[id] ?? .missing) >= .durable }

  func isSafe(_ id: ArchiveID) -> Bool {
    copies == 1 ? isDurable(id) : (archives[id] ?? .missing) >= .safe
  }

  mutating func archive(_ id: ArchiveID, became state: ArchiveState) {
    guard let users = archiveUsers[id] else { return }
    let was = archives[id] ?? .missing
    archives[id] = state
    let matters = (was >= .held) != (state >= .held) || (was >= .durable) != (state >= .durable)
    if matters {
      for key in users.elements {
        block(key)
        updateDelivery(of: key)
        reconsider(key)
      }
    }
    if state == .lost { giveUp(id) }
    if state == .absent {
      agenda.set(.absent(id), at: now + settings.suspicionTimeout)
    } else {
      agenda.cancel(.absent(id))
    }
    if was >= .held && state < .held && archiveUsers[id] != nil {
      directives.append(.needArchive(id))
    }
  }

  /// Notes which archives a call wants now, and asks for those that nobody asked for before.
  mutating func followArchives(of key: CallKey) {
    guard let track = calls[key] else { return }
    var wanted = track.state < .finished ? track.inputs : []
    for id in track.ends where !wanted.contains(id) { wanted.append(id) }
    if wanted != track.wanted {
      calls[key]?.wanted = wanted
      for id in wanted where !track.wanted.contains(id) { addUser(key, of: id) }
      for id in track.wanted where !wanted.contains(id) { removeUser(key, of: id) }
    }
    block(key)
  }

  mutating func stopFollowing(_ key: CallKey) {
    guard let track = calls[key] else { return }
    calls[key]?.wanted = []
    for id in track.wanted { removeUser(key, of: id) }
    setBlocked(key, false)
  }

  /// Inputs of a submission that keep it from being accepted.
  func missingInputs(of key: CallKey) -> [ArchiveID] {
    guard let track = calls[key], track.state < .finished else { return [] }
    return track.inputs.filter { !isDurable($0) }
  }

  private mutating func block(_ key: CallKey) {
    guard let track = calls[key] else { return }
    if track.inputs.isEmpty && !track.blocksAcceptance { return }
    setBlocked(key, !missingInputs(of: key).isEmpty)
  }

  private mutating func setBlocked(_ key: CallKey, _ blocks: Bool) {
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
    if archiveUsers[id] == nil {
      directives.append(.needArchive(id))
    } else if archives[id] == .lost {
      // Who told of this call may have it: it is sought anew, and told lost anew.
      archives[id] = .missing
      agenda.cancel(.absent(id))
      directives += [.archiveNotNeeded(id), .needArchive(id)]
    }
    archiveUsers[id, default: SortedSet()].insert(key)
  }

  private mutating func removeUser(_ key: CallKey, of id: ArchiveID) {
    archiveUsers[id]?.remove(key)
    guard archiveUsers[id]?.isEmpty == true else { return }
    archiveUsers[id] = nil
    archives[id] = nil
    agenda.cancel(.absent(id))
    directives.append(.archiveNotNeeded(id))
  }
}
