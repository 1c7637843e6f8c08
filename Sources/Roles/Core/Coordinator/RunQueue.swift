import LogStore

// Calls that may be given out now, first come first served within each service. It owns the order
// of arrival and nothing of why a call is here.

struct RunQueue: Sendable {
  private var arrivals: [ServiceKey: SortedSet<UInt64>] = [:]
  private var keys: [UInt64: CallKey] = [:]

  var count: Int { keys.count }

  func count(for service: ServiceKey) -> Int { arrivals[service]?.count ?? 0 }

  func first(for service: ServiceKey) -> (arrival: UInt64, key: CallKey)? {
    guard let arrival = arrivals[service]?.first, let key = keys[arrival] else { return nil }
    return (arrival, key)
  }

  mutating func insert(_ key: CallKey, arrival: UInt64, service: ServiceKey) {
    arrivals[service, default: SortedSet()].insert(arrival)
    keys[arrival] = key
  }

  mutating func remove(arrival: UInt64, service: ServiceKey) {
    arrivals[service]?.remove(arrival)
    if arrivals[service]?.isEmpty == true { arrivals[service] = nil }
    keys[arrival] = nil
  }

  /// The earliest among these services.
  func earliest(of services: [ServiceKey]) -> CallKey? {
    var best: (arrival: UInt64, key: CallKey)?
    for service in services {
      guard let head = first(for: service) else { continue }
      if best.map({ head.arrival < $0.arrival }) ?? true { best = head }
    }
    return best?.key
  }
}
