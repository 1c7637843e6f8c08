import CPeers
import LogStore
import Measuring

// What waits for the disk: single records, facts about jobs, batches; and records that don't wait.

struct DurableMeasures {
  let lineup: Lineup
  private let small: RecordPool
  private let stages: [RecordPool]

  init(_ lineup: Lineup) {
    self.lineup = lineup
    small = RecordPool(size: 300, count: 8_000, seed: 1)
    stages = [200, 150, 60].map { RecordPool(size: $0, count: 8_000, seed: UInt64($0)) }
  }

  private var report: Report { lineup.report }

  func durable() throws {
    for writers in [1, 16, 64] where lineup.settings.hasWriters(writers) {
      let name = "durable appends, \(writers) writer\(writers == 1 ? "" : "s")"
      let load = Load(title: "\(name), 300 B", writers: writers, pools: [small])
      let all = try lineup.measure(
        name, load, peers: ["bare", "grouped", "sqlite", "rocksdb", "postgresql"], "records")
      guard let bare = all.named("bare C") else { continue }
      report.compare(name, all[0].rate.values, "bare C", bare.rate.values, .atLeast(0.9))
      if writers == 1 {
        report.compare(
          "p99 of a lone durable append", all[0].p99.values, "bare C", bare.p99.values, .atMost(1.3)
        )
      }
    }
  }

  func jobs() throws {
    for writers in [1, 16] where lineup.settings.hasWriters(writers) {
      let name = "jobs, \(writers) writer\(writers == 1 ? "" : "s")"
      let load = Load(
        title: "\(name): submitted 200 B, finished 150 B, collected 60 B, each durable",
        writers: writers, pools: stages, isJob: true)
      let all = try lineup.measure(
        name, load, peers: ["bare", "grouped", "sqlite", "rocksdb", "postgresql", "redis"], "jobs")
      var goals = [("bare C", 0.9), ("RocksDB", writers == 1 ? 1.2 : 1.5)]
      if writers == 16 { goals += [("SQLite", 5), ("PostgreSQL", 5)] }
      for (peer, goal) in goals {
        guard let other = all.named(peer) else { continue }
        report.compare(name, all[0].rate.values, peer, other.rate.values, .atLeast(goal))
      }
    }
  }

  func batches() throws {
    for (writers, depth) in [(1, 1), (16, 1), (64, 1), (1, 64)]
    where lineup.settings.hasWriters(writers) {
      var name = "batches of 100, \(writers) writer\(writers == 1 ? "" : "s")"
      if depth > 1 { name += ", \(depth) under way" }
      let load = Load(
        title: "\(name), 300 B a record", writers: writers, pools: [small], count: 100,
        depth: depth)
      // Engines that answer when it is durable have no batch under way beside the one they work at.
      let peers = depth > 1 ? ["bare"] : ["bare", "grouped", "sqlite", "rocksdb", "postgresql"]
      let all = try lineup.measure(name, load, peers: peers, "batches")
      if writers == 64 || depth > 1 {
        report.judge(name, all[0].records.values, .atLeast(1_000_000), "/s")
      }
      if let bare = all.named("bare C") {
        report.note(
          name, "of bare C", "x", zip(all[0].rate.values, bare.rate.values).map { $0 / $1 })
      }
    }
  }

  // MARK: without a sync

  func unsynced() throws {
    let name = "unsynced appends, 1 writer"
    let load = Load(title: "\(name), 300 B", writers: 1, pools: [small])
    var outcomes = ["LogStore"] + peersUnsynced
    for index in outcomes.indices.dropFirst() where outcomes[index] == "bare" {
      outcomes[index] = "bare C"
    }
    var all = outcomes.map { Outcome(measure: name, contender: $0) }
    for _ in 0..<lineup.settings.runs {
      for index in all.indices {
        let place = try lineup.directory()
        defer { lineup.remove(place) }
        all[index].runs.append(try unsyncedRun(all[index].contender, load, place))
      }
    }
    for outcome in all { report.add(outcome) }
    report.show(load.title, all, "records")
    report.judge(name, all[0].rate.values, .atLeast(2_000_000), "/s")
  }

  private var peersUnsynced: [String] {
    [("bare", "bare"), ("sqlite", "SQLite"), ("rocksdb", "RocksDB")]
      .filter { lineup.settings.peers.contains($0.0) }.map(\.1)
  }

  private func unsyncedRun(_ contender: String, _ load: Load, _ place: String) throws -> Run {
    let (seconds, limit) = (lineup.settings.seconds, 1 << 30)
    switch contender {
    case "LogStore":
      let store = try StoreContender(
        place + "/store", lineup.settings.codec, policy: .never)
      defer { store.close() }
      return try lineup.meter(load) {
        try store.runUnsynced(small, seconds: seconds, limit: limit)
      }
    case "bare C":
      let bare = try BareContender(place + "/bare", preallocated: 0)
      defer { bare.close() }
      return try lineup.meter(load) { try bare.runUnsynced(small, seconds: seconds, limit: limit) }
    default:
      let peer = try PeerContender(
        contender,
        contender == "SQLite"
          ? peer_open_sqlite(place, 1, PEER_LAZY) : peer_open_rocksdb(place, 1, PEER_LAZY))
      defer { peer.close() }
      return try lineup.meter(load) { try peer.runUnsynced(small, seconds: seconds, limit: limit) }
    }
  }
}
