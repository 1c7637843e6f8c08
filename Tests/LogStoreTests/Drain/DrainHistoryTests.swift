// Random histories of nodes that exchange segments by ingest, release, restart, lose power and
// drain at any time: I1 and I4 hold always, and once faults stop the logs come to rest with the
// live facts everywhere (L2).

import Testing

@testable import LogStore

private let second: UInt64 = 1_000_000_000

@Suite struct DrainHistoryTests {
  static let chunks = 8
  static let seedsAChunk: UInt64 = 40

  @Test(arguments: 0..<chunks)
  func keepsWhatIsLiveAndComesToRest(_ chunk: Int) throws {
    for index in 0..<Self.seedsAChunk {
      let seed = UInt64(chunk) << 32 | index
      var history = try DrainHistory(seed: seed)
      try history.run()
      #expect(history.violations.isEmpty, "seed \(seed)")
      if !history.violations.isEmpty { return }
    }
    print("drain histories: chunk \(chunk): \(Self.seedsAChunk) histories")
  }

  /// B8. (B7 is harmless to a drainer that waits for durability anyway.)
  @Test func aSkippedCheckIsCaught() throws {
    for seed in 1...Self.seedsAChunk {
      var history = try DrainHistory(seed: seed, bugs: .drainCheckSkipped)
      try history.run()
      if history.violations.contains(where: { $0.hasPrefix("I4") || $0.hasPrefix("I1") }) { return }
    }
    Issue.record("not caught in \(Self.seedsAChunk) histories")
  }
}

struct DrainHistory {
  private var dice: SplitMix64
  private var nodes: [DrainNode] = []
  private var now: UInt64 = 0
  private var nextNumber: UInt64 = 1
  private var extra: [String] = []
  /// Numbers that were durable on a node that still lives when faults stopped.
  private var removed: DrainNode?

  init(seed: UInt64, bugs: PlantedBugs = []) throws {
    dice = SplitMix64(seed: seed)
    var options = DrainNode.options()
    options.plantedBugs = bugs
    var drain = DrainOptions()
    if dice.next() % 3 == 0 { drain.mergeLimit = 6_000 }
    for number in 1...3 {
      nodes.append(try DrainNode(UInt64(number), options: options, drain: drain))
    }
  }

  var violations: [String] { nodes.flatMap(\.violations) + (removed?.violations ?? []) + extra }

  mutating func run() throws {
    let steps = 60 + Int(dice.next() % 120)
    let removal = dice.next() % 3 == 0 ? steps / 2 : -1
    for index in 0..<steps {
      if index == removal { removeOne() }
      try act(nodes[Int(dice.next() % UInt64(nodes.count))])
      if !violations.isEmpty { return }
    }
    try settle()
  }

  private mutating func removeOne() {
    let gone = nodes.remove(at: Int(dice.next() % 3))
    removed = gone
    nodes[0].adopts = [gone.id]
    if dice.next() % 4 == 0 { nodes[1].adopts = [gone.id] }
  }

  private mutating func act(_ node: DrainNode) throws {
    let other = nodes[Int(dice.next() % UInt64(nodes.count))]
    switch dice.next() % 100 {
    case 0..<22:
      for _ in 0..<(1 + dice.next() % 8) {
        try node.append([CrashRecord.datum(nextNumber)])
        nextNumber += 1
      }
    case 22..<30:
      guard nextNumber > 1 else { return }
      try node.append([CrashRecord.release(1 + dice.next() % (nextNumber - 1))])
    case 30..<40: try node.commit()
    case 40..<44: try node.log.write()
    case 44..<62:
      if other !== node { try node.ship(to: other, only: someNames(of: node)) }
    case 62..<66: node.isCaughtUp.toggle()
    case 66..<88:
      now += dice.next() % (20 * second)
      for _ in 0..<(1 + dice.next() % 6) {
        let step = try node.step(at: now)
        if step.waitsFor != nil, dice.next() % 4 != 0 { try node.commit() }
      }
    case 88..<94: try node.restart(crash: dice.next())
    case 94..<97: try node.restart()
    default: try node.drain(at: now)
    }
  }

  private mutating func someNames(of node: DrainNode) -> [SegmentName]? {
    guard dice.next() % 2 == 0 else { return nil }
    return node.names.filter { _ in dice.next() % 2 == 0 }
  }

  // MARK: - Once faults stop

  private mutating func settle() throws {
    for node in nodes {
      node.isCaughtUp = true
      try node.commit()
    }
    var quiet = 0
    var rounds = 0
    while quiet < 5 {
      rounds += 1
      if rounds > 60 { return extra.append("L2: no rest after \(rounds) rounds") }
      let before = nodes.map { [$0.appendedByDrain, $0.deleted.count] }
      for node in nodes { for other in nodes where other !== node { try node.ship(to: other) } }
      now += 20 * second
      for node in nodes {
        try node.commit()
        try node.drain(at: now)
      }
      quiet = nodes.map { [$0.appendedByDrain, $0.deleted.count] } == before ? quiet + 1 : 0
    }
    try checkRest()
  }

  private mutating func checkRest() throws {
    let held = try nodes.map { try $0.liveData() }
    for index in held.indices where held[index].keys.sorted() != held[0].keys.sorted() {
      extra.append("L2: nodes 0 and \(index) hold different facts")
    }
    for (index, node) in nodes.enumerated() {
      for name in node.names where node.log.retirements.isRetired(name) != nil {
        extra.append("L2: retired \(name) is still held by node \(index)")
      }
      if let removed, node.names.contains(where: { $0.node == removed.id }) {
        extra.append("L2: segments of the dead are still held by node \(index)")
      }
    }
  }
}
