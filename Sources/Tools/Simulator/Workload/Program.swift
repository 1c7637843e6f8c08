import LogStore
import ReplicationCore
import RolesCore

// The application of one client: a script that is the same in every run, as its users promise. It
// submits calls one after the other, cancels a few, collects what comes, and ends the session when
// it has everything. A run of it ends with the client's process; the next one starts over.

struct Program {
  /// Whether it is enough that some call was settled.
  enum Settled: Hashable {
    case result(Hash256)
    case cancelled
    case released
  }

  struct Call {
    var spec: CallSpec
    /// Bytes of its input, to be stored before it is submitted.
    var input: [UInt8]?
    var isCancelled: Bool
  }

  let client: Int
  let node: Int
  let session: SessionName
  let strategy: LoggingStrategy
  let mode: SessionMode
  let calls: [Call]
  /// Microseconds between two bursts of submits at most; slow programs live through the storm.
  let pause: Int

  // Of this run.
  var run = 0
  var submitted = 0
  var settled: [Int: Settled] = [:]
  var isEnding = false
  /// The session's end is durable at enough nodes.
  var isDone = false

  /// Calls whose collection was durable at every coordinator when this run started.
  var fixed: Set<Int> = []
  /// How many coordinators' disks had been lost by then.
  var disksLost = 0

  // Of all runs.
  /// What its files tell of results, by counter: what a run was given and collected.
  var collected: [Int: Hash256] = [:]
  /// All that any run collected, by counter: two coordinators that don't hear of each other may
  /// give two results.
  var everCollected: [Int: Set<Hash256>] = [:]
  /// Calls that it asked to cancel.
  var cancelled: Set<Int> = []
  var hasEnded = false

  init(_ client: Int, on node: Int, _ scenario: Scenario, dice: inout Dice) {
    self.client = client
    self.node = node
    session = SessionName(
      user: UserID(.random(using: &dice)), session: SessionID(.random(using: &dice)))
    strategy = dice.pick(LoggingStrategy.allCases) ?? .blocking
    mode = dice.chance(0.5) ? .keep : .releaseOnCollection
    pause = dice.pick([100_000, 1_000_000, 4_000_000]) ?? 1_000_000
    var calls: [Call] = []
    for index in 0..<dice.number(scenario.callsPerClient) {
      var spec = CallSpec()
      spec.service = dice.chance(0.5) ? "exec" : "noop"
      spec.arguments = [Array((dice.chance(0.3) ? "dice" : "echo").utf8)]
      // Not to be compressed away, so that segments fill.
      spec.arguments.append((0..<dice.number(0...300)).map { _ in UInt8.random(using: &dice) })
      spec.arguments.append(Array("call \(index + 1) of client \(client)".utf8))
      spec.collectsFiles = dice.chance(0.1)
      spec.failureLimit = 1_000
      var input: [UInt8]?
      if dice.chance(0.1) {
        let bytes = (0..<dice.number(1...3_000)).map { _ in UInt8.random(using: &dice) }
        input = bytes
        spec.input = .archive(Hash256.of(bytes), size: UInt64(bytes.count))
      }
      calls.append(Call(spec: spec, input: input, isCancelled: dice.chance(0.05)))
    }
    self.calls = calls
  }

  func settings(run: Int) -> ClientSettings {
    var settings = ClientSettings(session: session)
    settings.strategy = strategy
    settings.mode = mode
    settings.userText = "user \(client)"
    settings.sessionText = "session \(client)"
    settings.isNewSession = run == 0
    settings.suspicion = .seconds(2)
    settings.heartbeat = .milliseconds(300)
    settings.poll = .milliseconds(500)
    settings.exhaustedRecheck = .seconds(1)
    settings.batchRecords = 7
    return settings
  }

  mutating func startOver() {
    run += 1
    submitted = 0
    settled = [:]
    isEnding = false
    isDone = false
  }

  var hasAll: Bool { submitted == calls.count && settled.count == calls.count }
}

extension UInt8 {
  static func random(using dice: inout Dice) -> UInt8 { UInt8(truncatingIfNeeded: dice.next()) }
}

enum ProgramStep {
  case submit
  case collect(Int, Hash256)
  case cancel(Int)
  case end
}
