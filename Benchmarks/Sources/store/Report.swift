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

enum Goal: Sendable {
  case atLeast(Double)
  case atMost(Double)
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
  /// Met if another of the same measure is.
  var isEither = false

  var median: Double { Figures(values).median }
  var isMet: Bool { isAtLeast ? median >= goal : median <= goal }

  enum CodingKeys: String, CodingKey {
    case measure, beside, values, median, goal, isAtLeast, isEither, unit, isMet
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(measure, forKey: .measure)
    try container.encode(beside, forKey: .beside)
    try container.encode(values, forKey: .values)
    try container.encode(median, forKey: .median)
    try container.encode(goal, forKey: .goal)
    try container.encode(isAtLeast, forKey: .isAtLeast)
    try container.encode(isEither, forKey: .isEither)
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
    var failures: [String]
  }

  private let settings: Settings
  private let machine: Machine
  private(set) var outcomes: [Outcome] = []
  private(set) var notes: [Note] = []
  private(set) var verdicts: [Verdict] = []
  /// Measures that came to no end, and why.
  private(set) var failures: [String] = []

  init(_ settings: Settings, _ machine: Machine) {
    self.settings = settings
    self.machine = machine
  }

  /// For people: the standard output, or the standard error when that holds JSON.
  func say(_ text: String) {
    let handle = settings.json ? FileHandle.standardError : FileHandle.standardOutput
    handle.write(Data((text + "\n").utf8))
  }

  func failed(_ measure: String, _ error: any Error) {
    failures.append("\(measure): \(error)")
    say("\nno figures of \(measure): \(error)")
  }

  func add(_ outcome: Outcome) { outcomes.append(outcome) }

  func note(_ measure: String, _ name: String, _ unit: String, _ values: [Double]) {
    notes.append(Note(measure: measure, name: name, unit: unit, values: values))
  }

  // MARK: verdicts

  /// Run by run, so that a drift of the disk falls out.
  func compare(
    _ measure: String, _ ours: [Double], _ beside: String, _ theirs: [Double],
    _ goal: Goal, isEither: Bool = false
  ) {
    judge(
      measure, zip(ours, theirs).map { $0 / $1 }, goal, "x", beside: beside, isEither: isEither)
  }

  func judge(
    _ measure: String, _ values: [Double], _ goal: Goal, _ unit: String, beside: String = "",
    isEither: Bool = false
  ) {
    var verdict = Verdict(
      measure: measure, beside: beside, values: values, goal: 0, isAtLeast: true, unit: unit)
    switch goal {
    case .atLeast(let value): verdict.goal = value
    case .atMost(let value): (verdict.goal, verdict.isAtLeast) = (value, false)
    }
    verdict.isEither = isEither
    verdicts.append(verdict)
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
        (verdict.isAtLeast ? ">= " : "<= ") + format(verdict.goal), answer(verdict),
      ])
    }
    say("\n" + table.text("goals").dropLast())
  }

  private func answer(_ verdict: Verdict) -> String {
    if verdict.isMet { return "yes" }
    let others = verdicts.filter { $0.measure == verdict.measure && $0.isEither && $0.isMet }
    return verdict.isEither && !others.isEmpty ? "the other" : "NO"
  }

  func writeJSON() throws {
    guard settings.json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let whole = Whole(
      machine: machine, seconds: settings.seconds, runs: settings.runs, outcomes: outcomes,
      figures: notes, verdicts: verdicts,
      failures: failures)
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
