import LogStore
import ReplicationCore
import RolesCore

// What is told of archives as they become held, durable and safe: to the coordinator core for those
// that it asked about, and to offers that wait until the archive is durable. It owns who waits;
// what is held is the store's.

struct ArchiveNews: Sendable {
  /// What the coordinator was last told of each archive that it asked about.
  private(set) var watched: [ArchiveID: ArchiveState] = [:]
  /// Since when the store has lacked them.
  private var missingSince: [ArchiveID: Instant] = [:]
  /// Not yet safe, in order.
  private(set) var unsettled: [ArchiveID] = []
  /// Offers of complete archives that are not durable yet: request by archive.
  private var offers: [ArchiveID: [UInt64]] = [:]
  /// The clients' uploads to this very process that wait to be durable.
  private var localPuts: [(archive: ArchiveID, owner: TransferOwner)] = []
  private var peers: [SegmentName: Ordinal] = [:]

  mutating func watch(_ id: ArchiveID) -> Bool {
    guard watched[id] == nil else { return false }
    watched[id] = .missing
    unsettled.append(id)
    return true
  }

  mutating func unwatch(_ id: ArchiveID) {
    guard watched.removeValue(forKey: id) != nil else { return }
    missingSince[id] = nil
    unsettled.removeAll { $0 == id }
  }

  /// What is missing for so long counts as lost until it turns up: whoever could have it was asked
  /// all the time.
  mutating func judge(
    _ id: ArchiveID, _ state: ArchiveState, at now: Instant, lostAfter: Duration
  ) -> ArchiveState {
    guard state == .missing else {
      missingSince[id] = nil
      return state
    }
    let since = missingSince[id] ?? now
    missingSince[id] = since
    return now - since >= lostAfter ? .lost : .missing
  }

  /// True if this is news.
  mutating func tell(_ id: ArchiveID, _ state: ArchiveState) -> Bool {
    guard let before = watched[id], before != state else { return false }
    watched[id] = state
    if state == .safe { unsettled.removeAll { $0 == id } }
    return true
  }

  mutating func await(_ id: ArchiveID, _ request: UInt64) {
    offers[id, default: []].append(request)
  }
  mutating func await(_ id: ArchiveID, for owner: TransferOwner) { localPuts.append((id, owner)) }

  var awaited: [ArchiveID] { offers.keys.sorted() }
  var isIdle: Bool { unsettled.isEmpty && offers.isEmpty && localPuts.isEmpty }

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

  mutating func peerHolds(_ name: SegmentName, _ records: Ordinal) -> Bool {
    guard records > peers[name] ?? .zero else { return false }
    peers[name] = records
    return true
  }

  func isElsewhere(_ positions: [Position]) -> Bool {
    positions.allSatisfy { $0.ordinal < peers[$0.segment] ?? .zero }
  }
}
