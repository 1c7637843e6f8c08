import LogStore
import ReplicationCore
import RolesCore
import Testing

@testable import RolesNode

/// Whether a node says that its log is full: either of its two logs makes it so, until both have
/// room.
@Suite struct LogFullTests {
  private static let path = "/node"

  private func open(on disk: SimulatedDisk, archives capacity: UInt64? = nil) throws -> NodeEngine {
    var settings = NodeSettings()
    settings.address = "a:1"
    settings.coordinators = ["a:1"]
    settings.coordinator = CoordinatorSettings()
    settings.archivesLog.capacity = capacity
    var dice = Dice(seed: 1)
    let directory = try NodeDirectory.open(Self.path, on: disk, entropy: &dice)
    let (engine, _) = try NodeEngine.open(
      directory, on: disk, settings: settings, dice: &dice, at: .zero)
    return engine
  }

  private func warnings(_ outputs: [NodeOutput]) -> [String] {
    outputs.compactMap { if case .warning(let text) = $0 { text } else { nil } }
  }

  @Test func theArchivesAloneMakeItFullAndItStaysSo() throws {
    let disk = SimulatedDisk()
    var engine = try open(on: disk)
    let log = engine.archives.log
    disk.resize(capacity: 4096)
    var dice = Dice(seed: 2)
    for _ in 0..<300 where log.fullness == nil {
      let bytes = (0..<(256 << 10)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
      _ = try? log.append(RecordBatch([Record(kind: RecordKind(60), payload: bytes)]))
      _ = try? log.commit()
    }
    #expect(log.fullness != nil)
    #expect(engine.facts.fullness == nil)
    var told: [String] = []
    for _ in 0..<5 { told += warnings(engine.handle(.committed, at: .zero)) }
    #expect(told.count == 1 && engine.isLogFull, "\(told)")
    disk.resize(capacity: nil)
    try log.idle()
    told = []
    for _ in 0..<5 { told += warnings(engine.handle(.committed, at: .zero)) }
    #expect(told == ["the log takes new work again"])
    #expect(!engine.isLogFull)
  }

  /// Under a quota nothing but the refusal tells it.
  @Test(arguments: [(UInt64(2 << 20), true), (UInt64(64 << 20), false)])
  func aQuotaOfTheArchivesHoldsUntilThereIsRoom(capacity: UInt64, staysFull: Bool) throws {
    var engine = try open(on: SimulatedDisk(), archives: capacity)
    engine.setLogFull(true)
    _ = engine.handle(.committed, at: .zero)
    #expect(engine.isLogFull == staysFull)
  }
}
