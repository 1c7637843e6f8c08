import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Random runs of one server under two coordinators: answers lost and late, crashes with and
/// without the unsynced tail, a log that refuses. A durable result is never forgotten before it is
/// safe, and in the end all of them are.
struct ServerRandomTests {
  @Test(arguments: 0..<60 as Range<UInt64>)
  func durableResultIsKeptUntilItIsSafe(seed: UInt64) {
    var world = World(seed: seed)
    for _ in 0..<400 { world.step() }
    world.calm()
    #expect(world.problems.isEmpty, "seed \(seed)")
    #expect(world.bench.violations.isEmpty, "seed \(seed)")
  }

  @Test func plantedBug13IsCaughtByTheSameCheck() {
    let caught = (0..<60 as Range<UInt64>).contains { seed in
      var world = World(seed: seed, bugs: .dropsReceived)
      for _ in 0..<400 { world.step() }
      return !world.problems.isEmpty
    }
    #expect(caught)
  }

  struct World {
    var dice: Dice
    var bench: ServerBench
    var problems: [String] = []
    /// What each coordinator holds durably.
    var held: [Set<TaskName>] = [[], []]
    private var nextTask: UInt64 = 1
    private var examined = 0
    /// Told safe by a coordinator, so that it may be dropped.
    private var toldSafe: Set<TaskName> = []

    init(seed: UInt64, bugs: ServerSettings.PlantedBugs = []) {
      dice = Dice(seed: seed)
      bench = ServerBench(slots: 3, prefetch: 2, bugs: bugs) { settings in
        settings.batchRecords = 3
        settings.memoryBudget = 600
        settings.holdingListed = 4
      }
      bench.persistsAtOnce = false
      bench.start(["a", "b"])
    }

    private mutating func chance(_ percent: UInt64) -> Bool { dice.next() % 100 < percent }
    private mutating func pick(_ count: Int) -> Int { Int(dice.next() % UInt64(count)) }
    private func isSafe(_ task: TaskName) -> Bool { held.allSatisfy { $0.contains(task) } }

    mutating func step() {
      switch pick(16) {
      case 0...5: answerOne(loses: chance(15), assigns: true)
      case 6...8: endOne()
      case 9...10: bench.persist()
      case 11: replicate()
      case 12: bench.advance(.milliseconds(Int64(1 + pick(500))))
      case 13: if chance(20) { bench.advance(.seconds(12)) }
      case 14:
        bench.refusesAppends = chance(20)
        bench.advance(.milliseconds(100))
      default: if chance(15) { crash() }
      }
      examine()
    }

    private mutating func answerOne(loses: Bool, assigns: Bool) {
      guard !bench.inFlight.isEmpty else { return }
      let sent = bench.inFlight[pick(bench.inFlight.count)]
      let index = sent.address == "a" ? 0 : 1
      if let request = sent.poll {
        var response = ServerResponse()
        response.sequence = request.sequence
        for task in request.holding {
          if isSafe(task) {
            response.safe.append(task)
          } else if !held[index].contains(task) {
            response.send.append(task)
          }
        }
        let count = assigns ? min(request.wants, UInt64(pick(4))) : 0
        for _ in 0..<count {
          response.assignments.append(ServerBench.assignment(nextTask))
          nextTask += 1
        }
        if chance(5), let task = request.running.first { response.cancel = [task] }
        if loses { return bench.fail(sent) }
        toldSafe.formUnion(response.safe)
        bench.answer(sent, response)
      } else if let request = sent.delivery {
        let tasks = request.records.compactMap(ServerBench.ends)
        var response = ResultsResponse()
        // Sometimes only some of them become durable.
        let count = chance(80) ? tasks.count : pick(tasks.count + 1)
        held[index].formUnion(tasks.prefix(count))
        response.held = Array(tasks.prefix(count))
        response.safe = tasks.filter { isSafe($0) }
        if loses { return bench.fail(sent) }
        toldSafe.formUnion(response.safe)
        bench.answer(sent, response)
      }
    }

    private mutating func endOne() {
      guard !bench.running.isEmpty else { return }
      bench.finish(bench.running[pick(bench.running.count)])
    }

    private mutating func replicate() {
      let from = pick(2)
      held[1 - from].formUnion(held[from])
    }

    private mutating func crash() {
      bench.refusesAppends = false
      bench.restart(["a", "b"], losesUnsynced: chance(50), seed: dice.next())
      bench.persistsAtOnce = false
      bench.started = []
      examined = 0
    }

    mutating func examine() {
      for directive in bench.said.dropFirst(examined) {
        guard case .dropped(let task) = directive else { continue }
        if !toldSafe.contains(task) { problems.append("\(task) was dropped before it was safe") }
      }
      examined = bench.said.count
      for record in bench.log {
        guard let task = ServerBench.ends(record), !toldSafe.contains(task) else { continue }
        if bench.isDead(record) { problems.append("\(task) is dead before it is safe") }
      }
    }

    mutating func calm() {
      bench.refusesAppends = false
      bench.persistsAtOnce = true
      bench.persist()
      for _ in 0..<400 {
        replicate()
        while !bench.running.isEmpty { endOne() }
        for _ in 0..<3 { answerOne(loses: false, assigns: false) }
        examine()
        bench.advance(.milliseconds(300))
        if bench.server.held.count == 0 && bench.server.tasks.isEmpty { break }
      }
      if bench.server.held.count > 0 || !bench.server.tasks.isEmpty {
        problems.append(
          "not at rest: \(bench.server.held.count) held, \(bench.server.tasks.count) tasks")
      }
    }
  }
}
