import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// The durability table's first row, strategy by strategy (I7).
struct ClientStrategyTests {
  private func bench(_ strategy: LoggingStrategy) -> ClientBench {
    var bench = ClientBench(strategy: strategy, isNew: true)
    bench.persistsAtOnce = false
    bench.start()
    return bench
  }

  @Test func optimisticReturnsAndSendsAtOnce() {
    var bench = bench(.optimistic)
    bench.submit("one")
    #expect(bench.returned.map(\.call.counter) == [CallCounter(1)])
    #expect(bench.returned.first?.permission.logged == nil)
    #expect(bench.sync.map { bench.sentSubmissions($0.request) } == [1])
    #expect(bench.violations.isEmpty)
  }

  @Test func nonBlockingSendsAtOnceAndReturnsWhenDurable() {
    var bench = bench(.nonBlocking)
    bench.submit("one")
    #expect(bench.returned.isEmpty)
    #expect(bench.sync.map { bench.sentSubmissions($0.request) } == [1])
    bench.persist()
    #expect(bench.returned.first?.permission.logged != nil)
    #expect(bench.violations.isEmpty)
  }

  @Test func blockingSendsAndReturnsWhenDurable() {
    var bench = bench(.blocking)
    bench.submit("one")
    bench.submit("two")
    #expect(bench.returned.isEmpty)
    #expect(bench.sync == nil)
    bench.durable = LogSequence(1)
    bench.handle(.persisted(through: LogSequence(1)))
    #expect(bench.returned.map(\.call.counter.value) == [1])
    #expect(bench.sync.map { bench.sentSubmissions($0.request) } == [1])
    bench.persist()
    #expect(bench.returned.map(\.call.counter.value) == [1, 2])
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    #expect(coordinator.knownThrough.value == 2)
    #expect(bench.violations.isEmpty)
  }

  @Test func resultMayComeBeforeNonBlockingReturns() {
    var bench = bench(.nonBlocking)
    bench.submit("one")
    var coordinator = ModelCoordinator()
    bench.settle(&coordinator)
    coordinator.finish(CallCounter(1), session: Example.session)
    bench.answerPoll(coordinator)
    #expect(bench.results.count == 1)
    #expect(bench.returned.isEmpty)
  }

  @Test func whatTheLogRefusesIsRefusedAndTakesNoNumber() {
    var bench = bench(.nonBlocking)
    bench.refusesAppends = true
    bench.submit("one")
    #expect(bench.refusals == [.log("disk full")])
    #expect(bench.sync == nil)
    bench.refusesAppends = false
    bench.submit("one")
    bench.persist()
    #expect(bench.returned.map(\.call.counter.value) == [1])
  }
}
