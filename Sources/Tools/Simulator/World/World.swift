import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// A grid in one thread and virtual time: real engines of all roles on simulated disks and a
// simulated network, all from one seed. It owns the clock, the queue of what will happen and the
// nodes; it promises that equal scenarios run equally. It decides nothing that a node decides.
//
// The parts: Lives (start, death), Outputs (what an engine asks for), Committing (the disk),
// Network, Tasks, Programs (clients' applications), Storm (faults), and the checks.

public final class World {
  let scenario: Scenario
  var dice: Dice
  var now = Instant(nanoseconds: 1_000_000_000)
  let stormEnd: Instant
  var queue = EventQueue<Happening>()
  var nodes: [SimulatedNode] = []
  var network: Network
  var programs: [Program] = []
  var truth = Truth()
  var segments = SegmentTruth()
  /// The last that was read of each disk.
  var certain: [Int: CertainFacts] = [:]
  var toldSafe: [SessionName: CallCounter] = [:]
  /// How far the acting node held which segments before its step.
  var heldBefore: [SegmentName: Int] = [:]
  var trace: Trace
  var statistics = Statistics()
  var violation: Violation?
  var isCalm = false
  /// What tasks were told to do.
  var specs: [TaskName: Submitted] = [:]
  var nextNumber = 1
  var events = 0

  enum Happening {
    case wake(Int, life: Int)
    case write(Int, life: Int, LogKind)
    case commit(Int, life: Int, LogKind)
    case idle(Int, life: Int, LogKind, LogSequence)
    case arrive(UInt64)
    case respond(UInt64, [UInt8])
    case fail(UInt64, String)
    case forget(UInt64)
    case gone(Int, life: Int, IncomingToken)
    case taskEnds(Int, life: Int, TaskName, number: Int)
    case program(Int, run: Int, ProgramStep)
    case fault(Fault)
    case restart(Int, life: Int)
    case audit
  }

  public init(_ scenario: Scenario) {
    self.scenario = scenario
    dice = Dice(seed: scenario.seed)
    stormEnd = now + scenario.storm
    network = Network(scenario.faults)
    trace = Trace(limit: scenario.traceLines)
    let count = scenario.coordinators + scenario.servers + scenario.clients
    for index in 0..<count { nodes.append(makeNode(index)) }
    for client in 0..<scenario.clients {
      let node = scenario.coordinators + scenario.servers + client
      programs.append(Program(client, on: node, scenario, dice: &dice))
    }
  }

  private func makeNode(_ index: Int) -> SimulatedNode {
    let role: SimulatedNode.Role
    let name: String
    if index < scenario.coordinators {
      (role, name) = (.coordinator, "c\(index)")
    } else if index < scenario.coordinators + scenario.servers {
      (role, name) = (.server, "s\(index - scenario.coordinators)")
    } else {
      let client = index - scenario.coordinators - scenario.servers
      (role, name) = (.client(client), "k\(client)")
    }
    return SimulatedNode(
      role: role, address: "\(name):1", name: name, disk: SimulatedDisk(), diskNumber: index)
  }

  var coordinators: [Int] { Array(0..<scenario.coordinators) }
  var servers: [Int] {
    Array(scenario.coordinators..<scenario.coordinators + scenario.servers)
  }

  func draw() -> Int {
    nextNumber += 1
    return nextNumber
  }

  func say(_ text: @autoclosure () -> String) { trace.say(now, text()) }

  func violate(_ invariant: String, _ text: String) {
    guard violation == nil else { return }
    violation = Violation(invariant, text)
    say("VIOLATION \(invariant): \(text)")
  }

  // MARK: - The run

  /// The whole scenario: storm, calm, checks.
  public func run() -> Outcome {
    for index in nodes.indices { start(index) }
    planStorm()
    queue.add(.audit, at: now + .seconds(5))
    run(until: stormEnd) { false }
    if violation == nil { becomeCalm() }
    if violation == nil { awaitRest() }
    return Outcome(
      violation: violation, hash: trace.hash, steps: trace.count,
      time: now - Instant(nanoseconds: 1_000_000_000), statistics: statistics, tail: trace.tail)
  }

  /// Lets everything happen until then, a violation, or what `isEnough` says between two events.
  func run(until end: Instant, _ isEnough: () -> Bool) {
    while violation == nil, let due = queue.next, due <= end, !isEnough() {
      guard let (due, happening) = queue.popFirst() else { return }
      now = max(now, due)
      events += 1
      if events > scenario.eventLimit {
        return violate("I9", "\(events) events in \(now): somebody never rests")
      }
      perform(happening)
    }
    if violation == nil, !isEnough() { now = max(now, end) }
  }

  private func perform(_ happening: Happening) {
    switch happening {
    case .wake(let node, let life): wake(node, life)
    case .write(let node, let life, let kind): write(node, life, kind)
    case .commit(let node, let life, let kind): commit(node, life, kind)
    case .idle(let node, let life, let kind, let sequence): idle(node, life, kind, sequence)
    case .arrive(let exchange): arrive(exchange)
    case .respond(let exchange, let payload): respond(exchange, payload)
    case .fail(let exchange, let reason): fail(exchange, reason)
    case .forget(let exchange): forget(exchange)
    case .gone(let node, let life, let token): gone(node, life, token)
    case .taskEnds(let node, let life, let task, let number): taskEnds(node, life, task, number)
    case .program(let client, let run, let step): act(client, run, step)
    case .fault(let fault): strike(fault)
    case .restart(let node, let life): restart(node, life)
    case .audit:
      audit()
      queue.add(.audit, at: now + .seconds(5))
    }
  }

  // MARK: - One node's turn

  /// Gives an input to a node and carries out what it answers, unless the node dies on it.
  func feed(_ node: Int, _ input: NodeInput) {
    guard nodes[node].isRunning, violation == nil else { return }
    if case .tick = input { watchDeletions(node, before: true) }
    trace.add(UInt64(node), now.nanoseconds)
    let outputs = onDisk(of: node) { nodes[node].engine?.handle(input, at: now) ?? [] }
    guard let outputs else { return }
    if case .tick = input { watchDeletions(node, before: false) }
    carryOut(outputs, of: node)
  }

  /// A node that asks to be woken at once again and again keeps a processor busy for nothing.
  private func checkRest(_ node: Int) {
    guard let due = nodes[node].wakeAt, due <= now else {
      nodes[node].restlessWakes = 0
      return
    }
    nodes[node].restlessWakes += 1
    guard nodes[node].restlessWakes > 2_000 else { return }
    let who = nodes[node].engine?.wakers(by: now) ?? []
    violate("I9", "\(nodes[node].name) never rests: \(who.joined(separator: ", ")) want to go on")
  }

  func wake(_ node: Int, _ life: Int) {
    guard nodes[node].life == life, let due = nodes[node].wakeAt, due <= now else { return }
    nodes[node].wakeAt = nil
    feed(node, .tick)
    checkRest(node)
  }
}
