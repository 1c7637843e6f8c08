import LogStore
import Testing

@testable import ReplicationCore

/// Whole rings under every fault that the network, the processes and the disks have, from seeds;
/// afterwards all must hold the same and be at rest. F1 to F4, F8 to F10, F14; I2, L2, D.
@Suite struct ConvergenceTests {
  /// Faults for a while, then none; what is wrong afterwards.
  static func run(
    seed: UInt64, settings: ReplicationSettings = Grid.smallSettings
  ) -> (problems: [String], trace: UInt64) {
    var plan = Dice(seed: seed &* 31 &+ 7)
    let count = Int.random(in: 2...5, using: &plan)
    var grid = Grid(nodes: count, seed: seed, settings: settings)
    grid.startAll()
    grid.faults = seed % 4 == 0 ? .none : .wild
    for _ in 0..<60 {
      disturb(&grid, &plan)
      grid.run(for: .milliseconds(Int.random(in: 20...1_000, using: &plan)))
    }
    grid.faults = .none
    grid.cut = []
    grid.startAll()
    grid.run(for: .seconds(60))
    check(&grid)
    return (grid.problems, grid.trace)
  }

  private static func disturb(_ grid: inout Grid, _ dice: inout Dice) {
    let node = Int.random(in: grid.nodes.indices, using: &dice)
    let other = Int.random(in: grid.nodes.indices, using: &dice)
    switch Int.random(in: 0..<24, using: &dice) {
    case 0, 1: grid.crash(node)
    case 2, 3, 4: if grid.nodes[node].core == nil { grid.start(node) }
    case 5: grid.cut.insert([node, other])
    case 6:
      grid.cut.insert([node, other])
      grid.cut.insert([other, node])
    case 7, 8: grid.cut = []
    case 9: grid.feed(node, .doubted(grid.nodes[other].address))
    case 10: grid.roll(node)
    case 11: grid.retireOldest(node)
    case 12: if grid.alive.count == grid.nodes.count && grid.nodes.count > 2 { grid.wipe(node) }
    case 13: grid.append(node, bytes: 1_000, to: .archives)
    default:
      for _ in 0..<Int.random(in: 1...12, using: &dice) {
        grid.append(node, bytes: Int.random(in: 0...400, using: &dice))
      }
    }
  }

  /// All hold the same, know it, have taken suspicions back, and say nothing but heartbeats.
  static func check(_ grid: inout Grid) {
    let first = grid.nodes[0].log.vector
    for (index, node) in grid.nodes.enumerated() {
      if node.log.vector != first {
        grid.problems.append("L2: node \(index) holds something else than node 0")
      }
      for end in node.log.vector where end.durableEnd != end.end {
        grid.problems.append("node \(index): \(end.name) is not durable")
      }
      for name in node.log.retired.keys.sorted() where node.log.copies[name] != nil {
        grid.problems.append("node \(index) still holds the retired \(name)")
      }
      if node.caughtUp != 1 { grid.problems.append("node \(index) has not caught up") }
      if !node.conflicts.isEmpty {
        grid.problems.append("node \(index): \(node.conflicts[0])")
      }
      if !node.suspected.isEmpty {
        grid.problems.append("L2: node \(index) suspects \(node.suspected.sorted())")
      }
      // It may have been durable further once, on a disk that was lost since.
      for end in node.log.vector where node.durableElsewhere[end.name] ?? .zero < end.end {
        grid.problems.append("node \(index) does not know that \(end.name) is safe")
      }
      guard let status = node.core?.status else { continue }
      if status.ring.map(\.node) != grid.nodes.map(\.id) {
        grid.problems.append("node \(index) has another ring")
      }
      if status.lag != .init(segments: 0, bytes: 0) || status.bytesUnderWay != 0 {
        grid.problems.append("node \(index) has something to ship: \(status)")
      }
    }
    grid.sent = (0, 0, 0)
    let seconds = 20
    grid.run(for: .seconds(seconds))
    if grid.sent.ship + grid.sent.fetch > 0 {
      grid.problems.append("traffic at rest: \(grid.sent)")
    }
    // A heartbeat a second each, and a probe of everybody else every five.
    let count = grid.nodes.count
    if grid.sent.sync > count * (seconds + 1) + count * count * (seconds / 5 + 1) {
      grid.problems.append("too many Syncs at rest: \(grid.sent.sync)")
    }
  }

  @Test(arguments: 0..<8)
  func heals(block: Int) {
    for seed in UInt64(block * 25)..<UInt64(block * 25 + 25) {
      let problems = Self.run(seed: seed).problems
      #expect(problems.isEmpty, "seed \(seed): \(problems.prefix(3))")
    }
  }

  @Test func sameSeedGivesSameTrace() {
    for seed: UInt64 in [3, 17] {
      #expect(Self.run(seed: seed).trace == Self.run(seed: seed).trace, "seed \(seed)")
    }
  }

  @Test func plantedForgivenessBugIsCaught() {
    var settings = Grid.smallSettings
    settings.plantedBugs = .neverForgives
    let caught = (0..<20).contains { seed in
      Self.run(seed: seed, settings: settings).problems.contains { $0.hasPrefix("L2") }
    }
    #expect(caught, "B14")
  }

  /// Without pulling, only rewinding mends what the network lost.
  private static func lossy(seed: UInt64, bugs: ReplicationBugs) -> [String] {
    var settings = Grid.smallSettings
    settings.surplusPatience = .max
    settings.plantedBugs = bugs
    var grid = Grid(nodes: 3, seed: seed, settings: settings)
    grid.startAll()
    grid.run(for: .seconds(5))
    grid.faults.loss = 0.2
    for index in 0..<60 {
      grid.append(index % 3, bytes: 200)
      grid.run(for: .milliseconds(100))
    }
    grid.faults = .none
    grid.run(for: .seconds(60))
    check(&grid)
    return grid.problems
  }

  @Test func lossIsMendedByRewinding() {
    for seed: UInt64 in 0..<20 {
      let problems = Self.lossy(seed: seed, bugs: [])
      #expect(problems.isEmpty, "seed \(seed): \(problems.prefix(3))")
    }
  }

  @Test func plantedRewindBugIsCaught() {
    for seed: UInt64 in 0..<5 {
      #expect(!Self.lossy(seed: seed, bugs: .neverRewinds).isEmpty, "B6, seed \(seed)")
    }
  }
}
