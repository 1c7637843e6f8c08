// Scenarios that chance meets seldom, each for one planted bug of VERIFICATION.md. Every one
// returns the invariants that were violated, as the crash campaign does, and none without the bug.

@testable import LogStore

private let second: UInt64 = 1_000_000_000

enum DirectedScenarios {
  private static func node(
    _ number: UInt64, drain: DrainOptions = DrainOptions(), bugs: PlantedBugs = []
  ) throws -> DrainNode {
    var options = DrainNode.options()
    options.plantedBugs = bugs
    return try DrainNode(number, options: options, drain: drain)
  }

  private static func numbers(
    in disk: SimulatedDisk, of node: DrainNode
  ) throws -> (found: Set<UInt64>, report: RecoveryReport) {
    var dice = SplitMix64(seed: 1)
    var found: Set<UInt64> = []
    let (_, report) = try Log.open(
      node.directory, on: disk, node: node.id, log: .facts, options: node.options, entropy: &dice
    ) { _, kind, payload in
      if kind == CrashRecord.datum, let number = CrashRecord.number(payload) {
        found.insert(number)
      }
    }
    return (found, report)
  }

  /// B4: a bit of a committed frame rots. What stands in the other frames is still there, and the
  /// damaged file is kept. (Of the last frame no other testifies that it was durable.)
  static func rotBeforeADurableEnd(_ seed: UInt64, withBug: Bool) throws -> [String] {
    let node = try node(1, bugs: withBug ? .corruptionTakenForTornTail : [])
    var dice = SplitMix64(seed: seed)
    var starts: [UInt64] = []
    for number in 1...UInt64(8) {
      try node.appendData([number])
      starts.append(node.log.end(of: node.log.openSegment)?.end.value ?? 64)
      try node.commit()
    }
    guard let end = node.log.vector().first, node.log.vector().count == 1 else {
      return ["the scenario needs one segment"]
    }
    starts[0] = UInt64(Format.segmentHeaderSize)
    let hit = Int(dice.next() % 7)
    let bits = (starts[hit + 1] - starts[hit]) * 8
    let path = node.directory + "/" + SegmentFileName.file(end.name)
    try node.disk.flip(bit: starts[hit] * 8 + dice.next() % bits, of: path)
    let (found, report) = try numbers(in: node.disk, of: node)
    var violations: [String] = []
    let lost = Set(1...8).subtracting(found).subtracting([UInt64(hit) + 1])
    if !lost.isEmpty {
      violations.append("I1: rot in record \(hit + 1) took \(lost.sorted()) with it")
    }
    if report.findings.first?.decision != .quarantine {
      violations.append("I1: rot in record \(hit + 1) is cut off: \(report.findings)")
    }
    return violations
  }

  /// B7: the cover came a moment ago and is in the cache only.
  static func aCoverThatIsNotDurable(_ seed: UInt64, withBug: Bool) throws -> [String] {
    let a = try node(1, bugs: withBug ? .undurableCoversCount : [])
    let b = try node(2)
    let name = b.log.openSegment
    try b.appendData(1...3)
    try b.commit()
    try b.ship(to: a)
    try a.append([Retirement.retired(name).record])
    try a.commit()
    try a.appendData(1...3)
    try a.log.write()
    var violations: [String] = []
    for examination in try a.log.examine([name], isDead: { _, _ in false }) {
      do throws(LogError) {
        try a.log.delete(examination)
        violations.append("I4: \(name) went with covers that are not durable")
      } catch {
        guard case .notDrained = error else { throw error }
      }
    }
    for image in 0..<8 {
      let disk = a.disk.crashImage(seed: mix(seed, UInt64(image)))
      let (found, _) = try numbers(in: disk, of: a)
      if !found.isSuperset(of: 1...3) {
        violations.append("I1: of three acknowledged records \(found.sorted()) are left")
      }
    }
    return violations
  }

  /// B8: the adopter knew less of the dead node's segment than the holder does.
  static func aLongerCopyThanTheRetirers(_ seed: UInt64, withBug: Bool) throws -> [String] {
    let (dead, adopter) = (try node(1), try node(2))
    let holder = try node(3, bugs: withBug ? .drainCheckSkipped : [])
    try dead.appendData(1...5)
    try dead.commit()
    try dead.ship(to: adopter)
    try dead.appendData(6...9)
    try dead.commit()
    try dead.ship(to: holder)
    try holder.commit()
    adopter.adopts = [dead.id]
    try adopter.drain(at: 0)
    try adopter.ship(to: holder)
    try holder.commit()
    for time in 0...5 { try holder.drain(at: UInt64(time) * 20 * second) }
    try holder.restart(crash: seed)
    var violations = holder.violations + adopter.violations
    if holder.names.contains(where: { $0.node == dead.id }) {
      violations.append("L2: the dead node's segment is never drained")
    }
    if try holder.liveData().keys.sorted() != Array(1...9) {
      violations.append("I1: the tail that only the holder had is gone")
    }
    return violations
  }

  /// B18: an offer of one frame that says how long it is. Whatever it says, no more memory is
  /// taken than the longest frame there may be, and the log goes on.
  static func aLengthFromTheWire(_ seed: UInt64, withBug: Bool) throws -> [String] {
    let writer = try node(2)
    try writer.appendData(1...3)
    try writer.commit()
    let name = writer.log.openSegment
    let intact = try writer.log.read(name, from: .zero, maxBytes: .max)
    var dice = SplitMix64(seed: seed)
    var violations: [String] = []
    for length in [UInt32(Format.largestFrame) + 1, 1 << 28, UInt32(dice.next() >> 36), 1 << 30] {
      var bytes = intact
      let field = Format.segmentHeaderSize + (dice.next() % 2 == 0 ? 20 : 24)
      bytes.withUnsafeMutableBytes { bytes in
        bytes.putLittle(length, at: field)
        bytes.putLittle(length, at: Format.segmentHeaderSize + 20)
      }
      var decoder = PayloadDecoder()
      let outcome = bytes.withUnsafeBytes { bytes -> String? in
        var offer = Offer(name: name, offset: 0, bytes: bytes)
        offer.believesSizes = withBug
        do throws(IngestError) {
          _ = try offer.relation(decoder: &decoder) { _, _ throws(LogError) in [] }
          return "I2: a frame with a length of \(length) is taken"
        } catch {
          if case .damaged = error { return nil }
          return "I10: a length of \(length) is refused as: \(error)"
        }
      }
      if let outcome { violations.append(outcome) }
      if decoder.held > 2 * Format.largestFrame {
        violations.append("I9: \(decoder.held) bytes are held for a length of \(length)")
      }
    }
    return violations
  }

  /// B23: two nodes with equal facts, restarted again and again. Each start has its log merged
  /// once; what the other one holds must not make either write its data again and again.
  static func twoNodesWithEqualFacts(_ seed: UInt64, withBug: Bool) throws -> [String] {
    var drain = DrainOptions()
    drain.mergeLimit = 0
    if withBug { drain.plantedBugs = .anyCoverIsDeadWeight }
    let nodes = [try node(1, drain: drain), try node(2, drain: drain)]
    let count: UInt64 = 20
    for node in nodes {
      try node.appendData(1...count)
      try node.commit()
    }
    var written: [Int] = []
    var now = seed % 10 * second
    for _ in 0..<6 {
      for index in 0..<9 {
        try nodes[0].ship(to: nodes[1])
        try nodes[1].ship(to: nodes[0])
        for node in nodes {
          try node.commit()
          if index == 0 { try node.restart() }
          try node.drain(at: now)
        }
        now += 20 * second
      }
      written.append(nodes.map(\.appendedByDrain).reduce(0, +))
    }
    var violations = nodes.flatMap(\.violations)
    for node in nodes where try node.liveData().count != Int(count) {
      violations.append("I1: \(node.id) holds \(try node.liveData().count) of \(count) records")
    }
    // After the first rounds only what names segments is written.
    if written[5] - written[2] > 3 * Int(count) {
      violations.append("L2: two nodes drain into each other, records written: \(written)")
    }
    return violations
  }
}
