import Testing

@testable import LogStore

/// F7, F15: the files that a start reads beside the segments, mutated, with and without their
/// checksums made anew. A start never traps, and loses nothing by them: both are caches.
struct MutatedFilesTests {
  private static let amount = TestAmount.mutations / 4

  private struct Home {
    let disk: SimulatedDisk
    let records: Set<Record>

    init() throws {
      let disk = SimulatedDisk()
      let log = try openLog(disk, options: MutatedFilesTests.options).log
      for number in 1...60 { try log.append(CrashRecord.datum(UInt64(number))) }
      try log.commit()
      let other = try openLog(SimulatedDisk(), node: otherNode, seed: 4).log
      try commitEach(other, (0..<4).map { record($0) })
      try other.ship(other.openSegment, to: log)
      try log.commit()
      var pass = Checkpointer(of: log)
      while true {
        var budget = Int.max
        if try pass.advance(log, budget: &budget, isDead: { _, _ in false }) != nil { break }
      }
      try log.commit()
      log.note(Uptimes(total: 9_000, seen: [otherNode: 8_000]))
      try log.append(CrashRecord.datum(61))
      try log.close()
      self.disk = disk.killImage()
      let after = try openLog(disk.killImage(), seed: 2, options: MutatedFilesTests.options)
      records = Set(after.visited.map(\.record))
      guard case .used = after.report.checkpoint else {
        Issue.record("a start with a checkpoint that is not used: \(after.report)")
        return
      }
    }
  }

  private static let options = smallOptions { $0.segmentLimit = 64 << 10 }

  private func put(_ bytes: [UInt8], at path: String, on disk: SimulatedDisk) throws {
    let file = try disk.open(path, .update)
    defer { disk.close(file) }
    try disk.truncate(file, to: 0)
    try disk.write(file, bytes)
  }

  @Test func checkpoints() throws {
    let home = try Home()
    let path = "/facts/" + CheckpointFormat.fileName
    let intact = try #require(home.disk.contents(of: path))
    // Headers of blocks, and what stands in the blocks of names and marks.
    let fields =
      Array(stride(from: 0, to: min(intact.count, 400), by: 4))
      + Array(stride(from: max(0, intact.count - 300), to: intact.count, by: 4))
    var used = 0
    for seed in 0..<Self.amount {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 1)
      var bytes = intact
      mutator.mutate(&bytes, fields: fields)
      let isResealed = seed % 2 == 1
      if isResealed { Resealing.checkpoint(&bytes) }
      let disk = home.disk.killImage()
      try put(bytes, at: path, on: disk)
      if isResealed {
        // What such a checkpoint says is believed; no start may trap on it.
        _ = try? openLog(disk, seed: 3, options: Self.options)
        continue
      }
      let after = try openLog(disk, seed: 3, options: Self.options)
      #expect(Set(after.visited.map(\.record)) == home.records, "mutation \(seed)")
      if case .used = after.report.checkpoint { used += 1 }
    }
    #expect(used < Self.amount / 4)
  }

  @Test func notes() throws {
    let home = try Home()
    let path = "/facts/" + NotesFile.fileName
    let intact = try #require(home.disk.contents(of: path))
    let entries = Array(stride(from: 0, to: intact.count, by: NotesFile.entrySize))
    let fields = entries.flatMap { at in [0, 4, 5, 8, 16, 24, 32, 40, 56].map { at + $0 } }
    for seed in 0..<Self.amount {
      var mutator = Mutator(seed: UInt64(seed) << 8 | 2)
      var bytes = intact
      mutator.mutate(&bytes, fields: fields)
      if seed % 2 == 1 { for at in entries { Resealing.entry(&bytes, at: at) } }
      let disk = home.disk.killImage()
      try put(bytes, at: path, on: disk)
      let after = try openLog(disk, seed: 3, options: Self.options)
      #expect(Set(after.visited.map(\.record)) == home.records, "mutation \(seed)")
      try after.log.append(record(1))
      try after.log.close()
    }
  }
}
