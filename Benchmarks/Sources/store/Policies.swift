import Foundation
import LogStore
import Measuring
import Synchronization

// The sync policies under the same load: 16 writers, 300 B each, and the next only when the one
// before is as safe as the policy makes it.

struct PolicyMeasure {
  private struct Case {
    var name: String
    var policy: SyncPolicy
    /// What a power cut may take of what was answered.
    var mayBeLost: String
    var waits = Waits.untilDurable
  }

  private enum Waits { case untilDurable, forOwnCommit, notAtAll }

  let lineup: Lineup
  private let pool = RecordPool(size: 300, count: 8_000, seed: 1)

  private static let cases = [
    Case(
      name: "always", policy: .always, mayBeLost: "nothing", waits: .forOwnCommit),
    Case(name: "group", policy: .group(maxDelay: .zero), mayBeLost: "nothing"),
    Case(name: "group, 2 ms", policy: .group(maxDelay: .milliseconds(2)), mayBeLost: "nothing"),
    Case(name: "interval 10 ms", policy: .interval(.milliseconds(10)), mayBeLost: "nothing"),
    Case(
      name: "interval 1 s, not awaited", policy: .interval(.seconds(1)),
      mayBeLost: "the last second", waits: .notAtAll),
    Case(
      name: "never", policy: .never, mayBeLost: "what the system has not written: ~30 s"),
  ]

  init(_ lineup: Lineup) { self.lineup = lineup }

  func all() throws {
    let load = Load(title: "sync policies, 16 writers, 300 B", writers: 16, pools: [pool])
    let place = try lineup.directory()
    defer { lineup.remove(place) }
    var contenders: [PolicyContender] = []
    defer { for contender in contenders { contender.close() } }
    for (index, item) in Self.cases.enumerated() {
      let store = try OpenStore(
        "\(place)/\(index)", lineup.settings.codec, policy: item.policy)
      contenders.append(
        PolicyContender(item.name, store) { load, writer in
          switch item.waits {
          case .untilDurable: StoreContender.operation(store, load, writer)
          case .forOwnCommit: Self.committing(store, load, writer)
          case .notAtAll: Self.appending(store, load, writer)
          }
        })
    }
    let outcomes = try lineup.runAll("policies", contenders, load)
    var table = Table(["policy", "records/s", "p50", "p99", "a power cut may take"])
    for (item, outcome) in zip(Self.cases, outcomes) {
      table.add([
        item.name, outcome.rate.text(Unit.count),
        Figures(outcome.runs.compactMap(\.p50)).text(Report.milliseconds),
        outcome.p99.text(Report.milliseconds), item.mayBeLost,
      ])
    }
    lineup.report.say("\n" + table.text(load.title).dropLast())
  }

  /// One sync an append: who appends commits at once.
  private static func committing(_ store: OpenStore, _ load: Load, _ writer: Int) -> Operation {
    var turn = writer * 101
    return { began in
      turn += 1
      try store.log.append(kind: StoreContender.kind, payload: load.pools[0].records(turn))
      try store.log.commit()
      return began
    }
  }

  private static func appending(_ store: OpenStore, _ load: Load, _ writer: Int) -> Operation {
    var appender = Appender(store: store, load: load, turn: writer * 101)
    return { began in
      appender.turn += 1
      _ = try appender.append(load.pools[0])
      return began
    }
  }
}

private final class PolicyContender: Contender, Sendable {
  let name: String
  private let store: OpenStore
  private let make: @Sendable (Load, Int) -> Operation

  init(_ name: String, _ store: OpenStore, _ make: @escaping @Sendable (Load, Int) -> Operation) {
    self.name = name
    self.store = store
    self.make = make
  }

  func run(_ load: Load, seconds: Double) throws -> Sample {
    try Drive.threads(load.writers, seconds: seconds) { [make] in make(load, $0) }
  }

  func close() { try? store.close() }
}
