import Synchronization
import Testing

@testable import LogStore

/// Threads that wait for the disk: woken by the commit that covers them, told of what went wrong,
/// and gathered into one sync where they come back together.
struct CommitWaitersTests {
  private let group = SyncPolicy.group(maxDelay: .zero)

  @Test(arguments: [1, 8])
  func eachAppendIsDurableWhenTheWaitReturns(writers: Int) throws {
    try DiskUnderTest.posix.run { disk, base in
      let log = try openLog(disk, directory: base + "/facts").log
      let commits = Atomic<Int>(0)
      let writer = LogWriter(log, policy: group) { commits.add(1, ordering: .relaxed) }
      let failures = Atomic<Int>(0)
      let threads = (0..<writers).map { lane in
        WorkThread {
          for index in 0..<50 {
            do {
              let item = record(lane * 1000 + index)
              // Both ways, mixed.
              let appended =
                index % 3 == 0
                ? try writer.append(RecordBatch([item]))
                : try writer.appendDurably(RecordBatch([item]))
              try writer.awaitDurable(appended.sequence)
              if log.durable < appended.sequence { failures.add(1, ordering: .relaxed) }
            } catch { failures.add(1, ordering: .relaxed) }
          }
        }
      }
      for thread in threads { try #require(thread).join() }
      writer.stop()
      let (failed, turns) = (failures.load(ordering: .relaxed), commits.load(ordering: .relaxed))
      #expect(failed == 0)
      #expect(log.end(of: log.openSegment)?.durableRecords == Ordinal(UInt64(50 * writers)))
      // The threads come back together, so that one sync serves most of them.
      if writers == 8 { #expect(turns < 50 * writers / 2) }
      try log.close()
    }
  }

  /// Though no append woke it, the thread testifies the durable end when the log rests.
  @Test func whatWaitersCommittedIsTestifiedByTheThread() throws {
    let log = try openLog(SimulatedDisk()).log
    let writer = LogWriter(log, policy: group)
    for index in 0..<3 { try writer.appendDurably(RecordBatch([record(index)])) }
    let end = try #require(log.end(of: log.openSegment)).end
    let deadline = Signal.now() + 20_000_000_000
    while log.end(of: log.openSegment)?.end == end, Signal.now() < deadline {
      _ = Signal().wait(until: Signal.now() + 5_000_000)
    }
    #expect(log.end(of: log.openSegment)?.end == end + 80)
    writer.stop()
  }

  @Test func whoFindsTheBufferFullWaitsForAWrite() throws {
    let log = try openLog(SimulatedDisk(), options: smallOptions { $0.bufferLimit = 2_000 }).log
    let writer = LogWriter(log, policy: group)
    for index in 0..<2_000 { try writer.append(RecordBatch([record(index, size: 500)])) }
    writer.stop()
    #expect(log.durable == log.sequence)
    #expect(try records(log, log.openSegment).count == 2_000)
  }

  /// Whether the thread meets it or who waits and leads: the reason stays, after the end too.
  @Test(arguments: [true, false])
  func aFailedSyncIsToldToWhoWaitsAndWhoComesLater(isWoken: Bool) throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, [record(0)])
    let writer = LogWriter(log, policy: group)
    disk.inject(DiskFault(.synchronize, code: 5))
    let batch = RecordBatch([record(1)])
    let appended = isWoken ? try writer.append(batch) : try log.append(batch)
    let poison = LogError.poisoned(
      FileError(.synchronize, log.segmentPath(log.openSegment), 5))
    #expect(throws: poison) { try writer.awaitDurable(appended.sequence) }
    #expect(throws: poison) { try writer.awaitDurable(appended.sequence) }
    writer.stop()
    #expect(throws: poison) { try writer.awaitDurable(appended.sequence) }
  }

  @Test func aFullDiskIsToldAndTheRecordMayFollow() throws {
    let disk = SimulatedDisk(capacity: 8 << 10)
    let log = try openLog(disk).log
    let writer = LogWriter(log, policy: group)
    let appended = try writer.append(RecordBatch([record(0, size: 10_000)]))
    func isFull() throws -> Bool {
      do throws(LogError) {
        try writer.awaitDurable(appended.sequence)
        return false
      } catch {
        guard case .full = error else { throw error }
        return true
      }
    }
    #expect(try isFull())
    disk.resize(capacity: nil)
    // Tried again by the thread, now and then.
    while try isFull() {}
    writer.stop()
    #expect(log.durable >= appended.sequence)
  }

  @Test func aStoppedWriterSaysSo() throws {
    let log = try openLog(SimulatedDisk()).log
    let writer = LogWriter(log, policy: group)
    let before = try writer.append(RecordBatch([record(0)]))
    writer.stop()
    try writer.awaitDurable(before.sequence)
    let after = try log.append(record(1))
    #expect(throws: LogError.closed) { try writer.awaitDurable(after.sequence) }
  }
}

/// A follower gets every record once, in order, while it is written and segments change.
struct LogFollowerTests {
  @Test func everythingComesOnceAndInOrder() throws {
    let log = try openLog(SimulatedDisk(), options: smallOptions { $0.segmentLimit = 5_000 }).log
    let writer = LogWriter(log, policy: .group(maxDelay: .zero))
    let first = try writer.append(RecordBatch((0..<10).map { record($0) }))
    try writer.awaitDurable(first.sequence)
    let found = Guarded<[Record]>([])
    let failures = Atomic<Int>(0)
    let follower = WorkThread {
      var follower = LogFollower(log, writer)
      do {
        while try follower.next({ _, kind, payload in
          found.withLock { $0.append(Record(kind: kind, payload: [UInt8](payload))) }
        }) {}
      } catch { failures.add(1, ordering: .relaxed) }
    }
    for index in 10..<1_000 { try writer.append(RecordBatch([record(index)])) }
    writer.stop()
    try #require(follower).join()
    let failed = failures.load(ordering: .relaxed)
    #expect(failed == 0)
    #expect(found.withLock { $0 } == (0..<1_000).map { record($0) })
    #expect(log.vector().count > 5)
  }
}
