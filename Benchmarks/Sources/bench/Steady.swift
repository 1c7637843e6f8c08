import Foundation
import LogStore
import Measuring
import RolesCore
import RolesNode

// A coordinator that lives on a small file system of its own under a steady stream of short calls,
// for as long as it takes to write that file system over many times: is it ever full, how much
// garbage does it hold, does the latency stay flat? A call is due at its time whether earlier ones
// were answered or not, and its latency counts from then.

struct Steady {
  private let work: Workload
  private let root: String
  private var seconds: [Second] = []

  /// What happened in one second of the stream, and how the disk stood at its end.
  struct Second {
    var latencies: [UInt64] = []
    var underWay = 0
    var usedBytes: UInt64 = 0
    var freeBytes: UInt64 = 0
    /// Of the log of facts; taken every tenth second.
    var log: (live: UInt64, all: UInt64)?
  }

  init(_ work: Workload, _ root: String) {
    self.work = work
    self.root = root
  }

  mutating func run() throws {
    let disk = try SmallFileSystem(at: root + "/disk", mebibytes: work.diskMiB)
    defer { disk.remove() }
    let data = disk.path + "/coordinator"
    let grid = try GridCaller(
      "rpcv", rpcv: work.rpcv, directory: root + "/steady", slots: work.slots, sync: "group",
      policy: .group(maxDelay: .zero), coordinatorDirectory: data)
    defer { grid.stop() }
    let facts = FactsLog(work.logdump, data)
    try stream(grid, disk, facts)
    try grid.rest()
    let atRest = try settle(facts)
    report(atRest, disk, fullness: fullness(root + "/steady/coordinator.out"))
    try Plot(of: seconds, disk.size).write(to: work.plot)
    print("  plot: \(work.plot)")
  }

  private mutating func stream(
    _ grid: GridCaller, _ disk: SmallFileSystem, _ facts: FactsLog
  ) throws {
    let start = Clock.now()
    var due: [UInt64: UInt64] = [:]
    var second = Second()
    let gap = 1_000_000_000 / UInt64(work.rate)
    let count = UInt64(work.minutes * 60 * work.rate)
    var sent: UInt64 = 0
    while sent < count || !due.isEmpty {
      let now = Clock.now()
      while sent < count, start + sent * gap <= now {
        grid.submit()
        due[grid.submitted] = start + sent * gap
        sent += 1
      }
      for item in try grid.news.take(within: 0.002) {
        guard case .result(let call, let finished, _) = item else {
          try grid.note(item)
          continue
        }
        guard let begun = due.removeValue(forKey: call.counter.value) else { continue }
        second.latencies.append(Clock.now() - begun)
        grid.node.tell(.collect(call.counter, result: finished.result.hash))
      }
      guard Clock.now() > start + UInt64(seconds.count + 1) * 1_000_000_000 else { continue }
      second.underWay = due.count
      (second.usedBytes, second.freeBytes) = disk.used
      // Beside the stream: it reads the whole log.
      if seconds.count % 10 == 9 { facts.measure() }
      second.log = facts.taken
      seconds.append(second)
      second = Second()
      guard due.count < work.rate * 60 else { throw BenchError("no answer for a minute") }
    }
  }

  /// Until cleaning has come to rest, at most three minutes.
  private func settle(_ facts: FactsLog) throws -> (live: UInt64, all: UInt64) {
    var last: (live: UInt64, all: UInt64) = (0, 0)
    for _ in 0..<18 {
      poll(nil, 0, 10_000)
      facts.measure()
      facts.wait()
      let now = facts.taken ?? (0, 0)
      if now == last { break }
      last = now
    }
    return last
  }

  /// What the coordinator said of a full log.
  private func fullness(_ log: String) -> [Substring] {
    let words = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return words.split(separator: "\n").filter { $0.contains("full") || $0.contains("space") }
  }

  private func report(
    _ atRest: (live: UInt64, all: UInt64), _ disk: SmallFileSystem, fullness: [Substring]
  ) {
    var table = Table(["minute", "calls", "p50", "p99", "most", "disk used", "log", "live in it"])
    for start in stride(from: 0, to: seconds.count, by: 60) {
      let minute = seconds[start..<min(start + 60, seconds.count)]
      var round = Round()
      round.latencies = minute.flatMap(\.latencies)
      table.add([
        "\(start / 60 + 1)", Unit.count(Double(round.latencies.count)),
        Unit.milliseconds(round.percentile(0.5)), Unit.milliseconds(round.percentile(0.99)),
        Unit.milliseconds(round.percentile(1)),
        Self.mebibytes(minute.map(\.usedBytes).max() ?? 0),
        Self.mebibytes(minute.compactMap { $0.log?.all }.max() ?? 0),
        Self.mebibytes(minute.compactMap { $0.log?.live }.max() ?? 0),
      ])
    }
    table.show(
      "\(work.rate) calls a second for \(work.minutes) min, the coordinator on ext4 of "
        + Self.mebibytes(disk.size))
    let least = seconds.map(\.freeBytes).min() ?? 0
    print(
      "  least free: \(Self.mebibytes(least)); most under way: "
        + "\(seconds.map(\.underWay).max() ?? 0)")
    print("  at rest: log \(Self.mebibytes(atRest.all)), live \(Self.mebibytes(atRest.live))")
    print("  full: \(fullness.isEmpty ? "never" : "\(fullness.count) times")")
    for line in fullness.prefix(5) { print("    \(line)") }
  }

  static func mebibytes(_ bytes: UInt64) -> String {
    String(format: "%.1f MiB", Double(bytes) / Double(1 << 20))
  }
}

/// An ext4 in a file, mounted: as real as a partition, and as small as one likes.
struct SmallFileSystem {
  let path: String
  private let image: String

  init(at path: String, mebibytes: Int) throws {
    self.path = path
    image = path + ".img"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Self.run("truncate", "-s", "\(mebibytes)M", image)
    try Self.run("mkfs.ext4", "-q", "-m", "0", image)
    try Self.run("mount", "-o", "loop", image, path)
  }

  func remove() { try? Self.run("umount", "-l", path) }

  private var status: statvfs {
    var status = statvfs()
    statvfs(path, &status)
    return status
  }
  var size: UInt64 { UInt64(status.f_blocks) * UInt64(status.f_frsize) }
  var used: (used: UInt64, free: UInt64) {
    let status = status
    let (all, free) = (UInt64(status.f_blocks), UInt64(status.f_bfree))
    return ((all - free) * UInt64(status.f_frsize), free * UInt64(status.f_frsize))
  }

  private static func run(_ words: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BenchError(
        "'\(words.joined(separator: " "))' ended with status \(process.terminationStatus): this "
          + "measurement mounts a file system, as root")
    }
  }
}

/// Bytes of the coordinator's log of facts, by `rpcv-logdump --stats`, on a thread of its own.
final class FactsLog: @unchecked Sendable {  // proof: `values` only under `lock`
  private let logdump: String
  private let directory: String
  private let lock = NSLock()
  private let group = DispatchGroup()
  private var values: (live: UInt64, all: UInt64)?

  init(_ logdump: String, _ data: String) {
    self.logdump = logdump
    directory = data + "/facts"
  }

  /// The last figures.
  var taken: (live: UInt64, all: UInt64)? { lock.withLock { values } }

  func wait() { group.wait() }

  func measure() {
    DispatchQueue.global().async(group: group) { [self] in
      let process = Process()
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: logdump)
      process.arguments = ["--stats", "--json", directory]
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      guard (try? process.run()) != nil else { return }
      let text = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      var sums: (live: UInt64, all: UInt64) = (0, 0)
      for line in text.split(separator: UInt8(ascii: "\n")) {
        guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
          object["type"] as? String == "segment-stats",
          let end = object["end"] as? NSNumber, let live = object["live"] as? NSNumber,
          let bytes = object["bytes"] as? NSNumber
        else { continue }
        sums.all += end.uint64Value
        // Of records, before compression: scaled to what the segment takes.
        let share = bytes.doubleValue > 0 ? live.doubleValue / bytes.doubleValue : 0
        sums.live += UInt64(share * end.doubleValue)
      }
      lock.withLock { values = sums }
    }
  }
}
