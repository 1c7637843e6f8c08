import CPeers
import LogStore
import Measuring
import Synchronization

// Who is measured: the store itself, the bare loop, and engines behind the C interface.

protocol Contender: AnyObject, Sendable {
  var name: String { get }
  /// Other processes whose CPU time is this contender's.
  var servers: [Int32] { get }
  func run(_ load: Load, seconds: Double) throws -> Sample
  func close()
}

extension Contender {
  var servers: [Int32] { [] }
}

// MARK: - The bare loop

final class BareContender: Contender, @unchecked Sendable {  // proof: used by one thread at a time
  let name = "bare C"
  private let bare: OpaquePointer

  init(_ path: String, preallocated: Int = 256 << 20) throws {
    guard let bare = bare_open(path, preallocated) else { throw Self.failure() }
    self.bare = bare
  }

  func run(_ load: Load, seconds: Double) throws -> Sample {
    let pool = load.pools[0].bytes
    guard let records = pool.bindMemory(to: UInt8.self).baseAddress else { return Sample() }
    let sizes = load.pools.map(\.size)
    var run = bare_run()
    var rounds = [UInt64](repeating: 0, count: 1 << 20)
    let code = bare_run_for(
      bare, records, pool.count, sizes, Int32(sizes.count), load.count,
      Int32(load.writers * load.depth), seconds, &rounds, rounds.count, &run)
    guard code == 0 else { throw Self.failure() }
    var sample = Sample()
    sample.operations = Int(run.operations)
    sample.seconds = Double(run.nanoseconds) / 1e9
    sample.latencies = Array(rounds[..<run.rounds])
    return sample
  }

  func runUnsynced(_ pool: RecordPool, seconds: Double, limit: Int) throws -> Sample {
    guard let records = pool.bytes.bindMemory(to: UInt8.self).baseAddress else { return Sample() }
    var run = bare_run()
    let code = bare_run_unsynced(
      bare, records, pool.bytes.count, pool.size, seconds, limit, &run)
    guard code == 0 else { throw Self.failure() }
    var sample = Sample()
    sample.operations = Int(run.operations)
    sample.seconds = Double(run.nanoseconds) / 1e9
    return sample
  }

  func close() { bare_close(bare) }

  private static func failure() -> BenchError {
    BenchError("bare C: \(String(cString: peers_error()))")
  }
}

// MARK: - Engines in C

final class PeerContender: Contender, @unchecked Sendable {  // proof: a writer is one thread's
  let name: String
  private let peer: OpaquePointer
  private let server: Int32?
  private let jobs = JobNumbers()

  init(_ name: String, server: Int32? = nil, _ peer: OpaquePointer?) throws {
    guard let peer else { throw BenchError("\(name): \(String(cString: peers_error()))") }
    self.name = name
    self.server = server
    self.peer = peer
  }

  var servers: [Int32] { server.map(ProcessTable.family(of:)) ?? [] }

  func run(_ load: Load, seconds: Double) throws -> Sample {
    try Drive.threads(load.writers, seconds: seconds) { [self] writer in
      operation(load, Int32(writer))
    }
  }

  /// So many appends by one writer that don't wait for the disk, at most `limit` bytes.
  func runUnsynced(_ pool: RecordPool, seconds: Double, limit: Int) throws -> Sample {
    var sample = Sample()
    let start = Clock.now()
    let end = start + UInt64(seconds * 1e9)
    var now = start
    while now < end, sample.operations * pool.size < limit {
      for _ in 0..<64 {
        try append(0, pool.records(sample.operations), pool.size, 1)
        sample.operations += 1
      }
      now = Clock.now()
    }
    sample.seconds = Double(now - start) / 1e9
    return sample
  }

  private func operation(_ load: Load, _ writer: Int32) -> Operation {
    var turn = Int(writer) * 101
    return { [self] began in
      turn += 1
      guard load.isJob else {
        for pool in load.pools {
          try append(writer, pool.records(turn, load.count), pool.size, load.count)
        }
        return began
      }
      let number = jobs.next()
      for (stage, pool) in load.pools.enumerated() {
        guard let record = pool.records(turn).bindMemory(to: UInt8.self).baseAddress else { break }
        guard peer_job(peer, writer, number, Int32(stage), record, pool.size) == 0 else {
          throw failure()
        }
      }
      return began
    }
  }

  private func append(
    _ writer: Int32, _ bytes: UnsafeRawBufferPointer, _ size: Int, _ count: Int
  ) throws {
    guard let records = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
    guard peer_append(peer, writer, records, size, count) == 0 else { throw failure() }
  }

  private func failure() -> BenchError {
    BenchError("\(name): \(String(cString: peers_error()))")
  }

  func close() { peer_close(peer) }
}

/// Numbers of jobs, each given once.
private final class JobNumbers: Sendable {
  private let last = Atomic<UInt64>(0)

  func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}
