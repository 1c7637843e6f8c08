import LogStore
import ReplicationCore
import RolesCore
import Testing

@testable import RolesNode

/// Damage that is met while a coordinator runs: set aside, told once, healed by a neighbour's
/// bytes, and remembered over a restart.
@Suite struct EngineHealingTests {
  private static let path = "/node"

  private final class Scene {
    let disk = SimulatedDisk()
    var engine: NodeEngine
    /// The neighbour's log, and the segment of its that both hold.
    let neighbour: Log
    let victim: SegmentName

    init() throws {
      engine = try Self.open(on: disk)
      let other = SimulatedDisk()
      var dice = Dice(seed: 9)
      let directory = try NodeDirectory.open("/other", on: other, entropy: &dice)
      neighbour = try NodeEngine.open(
        directory, on: other, settings: Self.settings, dice: &dice, at: .zero
      ).0.facts
      victim = neighbour.openSegment
      for number in 0..<20 as Range<UInt64> {
        try neighbour.append(RecordBatch([Example.submitted(number + 1, "call \(number)")]))
        try neighbour.commit()
      }
      _ = takeFromNeighbour()
    }

    static var settings: NodeSettings {
      var settings = NodeSettings()
      settings.address = "a:1"
      settings.coordinators = ["a:1", "b:1"]
      settings.coordinator = CoordinatorSettings()
      return settings
    }

    static func open(on disk: SimulatedDisk) throws -> NodeEngine {
      var dice = Dice(seed: 1)
      let directory = try NodeDirectory.open(
        EngineHealingTests.path, on: disk, entropy: &dice)
      return try NodeEngine.open(directory, on: disk, settings: settings, dice: &dice, at: .zero).0
    }

    /// All that it holds beyond our copy, by the way that the replicator's pieces come. The
    /// warnings of that turn.
    func takeFromNeighbour() -> [String] {
      let from = engine.facts.end(of: victim)?.end ?? .zero
      guard let piece = try? neighbour.read(victim, from: from, maxBytes: .max) else { return [] }
      engine.carryOut(.ingest(Replicator.IngestID(1), victim, at: from, piece))
      let outputs = engine.handle(.tick, at: .zero)
      try? engine.facts.commit()
      return warnings(outputs + engine.handle(.committed, at: .zero))
    }

    func damage() throws {
      try disk.flip(bit: 700 * 8, of: try #require(try files(".seg").first))
    }

    /// Our copies of the neighbour's segments; `.damaged` for what was set aside.
    func files(_ suffix: String) throws -> [String] {
      let folder = EngineHealingTests.path + "/facts"
      return try disk.list(folder).filter {
        $0.hasPrefix("\(victim.node)") && $0.hasSuffix(suffix)
      }.map { folder + "/" + $0 }
    }

    /// As a read that a peer asks for.
    func read() -> [String] {
      engine.carryOut(
        .read(Replicator.ReadID(1), victim, from: .zero, maxBytes: 1 << 20))
      return warnings(engine.handle(.tick, at: .zero))
    }

    func warnings(_ outputs: [NodeOutput]) -> [String] {
      outputs.compactMap { if case .warning(let text) = $0 { text } else { nil } }
    }
  }

  @Test func whatIsDamagedIsSetAsideAndToldOnce() throws {
    let scene = try Scene()
    #expect(scene.read().isEmpty)
    try scene.damage()
    let told = scene.read()
    #expect(told.count == 1 && told.first?.contains("\(scene.victim)") == true, "\(told)")
    #expect(scene.engine.diskWarnings == told)
    #expect(scene.engine.unhealed == [scene.victim])
    #expect(try scene.files(".seg.damaged").count == 1)
    #expect(scene.read().isEmpty, "what is left reads")
    #expect(scene.engine.diskWarnings.count == 1)
  }

  @Test func aNeighbourHealsItAndThatIsToldOnce() throws {
    let scene = try Scene()
    try scene.damage()
    _ = scene.read()
    let told = scene.takeFromNeighbour()
    #expect(told.count == 1 && told.first?.contains("whole again") == true, "\(told)")
    #expect(scene.engine.unhealed.isEmpty)
    #expect(scene.takeFromNeighbour().isEmpty)
    #expect(
      try scene.engine.facts.read(scene.victim, from: .zero, maxBytes: .max)
        == scene.neighbour.read(scene.victim, from: .zero, maxBytes: .max))
  }

  @Test func aRestartBeforeThatStillTellsOfTheHealing() throws {
    let scene = try Scene()
    try scene.damage()
    _ = scene.read()
    try scene.engine.facts.commit()
    scene.engine.stop()
    scene.engine = try Scene.open(on: scene.disk.killImage())
    #expect(scene.engine.unhealed == [scene.victim])
    #expect(scene.takeFromNeighbour().contains { $0.contains("whole again") })
  }

  /// With no space to keep the damaged file, nothing changes, and that is told once.
  @Test func withoutSpaceItWaits() throws {
    let scene = try Scene()
    try scene.damage()
    scene.disk.resize(capacity: 0)
    let told = scene.read() + scene.read()
    #expect(told.count { $0.contains("no space to keep it aside") } == 1, "\(told)")
    #expect(scene.engine.unhealed.isEmpty)
    scene.disk.resize(capacity: nil)
    try scene.engine.facts.commit()
    _ = scene.read()
    #expect(scene.engine.unhealed == [scene.victim])
  }
}
