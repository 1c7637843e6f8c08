import Synchronization
import Testing

@testable import LogStore

/// The writer's timing as a pure function, and the thread on a real disk.
struct PaceTests {
  private let ms: UInt64 = 1_000_000

  @Test func alwaysAndGroupWithoutDelayCommitAtOnce() {
    for policy in [SyncPolicy.always, .never, .group(maxDelay: .zero)] {
      var pace = Pace(policy)
      #expect(pace.due(at: 5) == .wait(until: nil))
      pace.woken(at: 10)
      #expect(pace.due(at: 10) == .commit)
      pace.committed(at: 20, refused: false)
      #expect(pace.due(at: 20) == .wait(until: 20 + 100 * ms))
      #expect(pace.due(at: 20 + 100 * ms) == .testify)
      #expect(pace.due(at: 20 + 101 * ms) == .wait(until: nil))
    }
  }

  @Test func aGroupWaitsForCompanyFromItsFirst() {
    var pace = Pace(.group(maxDelay: .milliseconds(2)))
    pace.woken(at: 10)
    #expect(pace.due(at: 10) == .wait(until: 10 + 2 * ms))
    pace.woken(at: 10 + ms)
    #expect(pace.due(at: 10 + ms) == .wait(until: 10 + 2 * ms))
    #expect(pace.due(at: 10 + 2 * ms) == .commit)
  }

  @Test func anIntervalWritesAtOnceAndSyncsByTheClock() {
    var pace = Pace(.interval(.milliseconds(50)))
    pace.woken(at: 0)
    #expect(pace.due(at: 0) == .write)
    #expect(pace.due(at: 0) == .wait(until: 50 * ms))
    pace.woken(at: 20 * ms)
    #expect(pace.due(at: 20 * ms) == .write)
    #expect(pace.due(at: 50 * ms) == .commit)
    pace.committed(at: 50 * ms, refused: false)
    pace.woken(at: 60 * ms)
    #expect(pace.due(at: 60 * ms) == .write)
    #expect(pace.due(at: 60 * ms) == .wait(until: 100 * ms))
    #expect(pace.due(at: 100 * ms) == .commit)
    pace.committed(at: 100 * ms, refused: false)
    // After a long rest the first change is synced at once.
    pace.woken(at: 900 * ms)
    #expect(pace.due(at: 900 * ms) == .commit)
  }

  @Test func aRefusedCommitIsTriedAgain() {
    var pace = Pace(.group(maxDelay: .zero))
    pace.woken(at: 0)
    #expect(pace.due(at: 0) == .commit)
    pace.committed(at: 10, refused: true)
    #expect(pace.due(at: 10) == .wait(until: 10 + 100 * ms))
    #expect(pace.due(at: 10 + 100 * ms) == .commit)
    pace.committed(at: 20 + 100 * ms, refused: false)
    #expect(pace.due(at: 20 + 100 * ms) == .wait(until: 20 + 200 * ms))
  }
}

struct LogWriterTests {
  /// Tells a waiting test of every commit.
  private final class Commits: Sendable {
    let signal = Signal()
    let count = Atomic<Int>(0)

    func add() {
      count.add(1, ordering: .relaxed)
      signal.raise()
    }

    func wait(_ isMet: () -> Bool) -> Bool {
      let deadline = Signal.now() + 20_000_000_000
      while !isMet() {
        if !signal.wait(until: deadline) { return isMet() }
      }
      return true
    }
  }

  @Test(arguments: [
    SyncPolicy.always, .group(maxDelay: .zero), .group(maxDelay: .milliseconds(1)),
    .interval(.milliseconds(5)), .never,
  ])
  func whatIsAppendedBecomesDurable(policy: SyncPolicy) throws {
    try DiskUnderTest.posix.run { disk, base in
      let options = smallOptions { $0.syncPolicy = policy }
      let log = try openLog(disk, directory: base + "/facts", options: options).log
      let commits = Commits()
      let writer = LogWriter(log, policy: policy) { commits.add() }
      for index in 0..<500 {
        try log.append(record(index))
        writer.wake()
      }
      let last = log.sequence
      #expect(commits.wait { log.durable >= last })
      writer.stop()
      // Fewer syncs than appends: that is group commit.
      let name = log.openSegment
      #expect(try records(log, name) == (0..<500).map { record($0) })
      try log.close()
    }
  }

  @Test func stoppingCommitsAndTestifies() throws {
    let log = try openLog(SimulatedDisk()).log
    let writer = LogWriter(log, policy: .interval(.seconds(1000))) {}
    try log.append(record(0))
    writer.wake()
    try log.append(record(1))
    writer.stop()
    #expect(log.durable == log.sequence)
    #expect(log.end(of: log.openSegment)?.records == Ordinal(2))
  }

  @Test func manyThreadsAppendWhileSyncsRun() async throws {
    let log = try openLog(SimulatedDisk(), options: smallOptions { $0.segmentLimit = 20_000 }).log
    let commits = Commits()
    let writer = LogWriter(log, policy: .group(maxDelay: .zero)) { commits.add() }
    let positions = try await withThrowingTaskGroup(of: [(Position, Record)].self) { group in
      for lane in 0..<4 {
        group.addTask {
          try (0..<500).map { index in
            let item = record(lane * 1000 + index)
            let place = try log.append(item).first
            writer.wake()
            return (place, item)
          }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    let last = log.sequence
    #expect(commits.wait { log.durable >= last })
    writer.stop()
    #expect(Set(positions.map(\.0)).count == 2000)
    for (place, item) in positions { #expect(try log.record(at: place) == item) }
  }

  @Test func aPoisonedLogEndsTheThread() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, [record(0)])
    disk.inject(DiskFault(.synchronize, code: 5))
    let commits = Commits()
    let writer = LogWriter(log, policy: .group(maxDelay: .zero)) { commits.add() }
    try log.append(record(1))
    writer.wake()
    #expect(commits.wait { log.poisoned != nil })
    writer.stop()
    #expect(log.durable < log.sequence)
  }

  @Test func aFullDiskIsTriedUntilSpaceReturns() throws {
    let disk = SimulatedDisk(capacity: 8 << 10)
    let log = try openLog(disk).log
    let commits = Commits()
    let writer = LogWriter(log, policy: .group(maxDelay: .zero)) { commits.add() }
    do throws(LogError) {
      while true {
        try log.append(record(0, size: 1000))
        writer.wake()
        let last = log.sequence
        _ = commits.wait { log.durable >= last || log.fullness != nil }
      }
    } catch {
      guard case .full = error else { throw error }
    }
    disk.resize(capacity: nil)
    let last = log.sequence
    #expect(commits.wait { log.durable >= last && log.fullness == nil })
    writer.stop()
  }
}
