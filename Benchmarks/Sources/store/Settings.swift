import LogStore
import Measuring

// What is measured, how often and where; flags of the form `--name value` or `--name=value`.

struct Settings {
  static let allMeasures = [
    "durable", "unsynced", "jobs", "batches", "scan", "recovery", "cleaning", "archive", "policies",
  ]
  static let allPeers = ["bare", "grouped", "sqlite", "rocksdb", "postgresql", "redis"]

  var measures = Set(allMeasures)
  var peers = Set(allPeers)
  /// Only measures with so many writers; empty: all.
  var writers: Set<Int> = []
  /// Of the store; its default, unless another is to be compared.
  var codec = LogOptions().codec
  var seconds = 2.0
  var runs = 5
  /// On the disk that is measured, not in memory.
  var directory = ".build-bench/state"
  var json = false
  /// Of the log that is scanned and recovered.
  var records = 10_000_000
  /// Of the archive.
  var archiveBytes = 1 << 30

  static let usage = """
    bench-store [--only durable,unsynced,jobs,batches,scan,recovery,cleaning,archive,policies]
                [--peers bare,grouped,sqlite,rocksdb,postgresql,redis] [--writers 1,16,64]
                [--codec lz4] [--seconds 2] [--runs 5] [--records 10000000]
                [--archive-mib 1024] [--dir .build-bench/state] [--json]
    """

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--json" {
        json = true
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
      guard argument.hasPrefix("--"), let value = parts.count == 2 ? parts[1] : rest.popFirst()
      else { throw BenchError("'\(argument)'?\n\(Self.usage)") }
      try set(parts[0], value)
    }
  }

  private mutating func set(_ flag: String, _ value: String) throws {
    switch flag {
    case "--only": measures = try Self.names(value, of: Self.allMeasures, flag)
    case "--peers": peers = try Self.names(value, of: Self.allPeers, flag)
    case "--dir": directory = value
    case "--codec": codec = try Self.codec(value, flag)
    case "--writers":
      writers = Set(try value.split(separator: ",").map { try Self.number(String($0), flag) })
    case "--runs": runs = try Self.number(value, flag)
    case "--records": records = try Self.number(value, flag)
    case "--archive-mib": archiveBytes = try Self.number(value, flag) << 20
    case "--seconds":
      guard let number = Double(value), number > 0, number < 3600 else {
        throw BenchError("\(flag) wants seconds above 0, not '\(value)'")
      }
      seconds = number
    default: throw BenchError("'\(flag)'?\n\(Self.usage)")
    }
  }

  private static func names(_ value: String, of all: [String], _ flag: String) throws -> Set<String>
  {
    let names = value.split(separator: ",").map(String.init)
    for name in names where !all.contains(name) {
      throw BenchError("\(flag) knows \(all.joined(separator: ", ")), not '\(name)'")
    }
    return Set(names)
  }

  private static func number(_ value: String, _ flag: String) throws -> Int {
    guard let number = Int(value), number > 0, number < 1 << 40 else {
      throw BenchError("\(flag) wants a number above 0, not '\(value)'")
    }
    return number
  }

  private static func codec(_ value: String, _ flag: String) throws -> Codec {
    guard let codec = Codec.allCases.first(where: { "\($0)" == value }) else {
      throw BenchError("\(flag) knows none, lz4, zlib, not '\(value)'")
    }
    return codec
  }

  func hasWriters(_ count: Int) -> Bool { writers.isEmpty || writers.contains(count) }
}
