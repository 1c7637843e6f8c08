import LogStore
import ReplicationCore

@testable import RolesCore

/// One client, a few servers and another coordinator around a coordinator, all driven by dice.
struct CoordinatorWorld {
  var dice: Dice
  let settings: CoordinatorSettings
  var h: CoordinatorHarness
  let oracle = CoordinatorOracle()
  var ring = RingView(
    position: 0, size: 2, listed: 2,
    peers: [RingView.Peer(node: CoordinatorHarness.peer, start: Nonce(0x77))])
  /// The client's last call, whether or not the coordinator knows it.
  var submitted: UInt64 = 0
  var servers: [FakeServer] = (1...3).map { FakeServer($0) }
  /// Who runs what, and the results that servers hold.
  var work: [TaskName: Assigned] = [:]
  var results: [TaskName: (server: Int, record: Record)] = [:]
  var polls: [RequestToken: Int] = [:]
  var nextForeign: UInt64 = 1

  init(seed: UInt64, bugs: CoordinatorSettings.PlantedBugs) {
    dice = Dice(seed: seed)
    var settings = CoordinatorSettings()
    settings.plantedBugs = bugs
    self.settings = settings
    h = CoordinatorHarness(settings, ring: ring)
    h.syncsAlways = false
    let oracle = self.oracle
    h.onReply = { oracle.judge($0, $1, $2) }
  }

  private mutating func chance(_ percent: UInt64) -> Bool { dice.next() % 100 < percent }
  private mutating func pick(_ range: ClosedRange<UInt64>) -> UInt64 {
    UInt64.random(in: range, using: &dice)
  }

  mutating func step() {
    switch dice.next() % 100 {
    case 0..<22: submit()
    case 22..<30: control()
    case 30..<36: ask()
    case 36..<62: heartbeat(Int(dice.next() % 3))
    case 62..<72: deliver()
    case 72..<80: foreign()
    case 80..<90: h.sync()
    case 90..<94: replicate()
    case 94..<97: h.pass(.milliseconds(Int64(dice.next() % 8_000)))
    case 97..<99: ringChanges()
    default: crash()
    }
    takeAnswers()
  }

  // MARK: The client

  private mutating func submit() {
    let known = h.coordinator.ledger.session(CallSample.session)?.knownThrough.value ?? 0
    // Mostly the next ones; now and then old ones again, or with a hole before them.
    var first = submitted + 1
    if chance(40) { first = max(1, min(known + 1, submitted + 1)) }
    if chance(20) { first = pick(1...submitted + 1) }
    let last = first + pick(0...3)
    submitted = max(submitted, last)
    var request = ClientRequest.with((first...last).map { CallSample.submitted($0) })
    if chance(30) { request.poll = pick(1...3_000) }
    h.ask(request)
  }

  private mutating func control() {
    guard submitted > 0 else { return }
    let counter = pick(1...submitted)
    var request = ClientRequest.with([])
    switch dice.next() % 4 {
    case 0: request.records = [CallSample.cancelled(counter)]
    case 1: request.records = [CallSample.collected(counter)]
    case 2: request.records = [CallSample.released(counter...min(submitted, counter + 2))]
    default:
      request.records = [
        CallSample.released(1...max(1, counter / 2)), CallSample.collected(counter),
      ]
    }
    h.ask(request)
  }

  private mutating func ask() {
    var request = ClientRequest.poll(pick(0...2_000))
    if chance(30), submitted > 0 {
      request.wanted = [CallCounter(pick(1...submitted))...CallCounter(submitted + 1)]
    }
    request.wantsHash = chance(30)
    h.ask(request)
  }

  // MARK: Servers

  private mutating func heartbeat(_ index: Int) {
    if chance(3) {
      // A restart without memory.
      servers[index].incarnation += 1
      servers[index].sequence = 0
      servers[index].running = []
    }
    servers[index].holding = results.keys.filter { results[$0]?.server == index }.sorted()
    let wants = pick(0...3)
    let poll = chance(50) ? pick(1...2_000) : 0
    let request = servers[index].next().request(wants: wants, poll: poll)
    polls[h.ask(request)] = index
    for task in servers[index].running where chance(40) {
      guard let assigned = work[task] else { continue }
      servers[index].running.removeAll { $0 == task }
      let record =
        chance(85)
        ? CallSample.finished(assigned, "result of \(assigned.call.counter)")
        : Record(
          .failed(
            Failed(
              task: task, call: assigned.call, digest: assigned.digest, server: assigned.server,
              reason: .killed, detail: "")))
      results[task] = (index, record)
    }
  }

  private mutating func deliver() {
    let held = results.keys.sorted()
    guard !held.isEmpty else { return }
    let task = held[Int(dice.next() % UInt64(held.count))]
    guard let (index, record) = results[task] else { return }
    var request = ResultsRequest(server: servers[index].id)
    request.records = [record]
    h.ask(request)
  }

  /// Servers take their answers, unless they are lost.
  private mutating func takeAnswers() {
    for token in polls.keys.sorted() {
      guard let response = h.server(token), let index = polls.removeValue(forKey: token) else {
        continue
      }
      if chance(5) { continue }
      for assigned in h.assigned(token) {
        work[assigned.task] = assigned
        servers[index].running.append(assigned.task)
      }
      servers[index].running.removeAll { response.cancel.contains($0) }
      for task in response.safe where results[task]?.server == index { results[task] = nil }
    }
  }

  // MARK: The other coordinator

  private mutating func foreign() {
    let counter = pick(1...submitted + 3)
    let task = CallSample.foreignTask(1, number: nextForeign)
    let assigned = CallSample.assigned(task, counter, to: FakeServer(77).id)
    switch dice.next() % 4 {
    case 0: h.append([CallSample.submitted(counter)], to: h.foreign)
    case 1:
      nextForeign += 1
      h.append([Record(.assigned(assigned))], to: h.foreign)
    case 2:
      nextForeign += 1
      h.append([CallSample.finished(assigned, "elsewhere")], to: h.foreign)
    default: h.append([CallSample.collected(counter, "elsewhere")], to: h.foreign)
    }
  }

  private mutating func replicate() {
    let segment = chance(70) ? h.own : h.foreign
    let written = h.log.filter { $0.position.segment == segment && $0.sequence <= h.durable }
    guard let last = written.last?.position.ordinal.value else { return }
    let records = Ordinal(pick(0...last + 1))
    oracle.peerDurable[segment] = max(oracle.peerDurable[segment] ?? .zero, records)
    h.send(.peerDurable(segment, records))
  }

  private mutating func ringChanges() {
    ring.peers[0].suspected.toggle()
    ring.size = ring.peers[0].suspected ? 1 : 2
    h.send(.ring(ring))
  }

  private mutating func crash() {
    polls = [:]
    h.crash(settings, ring: ring)
    for (segment, records) in oracle.peerDurable.sorted(by: { $0.key < $1.key }) {
      h.send(.peerDurable(segment, records))
    }
  }

  // MARK: The end

  /// No more faults: everything is synced, servers work and deliver, the other coordinator is gone.
  mutating func calmDown() {
    ring.peers[0].suspected = true
    ring.size = 1
    h.send(.ring(ring))
    let first = (h.coordinator.ledger.session(CallSample.session)?.knownThrough.value ?? 0) + 1
    if first <= submitted { h.submit(first...submitted) }
    for _ in 0..<400 {
      h.sync()
      h.pass(.seconds(1))
      for index in servers.indices {
        servers[index].holding = []
        let token = h.ask(servers[index].next().request(wants: 8, poll: 0))
        for assigned in h.assigned(token) { h.finish(assigned) }
        servers[index].running = []
      }
      for task in results.keys.sorted() {
        guard let (index, record) = results.removeValue(forKey: task) else { continue }
        var request = ResultsRequest(server: servers[index].id)
        request.records = [record]
        h.ask(request)
      }
      if unfinished().isEmpty { return }
    }
  }

  func unfinished() -> [CallName] {
    var left: [CallName] = []
    h.coordinator.ledger.forEachCall(of: CallSample.session) { entry in
      let isOpen = entry.versions.contains { $0.state < .exhausted && $0.submission != nil }
      if isOpen { left.append(entry.call) }
      return true
    }
    return left
  }
}
