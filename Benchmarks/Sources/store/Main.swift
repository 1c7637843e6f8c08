import Foundation
import LogStore
import Measuring

// `make bench BENCH=store`: the storage engine beside its peers, in one run on one disk. Contenders
// go in turn, run by run, so that a busy moment hits all alike; ratios say more than times.

@main
enum StoreBench {
  static func main() {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == ArchiveChild.name {
        try ArchiveChild.run(Array(arguments.dropFirst()))
      } else {
        try run(Settings(arguments))
      }
    } catch {
      FileHandle.standardError.write(Data("bench-store: \(error)\n".utf8))
      exit(1)
    }
  }

  private static func run(_ settings: Settings) throws {
    let base = URL(fileURLWithPath: settings.directory).standardizedFileURL.path
    let root = base + "/store-\(getpid())"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let sockets = "/tmp/bench-store-\(getpid())"
    try FileManager.default.createDirectory(atPath: sockets, withIntermediateDirectories: true)
    let interrupts = Children.endWithThis(removing: root, sockets)
    defer {
      for source in interrupts { source.cancel() }
      try? FileManager.default.removeItem(atPath: root)
      try? FileManager.default.removeItem(atPath: sockets)
    }
    let machine = try Machine(root)
    let report = Report(settings, machine)
    report.say(
      "\(machine.cores) cores, load \(machine.load), Linux \(machine.kernel), "
        + "\(machine.fileSystem); write and fdatasync of 4 KiB here: median "
        + "\(Report.milliseconds(machine.syncMedian)), p99 \(Report.milliseconds(machine.syncP99))")
    if machine.isBusy {
      report.say(
        "others keep the cores busy: a thread that the disk wakes waits for them, up to a tick of"
          + " the scheduler, and that is what is measured then")
    }
    report.say("each figure: median [least - most] of \(settings.runs) runs after a warm-up")
    let lineup = Lineup(settings, report, root: root, sockets: sockets)
    defer { lineup.stop() }
    measure(settings, lineup)
    report.showVerdicts()
    try report.writeJSON()
    if let failure = report.failures.first { throw BenchError(failure) }
  }

  /// One measure that fails does not take the others with it.
  private static func measure(_ settings: Settings, _ lineup: Lineup) {
    let durable = DurableMeasures(lineup)
    let all: [(names: [String], run: () throws -> Void)] = [
      (["durable"], durable.durable), (["unsynced"], durable.unsynced), (["jobs"], durable.jobs),
      (["batches"], durable.batches), (["policies"], PolicyMeasure(lineup).all),
      (["scan", "recovery"], ReadingMeasures(lineup: lineup).all),
      (["cleaning"], CleaningMeasure(lineup: lineup).foreground),
      (["archive"], ArchiveMeasure(lineup: lineup).inAndOut),
    ]
    for (names, run) in all where names.contains(where: settings.measures.contains) {
      do { try run() } catch { lineup.report.failed(names.joined(separator: ", "), error) }
    }
  }
}
