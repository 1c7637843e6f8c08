import CPeers
import Foundation
import LogStore
import Measuring

// A log of 10 million records: scanned beside read and checksum alone in C, opened without a
// checkpoint, and opened with one that counts 100,000 live records. All from the page cache.

struct ReadingMeasures {
  let lineup: Lineup

  private static let dead = RecordKind(16)
  private static let live = RecordKind(17)

  private var report: Report { lineup.report }
  private var settings: Settings { lineup.settings }

  func all() throws {
    let place = try lineup.directory()
    defer { lineup.remove(place) }
    let log = place + "/store"
    let raw = try write(log)
    let files = try Self.segments(in: log)
    let stored = try files.reduce(0) { try $0 + Self.size(of: $1) }
    report.say(
      "\n\(Unit.count(Double(settings.records))) records of 300 B: "
        + "\(Unit.count(Double(raw) / 1e6)) MB of records in \(Unit.count(Double(stored) / 1e6)) MB"
        + " of \(files.count) segments")
    try scans(log, files, raw: raw, stored: stored)
    guard settings.measures.contains("recovery") else { return }
    try checkpoint(log)
    try opens(log)
  }

  // MARK: making it

  /// The bytes of all records. One in a hundred is live.
  private func write(_ directory: String) throws -> Int {
    let store = try OpenStore(directory, settings.codec, policy: .never)
    let pool = RecordPool(size: 300, count: 20_000, seed: 3)
    let record = UnsafeMutableRawBufferPointer.allocate(byteCount: pool.size, alignment: 8)
    defer { record.deallocate() }
    for index in 0..<settings.records {
      record.copyMemory(from: pool.records(index))
      // No two are equal.
      record.storeBytes(of: UInt64(index), as: UInt64.self)
      try store.writer.append(
        kind: index % 100 == 0 ? Self.live : Self.dead, payload: UnsafeRawBufferPointer(record))
    }
    try store.close()
    sync()
    return settings.records * pool.size
  }

  private static func segments(in directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
      .map { directory + "/" + $0 }
      .filter { try size(of: $0) > 1 << 16 }
  }

  private static func size(of path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw BenchError("can't look at \(path)") }
    return Int(status.st_size)
  }

  // MARK: reading all

  private func scans(_ log: String, _ files: [String], raw: Int, stored: Int) throws {
    var hashing: [Double] = []
    var recovering: [Double] = []
    var scanning: [Double] = []
    for _ in 0..<settings.runs + 1 {
      hashing.append(try timed { try hashAll(files) })
      var store: OpenStore?
      var visited = 0
      recovering.append(
        try timed {
          store = try OpenStore(log, settings.codec, policy: .never) { _, _, _ in visited += 1 }
        })
      try expect(visited, settings.records)
      guard let opened = store else { continue }
      scanning.append(try timed { try expect(try Self.scan(opened.log), settings.records) })
      try opened.close()
    }
    // The first of each warmed the page cache.
    let rates = [hashing, recovering, scanning].map { $0.dropFirst().map { Double(stored) / $0 } }
    var table = Table(["", "stored GB/s", "record GB/s", "seconds"])
    let names = ["C, read and XXH64", "LogStore, open without a checkpoint", "LogStore, scan"]
    for (index, seconds) in [hashing, recovering, scanning].enumerated() {
      let kept = Array(seconds.dropFirst())
      table.add([
        names[index], Figures(rates[index]).text(Self.gigabytes),
        Figures(kept.map { Double(raw) / $0 }).text(Self.gigabytes),
        Figures(kept).text(Unit.seconds),
      ])
      report.note("scan", names[index], "seconds", kept)
    }
    report.say("\n" + table.text("the whole log read, verified and counted").dropLast())
    if settings.measures.contains("scan") {
      report.judge(
        "scan with checksums", rates[2].map { $0 / 1e9 }, .atLeast(2), "GB/s",
        isEither: true)
      report.compare("scan with checksums", rates[2], "C", rates[0], .atLeast(0.8), isEither: true)
    }
    if settings.measures.contains("recovery") {
      report.compare("recovery without a checkpoint", rates[1], "scan", rates[2], .atLeast(0.7))
    }
  }

  private static func scan(_ log: Log) throws -> Int {
    var records = 0
    for end in log.vector() { try log.forEachRecord(in: end.name) { _, _, _ in records += 1 } }
    return records
  }

  private func hashAll(_ files: [String]) throws {
    var (total, hash): (UInt64, UInt64) = (0, 0)
    for file in files {
      guard peers_read_and_hash(file, 1 << 20, &total, &hash) == 0 else {
        throw BenchError(String(cString: peers_error()))
      }
    }
  }

  // MARK: with a checkpoint

  /// As the cleaner makes it, without cleaning.
  private func checkpoint(_ directory: String) throws {
    let store = try OpenStore(directory, settings.codec)
    var options = DrainOptions()
    options.stepBytes = 16 << 20
    var drainer = Drainer(of: store.log, options)
    let ask = Drainer.Questions(
      caughtUp: false, mayRetire: { _ in false }, isDead: { kind, _ in kind == Self.dead })
    while true {
      let step = try drainer.step(store.log, at: Clock.now(), ask)
      if store.log.hasPendingCheckpoint { break }
      guard step.hasMore else { throw BenchError("no checkpoint was due") }
    }
    try store.log.commit()
    try store.close()
  }

  private func opens(_ log: String) throws {
    var seconds: [Double] = []
    for _ in 0..<settings.runs {
      var visited = 0
      var store: OpenStore?
      seconds.append(
        try timed { store = try OpenStore(log, settings.codec) { _, _, _ in visited += 1 } })
      try expect(visited, (settings.records + 99) / 100)
      try store?.close()
    }
    report.note("recovery", "open with a checkpoint", "seconds", seconds)
    report.say(
      "open with a checkpoint that counts \(Unit.count(Double((settings.records + 99) / 100)))"
        + " live records: \(Figures(seconds).text(Unit.seconds))")
    report.judge("recovery with a checkpoint", seconds, .atMost(1), "s")
  }

  private func expect(_ count: Int, _ expected: Int) throws {
    guard count == expected else { throw BenchError("\(count) records instead of \(expected)") }
  }

  static func gigabytes(_ value: Double) -> String { String(format: "%.2f", value / 1e9) }
}

/// How long it takes, in seconds.
func timed(_ body: () throws -> Void) rethrows -> Double {
  let start = Clock.now()
  try body()
  return Double(Clock.now() - start) / 1e9
}
