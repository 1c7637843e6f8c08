import Foundation
import LogStore
import Measuring
import Synchronization

// Writers beside the cleaner: a log of which nine records in ten are dead is cleaned, at the pace
// that a node gives its cleaner, while 16 writers append durably; beside the same writers alone.

struct CleaningMeasure {
  let lineup: Lineup
  private let pool = RecordPool(size: 300, count: 8_000, seed: 1)

  private static let dead = RecordKind(40)
  private static let live = RecordKind(41)
  private static let garbage = 96 << 20
  private static let segmentLimit: UInt64 = 16 << 20
  /// Between two steps, in milliseconds; as a node does it.
  private static let pause: Int32 = 10

  private var report: Report { lineup.report }

  func foreground() throws {
    let name = "durable appends while cleaning, 16 writers"
    let load = Load(title: name, writers: 16, pools: [pool])
    var alone = Outcome(measure: name, contender: "without the cleaner")
    var cleaned = Outcome(measure: name, contender: "while it cleans")
    var speeds: [Double] = []
    for _ in 0..<lineup.settings.runs {
      let place = try lineup.directory()
      defer { lineup.remove(place) }
      let store = try OpenStore(
        place + "/store", lineup.settings.codec, segmentLimit: Self.segmentLimit)
      defer { try? store.close() }
      try fill(store)
      let run = try beside(store, load)
      alone.runs.append(run.alone)
      cleaned.runs.append(run.cleaning)
      speeds.append(run.bytes / run.seconds / 1e6)
    }
    report.add(alone)
    report.add(cleaned)
    report.note(name, "garbage removed", "MB/s", speeds)
    report.show(
      "\(name), 300 B; the cleaner removed "
        + Figures(speeds).text { String(format: "%.1f MB/s", $0) },
      [alone, cleaned], "records")
    report.compare(name, cleaned.rate.values, "without", alone.rate.values, .atLeast(0.8))
  }

  private func fill(_ store: OpenStore) throws {
    let record = UnsafeMutableRawBufferPointer.allocate(byteCount: pool.size, alignment: 8)
    defer { record.deallocate() }
    var last = LogSequence.zero
    for index in 0..<Self.garbage / pool.size {
      record.copyMemory(from: pool.records(index))
      record.storeBytes(of: UInt64(index), as: UInt64.self)
      last = try store.writer.append(
        kind: index % 10 == 0 ? Self.live : Self.dead, payload: UnsafeRawBufferPointer(record)
      ).sequence
    }
    try store.writer.awaitDurable(last)
  }

  private struct Beside {
    var alone: Run
    var cleaning: Run
    var bytes: Double
    var seconds: Double
  }

  /// The writers alone before, during and behind the cleaner's work: so that the disk's mood is the
  /// same for both, they take turns, a slice each.
  private func beside(_ store: OpenStore, _ load: Load) throws -> Beside {
    let cleaner = Cleaner(store, pause: Self.pause) { kind, _ in kind == Self.dead }
    let lasts = lineup.settings.seconds
    var turn = 0
    let (alone, cleaning) = try lineup.meterTurns(load) { isSecond in
      turn += 1
      if isSecond, cleaner.isAtRest { return nil }
      if !isSecond, turn > 400 { return nil }
      if isSecond { cleaner.resume() }
      defer { if isSecond { cleaner.suspend() } }
      return try Drive.threads(load.writers, seconds: min(0.25, lasts)) { writer in
        StoreContender.operation(store, load, writer)
      }
    }
    let (bytes, seconds) = try cleaner.stop()
    guard bytes > 0 else { throw BenchError("the cleaner removed nothing") }
    return Beside(alone: alone, cleaning: cleaning, bytes: bytes, seconds: seconds)
  }
}

/// Drives a drainer on a thread of its own, when it is let.
private final class Cleaner: Sendable {
  private struct State {
    var mayRun = false
    var isAtRest = false
    var mustEnd = false
    var hasEnded = false
    var removed = 0.0
    var nanoseconds: UInt64 = 0
    var failure: (any Error)?
  }

  private let state = Mutex(State())
  private let changed = NSCondition()
  private let store: OpenStore
  private let pause: Int32

  init(
    _ store: OpenStore, pause: Int32,
    isDead: @escaping @Sendable (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) {
    self.store = store
    self.pause = pause
    Thread.detachNewThread { [self] in
      do { try work(isDead) } catch { change { $0.failure = error } }
      change {
        $0.isAtRest = true
        $0.hasEnded = true
      }
    }
  }

  var isAtRest: Bool { state.withLock { $0.isAtRest } }

  func resume() { change { $0.mayRun = true } }
  func suspend() { change { $0.mayRun = false } }

  /// The bytes that are gone, and how long it worked for them.
  func stop() throws -> (bytes: Double, seconds: Double) {
    change { $0.mustEnd = true }
    wait { $0.hasEnded }
    let end = state.withLock { ($0.removed, $0.nanoseconds, $0.failure) }
    if let failure = end.2 { throw failure }
    return (end.0, Double(end.1) / 1e9)
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { body(&$0) }
    changed.lock()
    changed.broadcast()
    changed.unlock()
  }

  private func wait(until isSo: (State) -> Bool) {
    changed.lock()
    while !state.withLock({ isSo($0) }) { changed.wait() }
    changed.unlock()
  }

  /// Until there is nothing more to clean.
  private func work(
    _ isDead: @escaping @Sendable (RecordKind, UnsafeRawBufferPointer) -> Bool
  ) throws {
    var drainer = Drainer(of: store.log)
    let ask = Drainer.Questions(caughtUp: true, mayRetire: { _ in false }, isDead: isDead)
    var sizes: [SegmentName: UInt64] = [:]
    for end in store.log.vector() { sizes[end.name] = end.end.value }
    var left = Set(sizes.keys).subtracting([store.log.openSegment])
    while !left.isEmpty {
      wait { $0.mayRun || $0.mustEnd }
      if state.withLock({ $0.mustEnd }) { return }
      let start = Clock.now()
      let step = try drainer.step(store.log, at: start, ask)
      left.subtract(step.deleted)
      if store.log.hasPendingCheckpoint { store.writer.wake() }
      if let until = step.waitsFor {
        store.writer.wake()
        try store.writer.awaitDurable(until)
      } else {
        poll(nil, 0, pause)
      }
      let bytes = step.deleted.reduce(0) { $0 + Double(sizes[$1] ?? 0) }
      change {
        $0.removed += bytes
        $0.nanoseconds += Clock.now() - start
      }
    }
  }
}
