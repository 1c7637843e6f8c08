import LogStore

// Long polls of servers that would take work, by the services that they offer. Its order is the
// fairness among servers: most free slots first, then who was served longest ago.

struct WaitingServers: Sendable {
  struct Place: Hashable, Comparable, Sendable {
    var free: UInt64
    var served: UInt64
    var server: NodeID
    static func < (a: Place, b: Place) -> Bool {
      if a.free != b.free { return a.free > b.free }
      return a.served != b.served ? a.served < b.served : a.server < b.server
    }
  }

  private var places: [ServiceKey: SortedSet<Place>] = [:]

  func isWaiting(for key: ServiceKey) -> Bool { places[key] != nil }

  func first(for key: ServiceKey) -> NodeID? { places[key]?.first?.server }

  func count(for key: ServiceKey) -> Int { places[key]?.count ?? 0 }

  mutating func insert(_ place: Place, keys: [ServiceKey]) {
    for key in keys { places[key, default: SortedSet()].insert(place) }
  }

  mutating func remove(_ place: Place, keys: [ServiceKey]) {
    for key in keys {
      places[key]?.remove(place)
      if places[key]?.isEmpty == true { places[key] = nil }
    }
  }
}
