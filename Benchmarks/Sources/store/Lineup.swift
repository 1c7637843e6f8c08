import CPeers
import Foundation
import LogStore
import Measuring

// Opens contenders, runs them in turn, and leaves the directory as it was.

final class Lineup {
  let settings: Settings
  let report: Report
  let root: String
  private let meter: Meter
  private let sockets: String
  private var postgresql: PostgreSQLServer?
  private var redis: RedisServer?
  private var directories = 0
  /// Peers whose server could not be started.
  private var absent: Set<String> = []

  init(_ settings: Settings, _ report: Report, root: String, sockets: String) {
    self.settings = settings
    self.report = report
    self.root = root
    self.sockets = sockets
    meter = Meter(root)
  }

  func stop() {
    postgresql?.stop()
    redis?.stop()
    postgresql = nil
    redis = nil
  }

  /// A new empty directory on the disk that is measured.
  func directory() throws -> String {
    directories += 1
    let path = "\(root)/\(directories)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  func remove(_ directory: String) { try? FileManager.default.removeItem(atPath: directory) }

  // MARK: contenders

  /// The store first, then those of `peers` that were asked for.
  func contenders(_ peers: [String], writers: Int, in directory: String) throws -> [any Contender] {
    var all: [any Contender] = []
    do {
      all.append(try StoreContender(directory + "/store", settings.codec))
      for name in peers where settings.peers.contains(name) && !absent.contains(name) {
        guard isServerReady(name) else { continue }
        all.append(try contender(name, writers, directory))
      }
    } catch {
      for contender in all { contender.close() }
      throw error
    }
    return all
  }

  /// Starts a peer's server, if it has one that doesn't run yet. False where that is not possible
  /// (a directory that its user may not enter): the others are compared without it, and it is said.
  private func isServerReady(_ name: String) -> Bool {
    do {
      if name == "postgresql", postgresql == nil {
        postgresql = try PostgreSQLServer(root, socketDirectory: sockets)
      }
      if name == "redis", redis == nil {
        redis = try RedisServer(root, socketDirectory: sockets)
      }
      return true
    } catch {
      absent.insert(name)
      report.say("compared without \(name): \(error)")
      return false
    }
  }

  private func contender(
    _ name: String, _ writers: Int, _ directory: String
  ) throws -> any Contender {
    let count = Int32(writers)
    switch name {
    case "sqlite":
      return try PeerContender("SQLite", peer_open_sqlite(directory, count, PEER_DURABLE))
    case "rocksdb":
      return try PeerContender("RocksDB", peer_open_rocksdb(directory, count, PEER_DURABLE))
    case "postgresql":
      guard let server = postgresql else { throw BenchError("no PostgreSQL") }
      return try PeerContender(
        "PostgreSQL", server: server.identifier, peer_open_postgresql(server.connection, count))
    case "redis":
      guard let server = redis else { throw BenchError("no Redis") }
      return try PeerContender(
        "Redis", server: server.identifier, peer_open_redis(server.socket, count))
    case "grouped":
      return try PeerContender("C threads", peer_open_grouped(directory + "/grouped"))
    default:
      return try BareContender(directory + "/bare")
    }
  }

  // MARK: runs

  /// What `body` did and what it cost.
  func meter(_ load: Load, _ body: () throws -> Sample) throws -> Run {
    run(of: try measured(nil, body), load)
  }

  /// Two ways in turn, a slice each, until either has no more.
  func meterTurns(
    _ load: Load, _ body: (_ isSecond: Bool) throws -> Sample?
  ) throws -> (Run, Run) {
    var parts = (Part(), Part())
    while true {
      var isOver = false
      for isSecond in [false, true] where !isOver {
        let part = try measured(nil) {
          guard let sample = try body(isSecond) else {
            isOver = true
            return Sample()
          }
          return sample
        }
        guard !isOver else { break }
        if isSecond { parts.1.add(part) } else { parts.0.add(part) }
      }
      if isOver { return (run(of: parts.0, load), run(of: parts.1, load)) }
    }
  }

  private struct Part {
    var sample = Sample()
    var usage = Usage()

    mutating func add(_ other: Part) {
      sample.operations += other.sample.operations
      sample.seconds += other.sample.seconds
      sample.latencies += other.sample.latencies
      usage.cpuSeconds += other.usage.cpuSeconds
      usage.written += other.usage.written
    }
  }

  /// What others left unwritten is written first.
  private func measured(_ contender: (any Contender)?, _ body: () throws -> Sample) throws -> Part {
    sync()
    let before = meter.read(contender?.servers ?? [])
    let sample = try body()
    let after = meter.read(contender?.servers ?? [])
    var part = Part(sample: sample)
    part.usage.cpuSeconds = after.cpuSeconds - before.cpuSeconds
    part.usage.written = after.written &- before.written
    return part
  }

  private func run(of part: Part, _ load: Load) -> Run {
    let sample = part.sample
    let records = sample.operations * load.recordsAnOperation
    let bytes = Double(sample.operations * load.bytesAnOperation)
    var round = Round()
    round.latencies = sample.latencies
    let isTimed = !sample.latencies.isEmpty
    return Run(
      operations: sample.operations, records: records, seconds: sample.seconds,
      p50: isTimed ? round.percentile(0.5) / 1e6 : nil,
      p99: isTimed ? round.percentile(0.99) / 1e6 : nil,
      cpuMicrosecondsARecord: part.usage.cpuSeconds * 1e6 / Double(records),
      deviceBytesAByte: meter.countsDevice && bytes > 0 ? Double(part.usage.written) / bytes : nil)
  }

  /// How long a contender goes on before it is another's turn.
  private static let slice = 0.25

  /// All contenders in turn, a slice each, and as many slices in a run as its seconds need: where
  /// the disk changes its mood from one second to the next, every run of each saw the same of it.
  func runAll(
    _ measure: String, _ contenders: [any Contender], _ load: Load
  ) throws -> [Outcome] {
    var outcomes = contenders.map { Outcome(measure: measure, contender: $0.name) }
    let slices = max(1, Int((settings.seconds / Self.slice).rounded()))
    for contender in contenders { _ = try contender.run(load, seconds: Self.slice) }
    for _ in 0..<settings.runs {
      var parts = contenders.map { _ in Part() }
      for turn in 0..<slices {
        for place in contenders.indices {
          // Who follows whom changes, so that nobody always goes behind the same.
          let index = (turn % 2 == 0 ? place : contenders.count - 1 - place)
          let contender = contenders[index]
          parts[index].add(
            try measured(contender) {
              try contender.run(load, seconds: settings.seconds / Double(slices))
            })
        }
      }
      for index in contenders.indices { outcomes[index].runs.append(run(of: parts[index], load)) }
    }
    for outcome in outcomes { report.add(outcome) }
    return outcomes
  }

  /// The whole of one load: opens, runs, shows, closes.
  func measure(_ name: String, _ load: Load, peers: [String], _ what: String) throws -> [Outcome] {
    let place = try directory()
    defer { remove(place) }
    let all = try contenders(peers, writers: load.writers, in: place)
    defer { for contender in all { contender.close() } }
    let outcomes = try runAll(name, all, load)
    report.show(load.title, outcomes, what)
    return outcomes
  }
}

extension [Outcome] {
  func named(_ name: String) -> Outcome? { first { $0.contender == name } }
}
