import LogStore

@testable import ReplicationCore

/// The network between the nodes of a grid: it loses, doubles, delays, damages and reorders, and
/// counts what each node has under way.
extension Grid {
  mutating func send(
    _ index: Int, _ id: Replicator.ExchangeID, to route: String, _ request: PeerRequest,
    _ timeout: Duration
  ) {
    let bytes = request.encoded()
    trace = (trace ^ FakeLog.hash(bytes[...])) &* 0x9e37_79b9_7f4a_7c15 &+ now.nanoseconds
    switch request {
    case .sync: sent.sync += 1
    case .ship(let ship):
      sent.ship += 1
      note(index, id, ship.bytes.count, route, isFetch: false)
    case .fetch:
      sent.fetch += 1
      note(index, id, 0, route, isFetch: true)
    case .unsupported: problems.append("an empty request")
    }
    let life = nodes[index].life
    queue.add(.timeout(node: index, life: life, id), at: now + timeout)
    guard let to = nodes.firstIndex(where: { $0.address == route }) else { return }
    deliver(from: index, to: to, damaging(bytes, request)) { bytes in
      .request(to: to, from: index, life: life, id, bytes)
    }
  }

  mutating func reply(
    _ index: Int, _ token: Replicator.RequestToken, _ response: PeerResponse
  ) {
    guard let exchange = exchanges.removeValue(forKey: token.value) else {
      problems.append("two replies to one request")
      return
    }
    var bytes = response.encoded()
    if case .fetch(var fetch) = response, case .bytes(var body) = fetch.outcome, damages() {
      flip(&body)
      fetch.outcome = .bytes(body)
      bytes = PeerResponse.fetch(fetch).encoded()
    }
    deliver(from: index, to: exchange.node, bytes) { bytes in
      .response(to: exchange.node, life: exchange.life, exchange.id, bytes)
    }
  }

  private mutating func damaging(_ bytes: [UInt8], _ request: PeerRequest) -> [UInt8] {
    guard case .ship(var ship) = request, damages() else { return bytes }
    flip(&ship.bytes)
    return PeerRequest.ship(ship).encoded()
  }

  private mutating func damages() -> Bool {
    faults.damage > 0 && Double.random(in: 0..<1, using: &dice) < faults.damage
  }

  private mutating func flip(_ bytes: inout [UInt8]) {
    guard let index = bytes.indices.randomElement(using: &dice) else { return }
    bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
  }

  private mutating func deliver(
    from: Int, to: Int, _ bytes: [UInt8], _ happening: ([UInt8]) -> Happening
  ) {
    if cut.contains([from, to]) { return }
    var copies = 1
    if faults.loss > 0 && Double.random(in: 0..<1, using: &dice) < faults.loss { copies = 0 }
    if faults.duplication > 0 && Double.random(in: 0..<1, using: &dice) < faults.duplication {
      copies += 1
    }
    for _ in 0..<copies {
      let delay = UInt64.random(in: faults.delay, using: &dice)
      queue.add(happening(bytes), at: now + .microseconds(delay))
    }
  }

  // MARK: - Windows

  private mutating func note(
    _ index: Int, _ id: Replicator.ExchangeID, _ bytes: Int, _ route: String, isFetch: Bool
  ) {
    sizes["\(index)/\(nodes[index].life)/\(id.value)"] = (bytes, route, isFetch)
    if isFetch {
      nodes[index].fetching += 1
      if nodes[index].fetching > settings.fetchLimit {
        problems.append("node \(index) fetches \(nodes[index].fetching) segments at a time")
      }
    } else {
      nodes[index].shipping[route, default: 0] += bytes
      let frame = 1_100
      let total = nodes[index].shipping.values.reduce(0, +)
      if nodes[index].shipping[route, default: 0] > settings.windowLimit * 2 + frame
        || total > settings.windowLimit * 2 + frame
      {
        problems.append("node \(index) has \(total) bytes under way")
      }
    }
  }

  mutating func settle(_ index: Int, _ id: Replicator.ExchangeID) {
    let key = "\(index)/\(nodes[index].life)/\(id.value)"
    guard let (bytes, route, isFetch) = sizes.removeValue(forKey: key) else { return }
    if isFetch {
      nodes[index].fetching -= 1
    } else {
      nodes[index].shipping[route, default: 0] -= bytes
    }
  }
}
