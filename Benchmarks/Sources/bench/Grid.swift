import Foundation
import LogStore
import Measuring
import ReplicationCore
import RolesCore
import RolesNode
import RolesShell

// Our side: a real `rpcv coordinator`, a real `rpcv server`, and the library's client in this
// process. Every call is logged by all three.

final class GridCaller: Caller {
  let name: String
  private let coordinator: Daemon
  private let server: Daemon
  let node: NodeShell
  let news = NewsQueue()
  var submitted: UInt64 = 0
  private var progress = Client.Progress()

  /// The coordinator's data goes into `coordinatorDirectory`, if that is given.
  init(
    _ name: String, rpcv: String, directory: String, slots: Int, sync: String, policy: SyncPolicy,
    coordinatorDirectory: String? = nil
  ) throws {
    self.name = name
    let port = try BlockingSocket.freePort()
    let address = "127.0.0.1:\(port)"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    coordinator = try Daemon(
      rpcv,
      [
        "coordinator", "--listen", address, "--sync", sync,
        "--directory", coordinatorDirectory ?? directory + "/coordinator",
      ], log: directory + "/coordinator.out")
    try coordinator.waitUntilListening(on: port)
    server = try Daemon(
      rpcv,
      ["server", "--coordinators", address, "--slots", "\(slots)", "--sync", sync]
        + ["--directory", directory + "/server"], log: directory + "/server.out")
    var settings = NodeSettings()
    settings.coordinators = [address]
    settings.factsLog.syncPolicy = policy
    var generator = SystemRandomNumberGenerator()
    let session = ID128.random(using: &generator)
    var client = ClientSettings(
      session: SessionName(
        user: UserID(ID128(hashing: "bench")), session: SessionID(session)))
    client.userText = "bench"
    client.sessionText = "bench-\(session)"
    client.mode = .releaseOnCollection
    client.isNewSession = true
    settings.client = client
    let news = news
    node = try NodeShell.start(
      NodeConfiguration(directory: directory + "/client", settings: settings),
      events: NodeEvents(
        onClient: { news.put($0) }, onEnd: { news.fail("the client's node ended: \($0)") }))
  }

  func calls(_ count: Int, inFlight: Int) throws -> Round {
    var round = Round()
    round.latencies.reserveCapacity(count)
    var begun: [UInt64: UInt64] = [:]
    let first = submitted
    let start = Clock.now()
    while round.latencies.count < count {
      let now = Clock.now()
      while submitted - first < UInt64(count),
        Int(submitted - first) - round.latencies.count < inFlight
      {
        submit()
        begun[submitted] = now
      }
      let batch = try news.take()
      let end = Clock.now()
      for item in batch {
        switch item {
        case .result(let call, let finished, _):
          guard let began = begun.removeValue(forKey: call.counter.value) else { continue }
          round.latencies.append(end - began)
          node.tell(.collect(call.counter, result: finished.result.hash))
        default: try note(item)
        }
      }
    }
    round.seconds = Double(Clock.now() - start) / 1e9
    return round
  }

  func submit() {
    submitted += 1
    var spec = CallSpec()
    spec.service = "noop"
    spec.arguments = [Workload.argument]
    node.tell(
      .submit(Client.Ticket(submitted), spec, wallTime: MonotonicClock.wallMilliseconds()))
  }

  func note(_ item: ClientNews) throws {
    switch item {
    case .progress(let progress): self.progress = progress
    case .exhausted(let call, let failed):
      throw BenchError("call \(call.counter) failed: \(failed.detail)")
    case .refused(_, let error): throw BenchError("\(error)")
    default: break
    }
  }

  /// Until the coordinator knows what was collected.
  func rest() throws {
    let end = Clock.now() + 10_000_000_000
    while progress.unheldControls > 0 || progress.acceptedThrough.value < submitted {
      guard Clock.now() < end else { return }
      for item in try news.take() { try note(item) }
    }
  }

  func stop() {
    node.stop()
    server.stop()
    coordinator.stop()
  }
}

/// From the node's thread to the measuring one.
final class NewsQueue: @unchecked Sendable {  // proof: all under `condition`
  private let condition = NSCondition()
  private var items: [ClientNews] = []
  private var failure: String?

  func put(_ item: ClientNews) {
    switch item {
    case .result, .progress, .exhausted, .refused: break
    default: return
    }
    condition.lock()
    items.append(item)
    if items.count == 1 { condition.signal() }
    condition.unlock()
  }

  func fail(_ reason: String) {
    condition.lock()
    failure = reason
    condition.signal()
    condition.unlock()
  }

  /// All there is; waits for some, at most a minute.
  func take() throws -> [ClientNews] {
    let items = try take(within: 60)
    guard !items.isEmpty else { throw BenchError("no answer within a minute") }
    return items
  }

  /// All there is; waits for some, at most so many seconds.
  func take(within seconds: Double) throws -> [ClientNews] {
    condition.lock()
    defer { condition.unlock() }
    let end = Date(timeIntervalSinceNow: seconds)
    while items.isEmpty, failure == nil, condition.wait(until: end) {}
    if let failure { throw BenchError(failure) }
    defer { items = [] }
    return items
  }
}
