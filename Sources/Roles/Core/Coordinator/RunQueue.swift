import LogStore

// Calls that may be given out now: the greatest priority first, and among equals first come first
// served, within each service. It owns this order and nothing of why a call is here.

struct RunQueue: Sendable {
  /// A call's place: what is less goes first.
  private struct Place: Hashable, Comparable, Sendable {
    var priority: Int64
    var arrival: UInt64
    static func < (a: Place, b: Place) -> Bool {
      a.priority != b.priority ? a.priority > b.priority : a.arrival < b.arrival
    }
  }

  private var places: [ServiceKey: SortedSet<Place>] = [:]
  private var keys: [UInt64: (key: CallKey, priority: Int64)] = [:]

  var count: Int { keys.count }

  func count(for service: ServiceKey) -> Int { places[service]?.count ?? 0 }

  func first(for service: ServiceKey) -> CallKey? {
    places[service]?.first.flatMap { keys[$0.arrival]?.key }
  }

  mutating func insert(
    _ key: CallKey, arrival: UInt64, priority: Int64, service: ServiceKey
  ) {
    places[service, default: SortedSet()].insert(Place(priority: priority, arrival: arrival))
    keys[arrival] = (key, priority)
  }

  mutating func remove(arrival: UInt64, service: ServiceKey) {
    guard let (_, priority) = keys.removeValue(forKey: arrival) else { return }
    places[service]?.remove(Place(priority: priority, arrival: arrival))
    if places[service]?.isEmpty == true { places[service] = nil }
  }

  /// Which of these services has the call that goes first.
  func next(among services: some Sequence<ServiceKey>) -> ServiceKey? {
    var best: (place: Place, service: ServiceKey)?
    for service in services {
      guard let head = places[service]?.first else { continue }
      if best.map({ head < $0.place }) ?? true { best = (head, service) }
    }
    return best?.service
  }

  /// The first among these services.
  func first(of services: [ServiceKey]) -> CallKey? { next(among: services).flatMap(first) }
}
