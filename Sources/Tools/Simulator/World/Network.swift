import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// The network: exchanges of one request and one answer, each of which may be lost, doubled,
// delayed, overtaken or cut; pairs of nodes that don't reach each other or only slowly. Who a
// message is from and to is all that it knows of it.

struct Network {
  struct Exchange {
    var from: Int
    var life: Int
    var token: OutgoingToken
    var to: Int
    var payload: [UInt8]
    /// Nobody waits for the answer any more; the request may still be under way.
    var isOver = false
  }

  struct Pair: Hashable {
    var from: Int
    var to: Int
  }

  struct Incoming {
    var exchange: UInt64
    var node: Int
    var life: Int
  }

  var rates: FaultRates
  var exchanges: [UInt64: Exchange] = [:]
  /// By node and its token.
  var outgoing: [Int: [OutgoingToken: UInt64]] = [:]
  var incoming: [IncomingToken: Incoming] = [:]
  /// F10: nothing gets through from one to the other. Counted, as partitions overlap.
  var cut: [Pair: Int] = [:]
  /// F14: what is answered comes later than anybody waits.
  var slow: [Pair: Int] = [:]
  /// Kinds of messages since the last time this was emptied, for "nothing but heartbeats".
  var talk: [String: Int] = [:]

  init(_ rates: FaultRates) { self.rates = rates }

  func isCut(_ from: Int, _ to: Int) -> Bool { (cut[Pair(from: from, to: to)] ?? 0) > 0 }
  func isSlow(_ from: Int, _ to: Int) -> Bool { (slow[Pair(from: from, to: to)] ?? 0) > 0 }
}

extension World {
  // MARK: - What nodes ask for

  func send(
    _ node: Int, _ token: OutgoingToken, to address: String, _ payload: [UInt8],
    _ timeout: Duration
  ) {
    trace.add(payload)
    statistics.messages += 1
    let id = UInt64(draw())
    network.outgoing[node, default: [:]][token] = id
    guard let target = nodes.firstIndex(where: { $0.address == address }), target != node else {
      network.exchanges[id] = Network.Exchange(
        from: node, life: nodes[node].life, token: token, to: node, payload: [])
      queue.add(.fail(id, "no such address: \(address)"), at: now + .milliseconds(1))
      queue.add(.forget(id), at: now + .milliseconds(2))
      return
    }
    network.exchanges[id] = Network.Exchange(
      from: node, life: nodes[node].life, token: token, to: target, payload: payload)
    said(payload, by: node, to: target)
    strayLater(id, payload)
    queue.add(.fail(id, "no answer in \(timeout)"), at: now + timeout)
    queue.add(.forget(id), at: now + timeout + .seconds(15))
    if dice.chance(network.rates.cutConnection) {
      queue.add(.fail(id, "connection cut"), at: now + dice.skewed(100...200_000))
    }
    guard let delay = travel(from: node, to: target) else { return }
    queue.add(.arrive(id), at: now + delay)
    if dice.chance(network.rates.duplication) {
      queue.add(.arrive(id), at: now + delay + dice.skewed(10...500_000))
    }
  }

  /// A copy of a client's submissions turns up long after, when the coordinator may be another one.
  private func strayLater(_ id: UInt64, _ payload: [UInt8]) {
    guard network.rates.strays > 0,
      case .clientRequest(let request)? = try? Message(decoding: payload),
      request.records.contains(where: { $0.kind == .submitted }), dice.chance(network.rates.strays)
    else { return }
    queue.add(.arrive(id), at: now + dice.span(1_000_000...14_000_000))
  }

  func abandon(_ node: Int, _ token: OutgoingToken) {
    guard let id = network.outgoing[node]?.removeValue(forKey: token) else { return }
    end(id)
  }

  func reply(_ node: Int, _ token: IncomingToken, _ payload: [UInt8]) {
    trace.add(payload)
    guard let incoming = network.incoming.removeValue(forKey: token) else { return }
    guard let exchange = network.exchanges[incoming.exchange] else { return }
    // What is promised is promised even if it gets lost.
    answered(payload, by: node, to: exchange)
    guard !exchange.isOver, let delay = travel(from: node, to: exchange.from) else { return }
    queue.add(.respond(incoming.exchange, payload), at: now + delay)
    if dice.chance(network.rates.duplication) {
      queue.add(
        .respond(incoming.exchange, payload), at: now + delay + dice.skewed(10...500_000))
    }
  }

  /// How long a message is under way; nil if it doesn't arrive.
  private func travel(from: Int, to: Int) -> Duration? {
    if network.isCut(from, to) || dice.chance(network.rates.loss) { return nil }
    if network.isSlow(from, to) { return dice.span(2_500_000...5_000_000) }
    if dice.chance(network.rates.delay) { return dice.skewed(10_000...3_000_000) }
    return dice.skewed(100...3_000)
  }

  // MARK: - What happens

  func arrive(_ id: UInt64) {
    guard let exchange = network.exchanges[id] else { return }
    let target = exchange.to
    guard nodes[target].isRunning else {
      guard !exchange.isOver, nodes[target].isPowered,
        travel(from: target, to: exchange.from) != nil
      else { return }
      queue.add(.fail(id, "connection refused"), at: now + dice.skewed(100...2_000))
      return
    }
    let token = IncomingToken(UInt64(draw()))
    network.incoming[token] = Network.Incoming(
      exchange: id, node: target, life: nodes[target].life)
    if exchange.isOver, let delay = travel(from: exchange.from, to: target) {
      queue.add(.gone(target, life: nodes[target].life, token), at: now + delay)
    }
    feed(target, .request(token, payload: exchange.payload))
  }

  func respond(_ id: UInt64, _ payload: [UInt8]) {
    guard let exchange = network.exchanges[id], !exchange.isOver else { return }
    end(id, tells: false)
    heard(payload, by: exchange.from, from: exchange.to)
    feed(exchange.from, .response(exchange.token, payload: payload))
  }

  func fail(_ id: UInt64, _ reason: String) {
    guard let exchange = network.exchanges[id], !exchange.isOver else { return }
    end(id)
    feed(exchange.from, .sendFailed(exchange.token, reason: reason))
  }

  func forget(_ id: UInt64) {
    network.exchanges[id] = nil
    let unanswered = network.incoming.filter { $0.value.exchange == id }.keys
    for token in unanswered { network.incoming[token] = nil }
  }

  func gone(_ node: Int, _ life: Int, _ token: IncomingToken) {
    guard nodes[node].life == life else { return }
    feed(node, .requestGone(token))
  }

  /// Nobody waits for its answer any more; who works on it hears that, unless the news is lost.
  private func end(_ id: UInt64, tells: Bool = true) {
    guard let exchange = network.exchanges[id], !exchange.isOver else { return }
    network.exchanges[id]?.isOver = true
    network.outgoing[exchange.from]?[exchange.token] = nil
    let waiting = network.incoming.filter { $0.value.exchange == id }.keys.sorted()
    for token in waiting {
      // It may still answer: nobody hears it then.
      guard let incoming = network.incoming[token] else { continue }
      guard tells, let delay = travel(from: exchange.from, to: incoming.node) else { continue }
      queue.add(.gone(incoming.node, life: incoming.life, token), at: now + delay)
    }
  }

  /// A process died: its connections break. Nobody is told if its machine is off.
  func forgetExchanges(of node: Int, isSilent: Bool) {
    let own = network.exchanges.filter { $0.value.from == node && !$0.value.isOver }.keys.sorted()
    for id in own { end(id, tells: !isSilent) }
    network.outgoing[node] = [:]
    let served = network.incoming.filter { $0.value.node == node }.keys.sorted()
    for token in served {
      guard let incoming = network.incoming.removeValue(forKey: token),
        let exchange = network.exchanges[incoming.exchange], !isSilent, !exchange.isOver,
        let delay = travel(from: node, to: exchange.from)
      else { continue }
      queue.add(.fail(incoming.exchange, "connection reset"), at: now + delay)
    }
  }
}
