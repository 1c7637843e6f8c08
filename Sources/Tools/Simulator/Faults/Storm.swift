import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// The faults of a storm, planned from the dice at its start, and their end.

enum Fault {
  case death(Int, World.Death)
  /// In the middle of the disk's n-th operation from then.
  case deathIn(Int, operations: Int, isPowerCut: Bool)
  case massacre([Int], World.Death)
  case departure(Int)
  case absence(Int)
  case cut([Network.Pair])
  case join([Network.Pair])
  case slow(Network.Pair)
  case quick(Network.Pair)
}

extension World {
  func planStorm() {
    let rates = scenario.faults
    for _ in 0..<rates.kills { planDeath(.kill) }
    for _ in 0..<rates.powerCuts { planDeath(.powerCut) }
    for _ in 0..<rates.massacres {
      let isAll = dice.chance(0.5)
      let victims = nodes.indices.filter { _ in isAll || dice.chance(0.5) }
      plan(.massacre(victims, dice.chance(0.5) ? .kill : .powerCut))
    }
    for _ in 0..<rates.wipes { plan(.death(victim(), .wipe)) }
    for _ in 0..<rates.departures {
      // A coordinator that never returns must leave two behind, a server one.
      let mayGo =
        (scenario.coordinators > 2 ? coordinators : [])
        + (scenario.adoptAfter == nil ? servers : [])
      if let node = dice.pick(mayGo) { plan(.departure(node)) }
    }
    for _ in 0..<rates.absences {
      // Soon, so that it is long.
      let due = now + dice.span(1_000_000...8_000_000)
      queue.add(.fault(.absence(dice.number(0...scenario.coordinators - 1))), at: due)
    }
    for _ in 0..<rates.partitions {
      let pairs = partition()
      let start = plan(.cut(pairs))
      queue.add(.fault(.join(pairs)), at: start + dice.skewed(200_000...10_000_000))
    }
    for _ in 0..<rates.slowPairs {
      let from = victim()
      let to = dice.number(0...scenario.coordinators - 1)
      guard from != to else { continue }
      let pair =
        dice.chance(0.5)
        ? Network.Pair(from: from, to: to) : Network.Pair(from: to, to: from)
      let start = plan(.slow(pair))
      queue.add(.fault(.quick(pair)), at: start + dice.span(2_000_000...8_000_000))
    }
  }

  @discardableResult
  private func plan(_ fault: Fault) -> Instant {
    let due = now + dice.span(100_000...Int(scenario.storm.wholeMilliseconds) * 1_000)
    queue.add(.fault(fault), at: due)
    return due
  }

  private func planDeath(_ death: Death) {
    guard dice.chance(scenario.faults.midOperation) else {
      plan(.death(victim(), death))
      return
    }
    plan(
      .deathIn(victim(), operations: dice.number(0...12), isPowerCut: death == .powerCut))
  }

  private func victim() -> Int { dice.number(0...nodes.count - 1) }

  /// F10: two sides, one way or both; or one client or server without some coordinators.
  private func partition() -> [Network.Pair] {
    var pairs: [Network.Pair] = []
    let isOneWay = dice.chance(0.3)
    if dice.chance(0.5) {
      let side = nodes.indices.map { _ in dice.chance(0.5) }
      for from in nodes.indices {
        for to in nodes.indices where side[from] != side[to] {
          if !isOneWay || side[from] { pairs.append(Network.Pair(from: from, to: to)) }
        }
      }
    } else {
      let lonely = victim()
      for other in coordinators where other != lonely && dice.chance(0.6) {
        pairs.append(Network.Pair(from: lonely, to: other))
        if !isOneWay { pairs.append(Network.Pair(from: other, to: lonely)) }
      }
    }
    return pairs
  }

  // MARK: - What they do

  func strike(_ fault: Fault) {
    guard !isCalm else { return }
    switch fault {
    case .death(let node, let death):
      if nodes[node].isRunning { die(node, death) }
    case .deathIn(let node, let operations, let isPowerCut):
      nodes[node].diesIn = (operations, isPowerCut)
    case .massacre(let victims, let death):
      say("all of \(victims.map { nodes[$0].name }) die")
      for node in victims where nodes[node].isRunning { die(node, death) }
    case .departure(let node):
      guard nodes.indices.filter({ nodes[$0].isGone }).isEmpty else { return }
      if nodes[node].isRunning { die(node, .powerCut) }
      nodes[node].isGone = true
      truth.lost(nodes[node].diskNumber, wasCoordinator: nodes[node].role == .coordinator)
      statistics.disksLost += 1
      say("\(nodes[node].name) never returns")
    case .absence(let node):
      if nodes[node].isRunning { die(node, dice.chance(0.5) ? .kill : .powerCut) }
      // Nothing but the end of the storm starts it again.
      nodes[node].life += 1
      nodes[node].restartAt = nil
      say("\(nodes[node].name) stays away")
    case .cut(let pairs):
      statistics.partitions += 1
      say("cut: \(describe(pairs))")
      for pair in pairs { network.cut[pair, default: 0] += 1 }
    case .join(let pairs):
      say("joined: \(describe(pairs))")
      for pair in pairs { network.cut[pair, default: 0] -= 1 }
    case .slow(let pair):
      say("slow: \(describe([pair]))")
      network.slow[pair, default: 0] += 1
    case .quick(let pair): network.slow[pair, default: 0] -= 1
    }
  }

  private func describe(_ pairs: [Network.Pair]) -> String {
    pairs.map { "\(nodes[$0.from].name)>\(nodes[$0.to].name)" }.joined(separator: " ")
  }

  /// Faults stop: everybody who can is back, everything gets through.
  func becomeCalm() {
    say("calm")
    isCalm = true
    network.rates = scenario.faults.calm
    network.cut = [:]
    network.slow = [:]
    for index in nodes.indices where !nodes[index].isGone {
      nodes[index].diesIn = nil
      if !nodes[index].isRunning { start(index) }
    }
    guard scenario.adoptAfter == nil else { return }
    for index in coordinators where nodes[index].isGone { askRemoval(of: index) }
  }

  /// The operator says to a coordinator that another never returns.
  private func askRemoval(of gone: Int) {
    guard let identity = nodes[gone].identity,
      let alive = coordinators.first(where: { nodes[$0].isRunning })
    else { return }
    say("the operator removes \(nodes[gone].name)")
    let payload = Message.operatorRequest(.remove(identity)).encoded()
    feed(alive, .request(IncomingToken(UInt64(draw())), payload: payload))
  }
}
