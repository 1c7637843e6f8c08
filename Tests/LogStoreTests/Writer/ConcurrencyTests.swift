import Synchronization
import Testing

@testable import LogStore

/// Everything that runs at once in a node, at once: threads that append and wait for the disk, the
/// writer's thread, readers that follow, copies that come in, the cleaner. `make tsan` runs these
/// under ThreadSanitizer.
struct ConcurrencyTests {
  private static let options = {
    var options = LogOptions()
    options.segmentLimit = 48 * 1024
    options.frameLimit = 16 * 1024
    options.recordLimit = 8 * 1024
    options.bufferLimit = 64 * 1024
    options.reserve = 16 * 1024
    options.reserveKinds = [CrashRecord.release]
    return options
  }()

  private static let writers = 8
  private static let perWriter = 250

  /// What is shared between the threads of a test.
  private final class Scene: Sendable {
    let log: Log
    let writer: LogWriter
    let isOver = Atomic<Bool>(false)
    let released = Guarded<Set<UInt64>>([])
    let places = Guarded<[Position: UInt64]>([:])
    let failures = Guarded<[String]>([])

    init(_ log: Log, _ policy: SyncPolicy) {
      self.log = log
      writer = LogWriter(log, policy: policy, tellsWrites: true) { _ = log.durable }
    }

    func fail(_ text: String) { failures.withLock { $0.append(text) } }
  }

  @Test(arguments: [DiskUnderTest.simulated, .posix])
  func allAtOnce(_ disk: DiskUnderTest) throws {
    try disk.run { disk, base in
      let log = try openLog(disk, directory: base + "/facts", options: Self.options).log
      let scene = Scene(log, .group(maxDelay: .zero))
      let foreign = try openLog(SimulatedDisk(), node: otherNode, seed: 5, options: Self.options)
        .log
      let follower = Self.thread(scene) { Self.follow(scene) }
      let others = [
        Self.thread(scene) { Self.readRecords(scene) },
        Self.thread(scene) { Self.clean(scene) },
        Self.thread(scene) { Self.copy(foreign, scene) }, Self.thread(scene) { Self.look(scene) },
      ]
      let appending = (0..<Self.writers).map { lane in
        Self.thread(scene) { Self.write(UInt64(lane), scene) }
      }
      for thread in appending { thread?.join() }
      scene.isOver.store(true, ordering: .releasing)
      for thread in others { thread?.join() }
      // The follower waits for commits: it ends with them.
      scene.writer.stop()
      follower?.join()
      try log.close()
      let failures = scene.failures.withLock { $0 }
      #expect(failures.isEmpty)
      // All that was not released is there after a start.
      let after = try openLog(disk, seed: 9, directory: base + "/facts", options: Self.options)
      let found = Set(
        after.visited.compactMap { $0.record.payload.withUnsafeBytes { CrashRecord.number($0) } })
      let released = scene.released.withLock { $0 }
      let written = Set(scene.places.withLock { $0 }.values)
      #expect(written.count == Self.writers * Self.perWriter)
      #expect(written.subtracting(released).isSubset(of: found))
      try after.log.close()
    }
  }

  private static func thread(
    _ scene: Scene, _ body: @escaping @Sendable () -> Void
  ) -> WorkThread? {
    let thread = WorkThread(body)
    if thread == nil { scene.fail("no thread") }
    return thread
  }

  /// Appends and waits for the disk, as a coordinator's connections do; some of it dies at once.
  private static func write(_ lane: UInt64, _ scene: Scene) {
    for index in 0..<UInt64(perWriter) {
      let number = lane << 32 | index
      do throws(LogError) {
        var batch = RecordBatch()
        batch.append(datum(number))
        if index % 3 == 2 {
          batch.append(CrashRecord.release(number - 1))
          _ = scene.released.withLock { $0.insert(number - 1) }
        }
        let appended = try scene.writer.append(batch)
        scene.places.withLock { $0[appended.first] = number }
        try scene.writer.awaitDurable(appended.sequence)
        if scene.log.durable < appended.sequence { scene.fail("not durable: \(appended)") }
      } catch {
        return scene.fail("lane \(lane), \(index): \(error)")
      }
    }
  }

  private static func datum(_ number: UInt64) -> Record {
    var payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 200)
    payload.withUnsafeMutableBytes { $0.putLittle(number, at: 0) }
    return Record(kind: CrashRecord.datum, payload: payload)
  }

  /// Ships what is new from every segment to another log, woken by commits.
  private static func follow(_ scene: Scene) {
    var last = LogSequence.zero
    guard let copy = try? openLog(SimulatedDisk(), node: otherNode, seed: 7, options: options).log
    else { return scene.fail("no log to follow into") }
    while scene.writer.awaitCommit(after: last) {
      last = scene.log.durable
      for end in scene.log.vector() where end.name.node == testNode {
        do { try scene.log.ship(end.name, to: copy, step: 10_000) } catch LogError.unknownSegment {
          // The cleaner was quicker.
        } catch IngestError.retired {
          // And said so.
        } catch { scene.fail("following \(end.name): \(error)") }
      }
      if scene.isOver.load(ordering: .acquiring) { return }
      try? copy.commit()
    }
  }

  private static func readRecords(_ scene: Scene) {
    var dice = SplitMix64(seed: 1)
    while !scene.isOver.load(ordering: .acquiring) {
      // Copied out: an array that is shared is let go of where ThreadSanitizer can't see it.
      let places = scene.places.withLock { $0.map { ($0.key, $0.value) } }
      for (place, number) in places where dice.next() % 64 == 0 {
        do throws(LogError) {
          let found = try scene.log.record(at: place)
          if found != datum(number) { scene.fail("another record at \(place)") }
        } catch {
          switch error {
          case .unknownSegment, .noSuchRecord: break
          default: scene.fail("reading \(place): \(error)")
          }
        }
      }
    }
  }

  private static func clean(_ scene: Scene) {
    var options = CrashWorkload.drainOptions
    options.surveyLeast = 20_000
    var drainer = Drainer(of: scene.log, options)
    var turn: UInt64 = 0
    while !scene.isOver.load(ordering: .acquiring) {
      turn += 1
      do throws(LogError) {
        let step = try drainer.step(
          scene.log, at: turn * 1_000_000_000,
          Drainer.Questions(
            caughtUp: true, mayRetire: { _ in false },
            isDead: { kind, payload in
              guard kind == CrashRecord.datum, let number = CrashRecord.number(payload) else {
                return false
              }
              return scene.released.withLock { $0.contains(number) }
            }))
        scene.writer.wake()
        if let sequence = step.waitsFor { try scene.writer.awaitDurable(sequence) }
      } catch {
        if case .bufferFull = error { continue }
        return scene.fail("cleaning: \(error)")
      }
    }
  }

  private static func copy(_ foreign: Log, _ scene: Scene) {
    var number: UInt64 = 1 << 50
    while !scene.isOver.load(ordering: .acquiring) {
      do {
        try foreign.append(datum(number))
        try foreign.commit()
        for end in foreign.vector() { try foreign.ship(end.name, to: scene.log) }
        scene.writer.wake()
        number += 1
      } catch IngestError.retired {
        continue
      } catch { return scene.fail("copying: \(error)") }
    }
  }

  private static func look(_ scene: Scene) {
    while !scene.isOver.load(ordering: .acquiring) {
      let durable = scene.log.durable
      if durable > scene.log.sequence { scene.fail("more is durable than was appended") }
      for end in scene.log.vector() where end.durableEnd > end.end {
        scene.fail("\(end.name) is durable beyond its end")
      }
      _ = (scene.log.bytesUsed, scene.log.fullness, scene.log.retirements.revision)
    }
  }
}
