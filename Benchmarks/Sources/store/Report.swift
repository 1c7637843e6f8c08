import Foundation
import Measuring

// What was measured: raw figures for `--json`, tables for people, and a verdict a goal.

/// One run of one contender.
struct Run: Encodable, Sendable {
  var operations: Int
  var records: Int
  var seconds: Double
  /// Of operations, in milliseconds; nil where they are not timed one by one.
  var p50: Double?
  var p99: Double?
  var cpuMicrosecondsARecord: Double
  /// What the device wrote for each byte of records.
  var deviceBytesAByte: Double?

  var recordsASecond: Double { Double(records) / seconds }
  var operationsASecond: Double { Double(operations) / seconds }
}

/// All runs of one contender in one measure.
struct Outcome: Encodable, Sendable {
  var measure: String
  var contender: String
  var runs: [Run] = []

  var rate: Figures { Figures(runs.map(\.operationsASecond)) }
  var records: Figures { Figures(runs.map(\.recordsASecond)) }
  var p99: Figures { Figures(runs.compactMap(\.p99)) }
}

/// Figures of a measure that is not runs of contenders.
struct Note: Encodable, Sendable {
  var measure: String
  var name: String
  var unit: String
  var values: [Double]
}

struct Verdict: Encodable, Sendable {
  var measure: String
  /// What it is compared with; empty: a goal by itself.
  var beside: String
  /// Of each run.
  var values: [Double]
  var goal: Double
  var isAtLeast: Bool
  var unit: String

  var median: Double { Figures(values).median }
  var isMet: Bool { isAtLeast ? median >= goal : median <= goal }

  enum CodingKeys: String, CodingKey {
    case measure, beside, values, median, goal, isAtLeast, unit, isMet
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(measure, forKey: .measure)
    try container.encode(beside, forKey: .beside)
    try container.encode(values, forKey: .values)
    try container.encode(median, forKey: .median)
    try container.encode(goal, forKey: .goal)
    try container.encode(isAtLeast, forKey: .isAtLeast)
    try container.encode(unit, forKey: .unit)
    try container.encode(isMet, forKey: .isMet)
  }
}

final class Report {
  private struct Whole: Encodable {
    var machine: Machine
    var seconds: Double
    var runs: Int
    var outcomes: [Outcome]
    var figures: [Note]
    var verdicts: [Verdict]
  }

  private let settings: Settings
  private let machine: Machine
  private(set) var outcomes: [Outcome] = []
  private(set) var notes: [Note] = []
  private(set) var verdicts: [Verdict] = []

  init(_ settings: Settings, _ machine: Machine) {
    self.settings = settings
    self.machine = machine
  }

  /// For people: the standard output, or the standard error when that holds JSON.
  func say(_ text: String) {
    let handle = settings.json ? FileHandle.standardError : FileHandle.standardOutput
    handle.write(Data((text + "\n").utf8))
  }

  func add(_ outcome: Outcome) { outcomes.append(outcome) }

  func note(_ measure: String, _ name: String, _ unit: String, _ values: [Double]) {
    notes.append(Note(measure: measure, name: name, unit: unit, values: values))
  }

  // MARK: verdicts

  /// Run by run, so that a drift of the disk falls out.
  func compare(
    _ measure: String, _ ours: [Double], _ beside: String, _ theirs: [Double], atLeast goal: Double
  ) {
    verdicts.append(
      Verdict(
        measure: measure, beside: beside, values: zip(ours, theirs).map { $0 / $1 }, goal: goal,
        isAtLeast: true, unit: "x"))
  }

  func compare(
    _ measure: String, _ ours: [Double], _ beside: String, _ theirs: [Double], atMost goal: Double
  ) {
    verdicts.append(
      Verdict(
        measure: measure, beside: beside, values: zip(ours, theirs).map { $0 / $1 }, goal: goal,
        isAtLeast: false, unit: "x"))
  }

  func judge(_ measure: String, _ values: [Double], atLeast goal: Double, _ unit: String) {
    verdicts.append(
      Verdict(
        measure: measure, beside: "", values: values, goal: goal, isAtLeast: true, unit: unit))
  }

  func judge(_ measure: String, _ values: [Double], atMost goal: Double, _ unit: String) {
    verdicts.append(
      Verdict(
        measure: measure, beside: "", values: values, goal: goal, isAtLeast: false, unit: unit))
  }

  // MARK: showing

  func show(_ title: String, _ outcomes: [Outcome], _ what: String) {
    var table = Table(["", "\(what)/s", "p50", "p99", "CPU us/record", "device bytes/byte"])
    for outcome in outcomes {
      let runs = outcome.runs
      table.add([
        outcome.contender, outcome.rate.text(Unit.count),
        Figures(runs.compactMap(\.p50)).text(Self.milliseconds),
        outcome.p99.text(Self.milliseconds),
        Figures(runs.map(\.cpuMicrosecondsARecord)).text(Self.number),
        Figures(runs.compactMap(\.deviceBytesAByte)).text(Self.number),
      ])
    }
    say("\n" + table.text(title).dropLast())
  }

  func showVerdicts() {
    guard !verdicts.isEmpty else { return }
    var table = Table(["measure", "beside", "median [least - most]", "goal", "met"])
    for verdict in verdicts {
      let format: (Double) -> String = { Self.value($0, verdict.unit) }
      table.add([
        verdict.measure, verdict.beside, Figures(verdict.values).text(format),
        (verdict.isAtLeast ? ">= " : "<= ") + format(verdict.goal), verdict.isMet ? "yes" : "NO",
      ])
    }
    say("\n" + table.text("goals").dropLast())
  }

  func writeJSON() throws {
    guard settings.json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let whole = Whole(
      machine: machine, seconds: settings.seconds, runs: settings.runs, outcomes: outcomes,
      figures: notes, verdicts: verdicts)
    FileHandle.standardOutput.write(try encoder.encode(whole) + Data("\n".utf8))
  }

  // MARK: units

  static func milliseconds(_ value: Double) -> String { String(format: "%.2f ms", value) }

  static func number(_ value: Double) -> String {
    String(format: value < 10 ? "%.2f" : "%.1f", value)
  }

  private static func value(_ value: Double, _ unit: String) -> String {
    switch unit {
    case "x": Unit.ratio(value)
    case "/s": Unit.count(value) + "/s"
    default: number(value) + " " + unit
    }
  }
}

struct Machine: Encodable, Sendable {
  var cores: Int
  var load: String
  var kernel: String
  var fileSystem: String
  /// Write and fdatasync of 4 KiB, in milliseconds.
  var syncMedian: Double
  var syncP99: Double

  init(_ directory: String) throws {
    cores = ProcessInfo.processInfo.processorCount
    let average = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    load = String(average.prefix { $0 != " " })
    kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? ""
    kernel = kernel.trimmingCharacters(in: .whitespacesAndNewlines)
    fileSystem = Self.fileSystem(of: directory)
    let syncs = try SyncCost.measure(in: directory)
    syncMedian = syncs.percentile(0.5) / 1e6
    syncP99 = syncs.percentile(0.99) / 1e6
  }

  /// Whether others run.
  var isBusy: Bool { (Double(load) ?? 0) > Double(cores) / 4 }

  /// The type of the mount with the longest path above the directory.
  private static func fileSystem(of directory: String) -> String {
    let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    var best = (length: -1, type: "?")
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 2 else { continue }
      let point = fields[1] == "/" ? "/" : fields[1] + "/"
      guard (directory + "/").hasPrefix(point), point.count > best.length else { continue }
      best = (point.count, String(fields[2]))
    }
    return best.type
  }
}
