import DequeModule
import LogStore
import ReplicationCore
import RolesCore

// What is told of archives as they become held, durable and safe: to the coordinator core for those
// that it asked about, and to offers that wait until the archive is durable. It owns who waits, and
// which archives are worth a look: those that the store touched, those that wait for the disk, and
// those for which the time or another coordinator's word has come. What is held is the store's.

struct ArchiveNews: Sendable {
  private struct Miss: Sendable {
    var since: Instant
    var id: ArchiveID
  }
  /// An archive that waits until another coordinator has this record.
  private struct Wait: Sendable {
    var ordinal: Ordinal
    var id: ArchiveID
  }

  /// What the coordinator was last told of each archive that it asked about.
  private(set) var watched: [ArchiveID: ArchiveState] = [:]
  /// Since when the store has lacked them, also in the order of time.
  private var missingSince: [ArchiveID: Instant] = [:]
  private var misses: Deque<Miss> = []
  /// To be looked at at the next occasion.
  private var due: Set<ArchiveID> = []
  /// Complete, and not durable yet.
  private var held: Set<ArchiveID> = []
  /// Durable and not safe: by the segment and the record that others lack, in order. Some are of
  /// archives that nobody watches any more.
  private var waits: [SegmentName: [Wait]] = [:]
  /// Offers of complete archives that are not durable yet: request by archive.
  private var offers: [ArchiveID: [UInt64]] = [:]
  /// The clients' uploads to this very process that wait to be durable.
  private var localPuts: [(archive: ArchiveID, owner: TransferOwner)] = []
  private var peers: [SegmentName: Ordinal] = [:]

  /// Watched and not here, in order.
  var missing: [ArchiveID] {
    watched.filter { $0.value <= .missing }.map(\.key).sorted()
  }

  mutating func watch(_ id: ArchiveID) -> Bool {
    guard watched[id] == nil else { return false }
    watched[id] = .missing
    due.insert(id)
    return true
  }

  mutating func unwatch(_ id: ArchiveID) {
    guard watched.removeValue(forKey: id) != nil else { return }
    missingSince[id] = nil
    due.remove(id)
    held.remove(id)
  }

  /// The archives of which there may be news, in order; `touched` are those that the store learnt
  /// anything of.
  mutating func takeDue(
    touched: Set<ArchiveID>, at now: Instant, lostAfter: Duration
  ) -> [ArchiveID] {
    var ids = due.union(held)
    due = []
    for id in touched where watched[id].map({ $0 < .safe }) ?? false { ids.insert(id) }
    while let first = misses.first, now - first.since >= lostAfter {
      misses.removeFirst()
      if missingSince[first.id] == first.since { ids.insert(first.id) }
    }
    return ids.filter { watched[$0] != nil }.sorted()
  }

  /// What is missing for so long counts as lost until it turns up: whoever could have it was asked
  /// all the time. `unmet` is the first of its records that no other coordinator is known to have.
  mutating func judge(
    _ id: ArchiveID, _ state: ArchiveState, unmet: Position?, at now: Instant, lostAfter: Duration
  ) -> ArchiveState {
    if state == .held { held.insert(id) } else { held.remove(id) }
    if state == .durable, let unmet { wait(id, for: unmet) }
    guard state <= .missing else {
      missingSince[id] = nil
      return state
    }
    let since = missingSince[id] ?? now
    if missingSince.updateValue(since, forKey: id) == nil {
      misses.append(Miss(since: since, id: id))
    }
    return now - since >= lostAfter ? .lost : state
  }

  /// There may be news of this one.
  mutating func look(at id: ArchiveID) {
    if watched[id] != nil { due.insert(id) }
  }

  private mutating func wait(_ id: ArchiveID, for unmet: Position) {
    var list = waits[unmet.segment] ?? []
    // Nearly always it is the newest.
    var index = list.count
    while index > 0, list[index - 1].ordinal > unmet.ordinal { index -= 1 }
    if index > 0, list[index - 1].ordinal == unmet.ordinal, list[index - 1].id == id { return }
    waits[unmet.segment] = nil
    list.insert(Wait(ordinal: unmet.ordinal, id: id), at: index)
    waits[unmet.segment] = list
  }

  /// True if this is news.
  mutating func tell(_ id: ArchiveID, _ state: ArchiveState) -> Bool {
    guard let before = watched[id], before != state else { return false }
    watched[id] = state
    return true
  }

  mutating func await(_ id: ArchiveID, _ request: UInt64) {
    offers[id, default: []].append(request)
  }
  mutating func await(_ id: ArchiveID, for owner: TransferOwner) { localPuts.append((id, owner)) }

  var awaited: [ArchiveID] { offers.keys.sorted() }

  mutating func takeOffers(of id: ArchiveID) -> [UInt64] { offers.removeValue(forKey: id) ?? [] }

  mutating func takeLocalPuts(
    where isDurable: (ArchiveID) -> Bool
  ) -> [(archive: ArchiveID, owner: TransferOwner)] {
    let done = localPuts.filter { isDurable($0.archive) }
    if !done.isEmpty { localPuts.removeAll { isDurable($0.archive) } }
    return done
  }

  mutating func forget(_ request: UInt64) {
    for id in offers.keys.sorted() {
      offers[id]?.removeAll { $0 == request }
      if offers[id]?.isEmpty == true { offers[id] = nil }
    }
  }

  // MARK: copies elsewhere

  /// True if there may be news of an archive by that.
  mutating func peerHolds(_ name: SegmentName, _ records: Ordinal) -> Bool {
    guard records > peers[name] ?? .zero else { return false }
    peers[name] = records
    guard var list = waits.removeValue(forKey: name) else { return false }
    let met = list.prefix { $0.ordinal < records }.count
    for wait in list.prefix(met) { due.insert(wait.id) }
    list.removeFirst(met)
    if !list.isEmpty { waits[name] = list }
    return met > 0
  }

  /// The copy here is gone: what stood there stands elsewhere, or is missing.
  mutating func forget(_ name: SegmentName) {
    peers[name] = nil
    for wait in waits.removeValue(forKey: name) ?? [] { due.insert(wait.id) }
  }

  /// Other rules hold for what is safe.
  mutating func lookAtAll() {
    for (id, state) in watched where state < .safe { due.insert(id) }
  }

  /// The first record that no other coordinator is known to have.
  func unmet(_ positions: [Position]) -> Position? {
    positions.first { $0.ordinal >= peers[$0.segment] ?? .zero }
  }
}
