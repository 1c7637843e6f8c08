// The cleaner's part in a crash workload: steps of a drainer with its surveys, checkpoints and
// victims, with commits that may or may not come.

@testable import LogStore

extension CrashWorkload {
  static let drainOptions = {
    var options = DrainOptions()
    options.surveyLeast = 500
    options.idleAfter = 0
    options.idleLeast = 0
    options.sealLeast = 1_000
    options.stepBytes = 30_000
    options.grace = 0
    return options
  }()

  /// Some steps of the drainer: surveys, checkpoints, victims. A commit may come or not.
  func clean(_ log: Log) throws {
    guard var drainer else { return }
    self.drainer = nil
    defer { self.drainer = drainer }
    for _ in 0..<(1 + dice.next() % 80) {
      let before = log.checkpointMarks
      let step = try drainer.step(
        log, at: UInt64(disk.operationCount) * 1_000_000_000,
        Drainer.Questions(
          caughtUp: true, mayRetire: { _ in false }, isDead: isDead,
          mayGo: { self.willGo($0, log) },
          stays: { _ in self.truth.endDeletion(at: nil) }))
      for batch in step.appended { noteOwn(batch.records, batch.first, batch.sequence) }
      if !step.deleted.isEmpty { truth.endDeletions(of: step.deleted, at: moment) }
      cleaned += step.deleted.count
      if step.waitsFor != nil || log.hasPendingCheckpoint {
        guard dice.next() % 8 != 0 else { return }
        try commit(log)
      } else if !step.hasMore {
        return
      }
      if log.checkpointMarks != before { checkpoints += 1 }
    }
  }

  private func willGo(_ name: SegmentName, _ log: Log) -> Bool {
    see(log, name, from: truth.bytes[name]?.count ?? 0)
    truth.beginDeletion(of: name, at: moment)
    return true
  }
}
