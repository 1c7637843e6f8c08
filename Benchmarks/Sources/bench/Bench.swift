import Foundation
import LogStore
import Measuring

// `make bench`: what a call costs, beside peers that do the same work, on this machine and in this
// run. Rounds go in turn, so that a busy moment hits all alike; ratios say more than times.

@main
enum Bench {
  static func main() {
    do {
      var arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == "gearman-worker", arguments.count == 3,
        let port = UInt16(arguments[1]), let slots = Int(arguments[2])
      {
        try GearmanCaller.work(port: port, slots: slots)
        return
      }
      if arguments.first == "--" { arguments.removeFirst() }
      try run(Workload(arguments))
    } catch {
      FileHandle.standardError.write(Data("bench: \(error)\n".utf8))
      exit(1)
    }
  }

  private static func run(_ work: Workload) throws {
    let root = work.directory + "/\(getpid())"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let interrupts = Children.endWithThis(removing: root)
    defer {
      for source in interrupts { source.cancel() }
      try? FileManager.default.removeItem(atPath: root)
    }
    guard FileManager.default.isExecutableFile(atPath: work.rpcv) else {
      throw BenchError("no \(work.rpcv): run 'make build' first")
    }
    try describe(root, work)
    if work.parts.contains("calls") || work.parts.contains("chain") { try calls(work, root) }
    if work.parts.contains("commands") { try commands(work, root) }
    if work.parts.contains("steady") {
      var steady = Steady(work, root)
      try steady.run()
    }
  }

  private static func describe(_ root: String, _ work: Workload) throws {
    let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    let syncs = try SyncCost.measure(in: root)
    print(
      "\(ProcessInfo.processInfo.processorCount) cores, load \(load.prefix { $0 != " " }); "
        + "write and fdatasync of 4 KiB here: median \(Unit.milliseconds(syncs.percentile(0.5))), "
        + "p99 \(Unit.milliseconds(syncs.percentile(0.99)))")
    print("each figure: median [least - most] of \(work.rounds) rounds after a warm-up")
  }

  // MARK: - Calls

  private static func calls(_ work: Workload, _ root: String) throws {
    var callers: [any Caller] = []
    defer { for caller in callers { caller.stop() } }
    callers.append(
      try GridCaller(
        "rpcv, group sync", rpcv: work.rpcv, directory: root + "/group", slots: work.slots,
        sync: "group", policy: .group(maxDelay: .zero)))
    if !work.isAlone {
      callers.append(
        try GridCaller(
          "rpcv, no syncs", rpcv: work.rpcv, directory: root + "/never", slots: work.slots,
          sync: "never", policy: .never))
      if GearmanCaller.isInstalled {
        callers.append(try GearmanCaller(directory: root, slots: work.slots))
      } else {
        print("gearmand is not installed: compared with nobody")
      }
    }
    for caller in callers {
      _ = try caller.calls(max(work.inFlight, work.calls / 10), inFlight: work.inFlight)
      try caller.rest()
    }
    if work.parts.contains("calls") {
      let many = try measure(callers, work.rounds, work.calls, inFlight: work.inFlight)
      show(
        callers, many,
        "\(Unit.count(Double(work.calls))) calls of a service that does nothing, "
          + "\(work.inFlight) under way, \(work.slots) slots")
      let single = try measure(callers, work.rounds, work.blocking, inFlight: 1)
      show(
        callers, single, "a blocking call: \(Unit.count(Double(work.blocking))), one at a time")
    }
    if work.parts.contains("chain") {
      let chain = try measure(callers, work.rounds, work.chained, inFlight: 1)
      var table = Table(["\(work.chained) calls chained", "all", "rpcv takes of it"])
      for (caller, series) in zip(callers, chain) {
        table.add([
          caller.name, series.total.text(Unit.seconds),
          Unit.ratio(chain[0].total.median / series.total.median),
        ])
      }
      table.show("\(work.chained) calls, each submitted when the one before it was answered")
    }
  }

  private static func measure(
    _ callers: [any Caller], _ rounds: Int, _ count: Int, inFlight: Int
  ) throws -> [Series] {
    var series = [Series](repeating: Series(), count: callers.count)
    for _ in 0..<rounds {
      for (index, caller) in callers.enumerated() {
        series[index].add(try caller.calls(count, inFlight: inFlight))
        try caller.rest()
      }
    }
    return series
  }

  private static func show(_ callers: [any Caller], _ series: [Series], _ title: String) {
    var table = Table(["", "calls/s", "p50", "p99"])
    for (caller, series) in zip(callers, series) {
      table.add([
        caller.name, series.rate.text(Unit.count), series.p50.text(Unit.milliseconds),
        series.p99.text(Unit.milliseconds),
      ])
    }
    for index in series.indices.dropFirst() {
      table.add([
        "ratio to \(callers[index].name)",
        Unit.ratio(series[0].rate.median / series[index].rate.median),
        Unit.ratio(series[0].p50.median / series[index].p50.median),
        Unit.ratio(series[0].p99.median / series[index].p99.median),
      ])
    }
    table.show(title)
  }

  // MARK: - Commands

  private static func commands(_ work: Workload, _ root: String) throws {
    var peers = try CommandPeer.all(rpcv: work.rpcv, directory: root)
    if work.isAlone { peers = [peers[0]] }
    var times = [Figures](repeating: Figures(), count: peers.count)
    for peer in peers { _ = try peer.run(max(1, work.jobs / 10)) }
    for _ in 0..<work.rounds {
      for (index, peer) in peers.enumerated() {
        times[index].values.append(try peer.run(work.jobs))
      }
    }
    var table = Table(["", "all", "us a job", "rpcv takes of it"])
    for (peer, time) in zip(peers, times) {
      table.add([
        peer.name, time.text(Unit.seconds),
        Unit.count(time.median * 1e6 / Double(work.jobs)),
        Unit.ratio(times[0].median / time.median),
      ])
    }
    table.show("\(Unit.count(Double(work.jobs))) times /bin/true")
  }
}
