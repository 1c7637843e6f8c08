import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

/// The three real cores together, with one coordinator and no faults of the network: what each
/// expects of the others' messages.
struct ClientGridTests {
  @Test func callsRunAndAreCollected() {
    var grid = Grid()
    for number in 1...50 { grid.client.submit("call \(number)") }
    grid.run { $0.client.results.count == 50 }
    #expect(grid.client.results.count == 50)
    #expect(Set(grid.client.results.map(\.call.counter.value)) == Set(1...50))
    #expect(grid.server.started.count == 50)
    for result in grid.client.results {
      grid.client.handle(.collect(result.call.counter, result: result.result.hash))
    }
    grid.run { $0.client.progress.unsafeControls == 0 && $0.server.server.held.count == 0 }
    #expect(grid.client.progress.unsafeControls == 0)
    #expect(grid.server.server.held.count == 0)
    #expect(grid.violations.isEmpty)
  }

  @Test func chainedCallsFollowEachOther() {
    var grid = Grid()
    let start = grid.now
    for number in 1...20 {
      grid.client.submit("call \(number)")
      grid.run { $0.client.results.count == number }
    }
    #expect(grid.client.results.count == 20)
    // No timer is waited for between two of them.
    #expect(grid.now - start < .milliseconds(500))
  }

  @Test func relaunchedProgramGetsItsResultsWithoutItsLog() {
    var grid = Grid()
    for number in 1...20 { grid.client.submit("call \(number)") }
    grid.run { $0.client.results.count == 20 }
    for result in grid.client.results.prefix(5) {
      grid.client.handle(.collect(result.call.counter, result: result.result.hash))
    }
    grid.run { $0.client.progress.unsafeControls == 0 }
    grid.relaunchClient()
    for number in 1...20 { grid.client.submit("call \(number)") }
    grid.run { $0.client.results.count == 20 }
    #expect(grid.client.results.count == 20)
    #expect(grid.server.started.count == 20)
  }

  @Test func changedProgramIsToldWhere() {
    var grid = Grid()
    for number in 1...20 { grid.client.submit("call \(number)") }
    grid.run { $0.client.results.count == 20 }
    grid.relaunchClient()
    for number in 1...20 { grid.client.submit(number == 7 ? "changed" : "call \(number)") }
    grid.run { $0.client.client.divergence != nil }
    #expect(grid.client.client.divergence?.call.counter.value == 7)
    #expect(grid.server.started.count == 20)
  }

  @Test func cancelledCallsAreKilledAndReleased() {
    var grid = Grid()
    grid.finishesTasks = false
    for number in 1...6 { grid.client.submit("call \(number)") }
    grid.run { $0.server.running.count == 2 }
    grid.client.handle(.cancelAll)
    grid.run {
      $0.server.server.tasks.isEmpty && $0.client.client.released.contains(CallCounter(6))
    }
    #expect(grid.server.running.isEmpty)
    #expect(grid.client.client.released.ranges == [CallCounter(1)...CallCounter(6)])
    #expect(grid.client.results.isEmpty)
  }

  @Test func attachedClientReadsAndEndsTheSession() {
    var grid = Grid()
    for number in 1...10 { grid.client.submit("call \(number)") }
    grid.run { $0.client.results.count == 10 }
    grid.relaunchClient()
    grid.client.handle(.attach(wantsResults: true))
    grid.run { $0.client.results.count == 10 }
    #expect(grid.client.results.count == 10)
    grid.client.handle(.endSession)
    grid.run { $0.client.progress.isEnded }
    #expect(grid.client.progress.isEnded)
    grid.run { $0.server.server.held.count == 0 }
    #expect(grid.server.server.held.count == 0)
  }

  @Test func restartedServersResultsCount() {
    var grid = Grid()
    for number in 1...10 { grid.client.submit("call \(number)") }
    grid.run { $0.client.results.count == 4 }
    grid.restartServer()
    grid.run { $0.client.results.count == 10 }
    #expect(grid.client.results.count == 10)
    #expect(Set(grid.client.results.map(\.call.counter)).count == 10)
  }

  struct Grid {
    var coordinator = CoordinatorHarness()
    var client = ClientBench()
    var server = ServerBench(slots: 2, prefetch: 2)
    var now = Instant.ms(5000)
    var finishesTasks = true
    private var clientTokens: [ExchangeID: RequestToken] = [:]
    private var serverTokens: [ExchangeID: RequestToken] = [:]

    var violations: [String] { client.violations + server.violations }

    init() {
      tell()
      client.start()
      server.start()
    }

    private mutating func tell() {
      coordinator.now = now
      client.now = now
      server.now = now
    }

    /// A new process draws its exchange ids anew.
    mutating func relaunchClient() {
      clientTokens = [:]
      client.relaunch(losesLog: true)
    }

    mutating func restartServer() {
      serverTokens = [:]
      server.restart(seed: 9)
    }

    /// Until `isDone`, at most a virtual minute.
    mutating func run(until isDone: (Grid) -> Bool) {
      let end = now + .seconds(60)
      while !isDone(self), now < end {
        if turn() { continue }
        now = now + .milliseconds(5)
        tell()
        client.handle(.tick)
        server.handle(.tick)
        if let wake = coordinator.wakeAt, wake <= now { coordinator.send(.tick) }
      }
    }

    /// Delivers what waits; false if nothing did.
    private mutating func turn() -> Bool {
      var moved = ask()
      for sent in client.inFlight {
        guard let token = clientTokens[sent.id], case .client(let response)? = reply(token) else {
          continue
        }
        client.answer(sent, response)
        moved = true
      }
      for sent in server.inFlight {
        guard let token = serverTokens[sent.id], let reply = reply(token) else { continue }
        if case .server(let response) = reply { server.answer(sent, response) }
        if case .results(let response) = reply { server.answer(sent, response) }
        moved = true
      }
      for directive in server.said {
        guard case .kill(let task) = directive, server.running.contains(task) else { continue }
        server.running.removeAll { $0 == task }
        server.handle(.taskEnded(task, .failed(.killed, detail: "cancelled")))
        moved = true
      }
      if finishesTasks, let task = server.running.first {
        server.finish(task)
        moved = true
      }
      return moved
    }

    private func reply(_ token: RequestToken) -> Coordinator.Reply? { coordinator.replies[token] }

    private mutating func draw() -> RequestToken {
      coordinator.nextToken += 1
      return RequestToken(coordinator.nextToken)
    }

    private mutating func ask() -> Bool {
      var moved = false
      for sent in client.inFlight where clientTokens[sent.id] == nil {
        let token = draw()
        clientTokens[sent.id] = token
        coordinator.send(.clientRequest(token, sent.request))
        moved = true
      }
      for sent in server.inFlight where serverTokens[sent.id] == nil {
        let token = draw()
        serverTokens[sent.id] = token
        if let poll = sent.poll { coordinator.send(.serverRequest(token, poll)) }
        if let delivery = sent.delivery { coordinator.send(.resultsRequest(token, delivery)) }
        moved = true
      }
      return moved
    }
  }
}
