import LogStore
import Measuring

// The store, through its public interface only.

/// A log with its writer thread in a directory of its own.
final class OpenStore: Sendable {
  let log: Log
  let writer: LogWriter

  init(
    _ directory: String, _ codec: Codec, policy: SyncPolicy = .group(maxDelay: .zero),
    segmentLimit: UInt64? = nil,
    visit: Log.Visit = { _, _, _ in }
  ) throws {
    var options = LogOptions()
    options.syncPolicy = policy
    options.codec = codec
    if let segmentLimit { options.segmentLimit = segmentLimit }
    var dice = SystemRandomNumberGenerator()
    let log = try Log.open(
      directory, on: PosixFileSystem(), node: Self.node, log: .facts, options: options,
      entropy: &dice, visit: visit
    ).0
    self.log = log
    writer = LogWriter(log, policy: policy) {}
  }

  static let node = NodeID(ID128(high: 0x5354_4f52_4542_4e43, low: 1))

  func close() throws {
    writer.stop()
    try log.close()
  }
}

final class StoreContender: Contender, Sendable {
  static let kind = RecordKind(16)
  let name = "LogStore"
  let store: OpenStore

  init(_ directory: String, _ codec: Codec, policy: SyncPolicy = .group(maxDelay: .zero)) throws {
    store = try OpenStore(directory, codec, policy: policy)
  }

  func run(_ load: Load, seconds: Double) throws -> Sample {
    try Drive.threads(load.writers, seconds: seconds) { [store] writer in
      Self.operation(store, load, writer)
    }
  }

  static func operation(_ store: OpenStore, _ load: Load, _ writer: Int) -> Operation {
    var appender = Appender(store: store, load: load, turn: writer * 101)
    if load.depth > 1 { return pipelined(appender) }
    return { began in
      appender.turn += 1
      for pool in load.pools {
        try appender.appendDurably(pool)
      }
      return began
    }
  }

  /// Waits for the oldest once `depth` are under way.
  private static func pipelined(_ first: Appender) -> Operation {
    var appender = first
    let (depth, pool) = (first.load.depth, first.load.pools[0])
    var began = [UInt64](repeating: 0, count: depth)
    var sequences = [LogSequence](repeating: .zero, count: depth)
    var next = 0
    return { now in
      let slot = next % depth
      var ended: UInt64?
      if next >= depth {
        try appender.store.writer.awaitDurable(sequences[slot])
        ended = began[slot]
      }
      appender.turn += 1
      began[slot] = next >= depth ? Clock.now() : now
      sequences[slot] = try appender.append(pool).sequence
      next += 1
      return ended
    }
  }

  /// One writer that does not wait, at most `limit` bytes; what it appended is in files at the end.
  func runUnsynced(_ pool: RecordPool, seconds: Double, limit: Int) throws -> Sample {
    var sample = Sample()
    let start = Clock.now()
    let end = start + UInt64(seconds * 1e9)
    var now = start
    while now < end, sample.operations * pool.size < limit {
      for _ in 0..<64 {
        try store.writer.append(kind: Self.kind, payload: pool.records(sample.operations))
        sample.operations += 1
      }
      now = Clock.now()
    }
    try store.log.write()
    sample.seconds = Double(Clock.now() - start) / 1e9
    return sample
  }

  func close() { try? store.close() }
}

/// Appends the record sets of one writer.
struct Appender {
  let store: OpenStore
  let load: Load
  var turn: Int
  private var batch = RecordBatch()

  init(store: OpenStore, load: Load, turn: Int) {
    self.store = store
    self.load = load
    self.turn = turn
  }

  mutating func append(_ pool: RecordPool) throws -> Appended {
    let bytes = pool.records(turn, load.count)
    if load.count == 1 {
      return try store.writer.append(kind: StoreContender.kind, payload: bytes)
    }
    fill(bytes, pool)
    return try store.writer.append(batch)
  }

  mutating func appendDurably(_ pool: RecordPool) throws {
    let bytes = pool.records(turn, load.count)
    if load.count == 1 {
      try store.writer.appendDurably(kind: StoreContender.kind, payload: bytes)
    } else {
      fill(bytes, pool)
      try store.writer.appendDurably(batch)
    }
  }

  private mutating func fill(_ bytes: UnsafeRawBufferPointer, _ pool: RecordPool) {
    batch.removeAll()
    for index in 0..<load.count {
      let range = (index * pool.size)..<((index + 1) * pool.size)
      batch.append(
        kind: StoreContender.kind, payload: UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }
}
