import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// Random runs of one session over two coordinators: answers lost, late and out of order, syncs
/// late, crashes of the client with and without its unsynced tail, of coordinators' disks. What
/// must always hold is checked at each step, what must come at the end.
struct ClientRandomTests {
  @Test(arguments: 0..<60 as Range<UInt64>)
  func everyCallEndsOnceWhateverHappens(seed: UInt64) {
    var world = World(seed: seed)
    for _ in 0..<400 { world.step() }
    world.calm()
    #expect(world.problems.isEmpty, "seed \(seed)")
    #expect(world.bench.violations.isEmpty, "seed \(seed)")
    #expect(world.coordinators.flatMap(\.complaints) == [], "seed \(seed)")
  }

  struct World {
    var dice: Dice
    var bench: ClientBench
    var coordinators = [ModelCoordinator(), ModelCoordinator()]
    var problems: [String] = []
    var submitted = 0
    /// Of the present run.
    var seen: [CallCounter: Hash256] = [:]
    /// Of any run: a collected result stays the result.
    var collected: [CallCounter: Hash256] = [:]
    private var examined = 0
    private var total = 24

    init(seed: UInt64) {
      dice = Dice(seed: seed)
      let strategies = LoggingStrategy.allCases
      let strategy = strategies[Int(dice.next() % UInt64(strategies.count))]
      let mode: SessionMode = dice.next() % 2 == 0 ? .keep : .releaseOnCollection
      bench = ClientBench(strategy: strategy, mode: mode) { settings in
        settings.batchRecords = 5
        settings.memoryBudget = 700
        settings.wantedRanges = 3
      }
      bench.persistsAtOnce = false
      bench.start(["a", "b"])
    }

    private mutating func chance(_ percent: UInt64) -> Bool { dice.next() % 100 < percent }
    private mutating func pick(_ count: Int) -> Int { Int(dice.next() % UInt64(count)) }

    mutating func step() {
      switch pick(20) {
      case 0...3: submitNext()
      case 4...5: bench.persist()
      case 6...11: answerOne(loses: chance(10))
      case 12: if let sent = bench.inFlight.first { bench.fail(sent) }
      case 13...14: finishOne()
      case 15: collectOne()
      case 16: replicate()
      case 17: bench.advance(.milliseconds(Int64(1 + pick(400))))
      case 18: if chance(30) { bench.advance(.seconds(11)) }
      default:
        if chance(12) { relaunch() } else if chance(5) { loseADisk() }
      }
      examine()
    }

    private mutating func submitNext() {
      guard submitted < total else { return }
      submitted += 1
      bench.submit("call \(submitted)")
    }

    /// The request may have been carried out although its answer is lost.
    private mutating func answerOne(loses: Bool) {
      guard !bench.inFlight.isEmpty else { return }
      let sent = bench.inFlight[pick(bench.inFlight.count)]
      let index = sent.address == "a" ? 0 : 1
      let refusal = coordinators[index].take(sent.request)
      let response = coordinators[index].answer(
        sent.request, copies: coordinators, refusal: refusal)
      if loses { bench.fail(sent) } else { bench.answer(sent, response) }
    }

    private mutating func finishOne() {
      let index = pick(2)
      let open = coordinators[index].submitted.keys.sorted().filter {
        coordinators[index].results[$0] == nil
      }
      guard !open.isEmpty else { return }
      coordinators[index].finish(open[pick(open.count)], session: Example.session)
    }

    private mutating func collectOne() {
      let open = seen.keys.sorted().filter { collected[$0] == nil }
      guard !open.isEmpty else { return }
      collect(open[pick(open.count)])
    }

    private mutating func collect(_ counter: CallCounter) {
      guard let hash = seen[counter] else { return }
      collected[counter] = hash
      bench.handle(.collect(counter, result: hash))
    }

    private mutating func replicate() {
      let from = pick(2)
      coordinators[1 - from].merge(coordinators[from])
    }

    private mutating func relaunch() {
      bench.relaunch(["a", "b"], losesUnsynced: chance(50), seed: dice.next())
      bench.persistsAtOnce = false
      submitted = 0
      seen = [:]
      examined = 0
    }

    private mutating func loseADisk() { coordinators[pick(2)] = ModelCoordinator() }

    mutating func examine() {
      var last = CallCounter.zero
      for directive in bench.said.prefix(examined) {
        if case .submitted(_, let submission) = directive { last = submission.call.counter }
      }
      for directive in bench.said.dropFirst(examined) {
        switch directive {
        case .submitted(_, let submission):
          if submission.call.counter != last.next { problems.append("a gap after \(last)") }
          last = submission.call.counter
        case .result(let call, let finished, _):
          if seen[call.counter] != nil { problems.append("call \(call.counter) came twice") }
          if finished.digest != Example.digest("call \(call.counter)") {
            problems.append("call \(call.counter) has another digest")
          }
          if let before = collected[call.counter], before != finished.result.hash {
            problems.append("call \(call.counter) changed after its collection")
          }
          seen[call.counter] = finished.result.hash
        case .diverged(let divergence): problems.append("\(divergence)")
        case .refused(_, let error): problems.append("\(error)")
        case .rejected(_, let refusal): problems.append("\(refusal)")
        default: break
        }
      }
      examined = bench.said.count
    }

    /// No more faults: all that was submitted ends, and all becomes safe.
    mutating func calm() {
      while submitted < total { submitNext() }
      bench.persistsAtOnce = true
      bench.persist()
      for _ in 0..<600 {
        for index in 0..<2 {
          coordinators[1 - index].merge(coordinators[index])
          for counter in coordinators[index].submitted.keys.sorted() {
            coordinators[index].finish(counter, session: Example.session)
          }
        }
        for _ in 0..<3 { answerOne(loses: false) }
        examine()
        for counter in seen.keys.sorted() where collected[counter] == nil { collect(counter) }
        bench.advance(.milliseconds(200))
        if isAtRest { break }
      }
      if !isAtRest {
        problems.append(
          "not at rest: \(bench.progress), seen \(seen.count), \(bench.client.missing.ranges)")
      }
    }

    private var isAtRest: Bool {
      bench.returned.count == total && bench.client.missing.isEmpty && bench.inFlight.isEmpty
        && bench.progress.unsafeControls == 0 && bench.progress.safeThrough.value >= UInt64(total)
    }
  }
}
