import LogStore

// The modes, each from a path to an exit status. What they print goes to the printer, what a person
// has to know beside it to standard error.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Session {
  let printer: Printer
  let output: any LineOutput
  let fs: MeteredFileSystem

  func complain(_ text: String) {
    output.flush()
    fs.finish()
    var line = "rpcv-logdump: \(text)\n"
    line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
  }

  static func places(_ path: String) throws(Denial) -> [LogPlace] {
    do throws(NoLog) { return try LogPlace.find(path) } catch {
      if case .special = error { throw Denial(status: Status.usage, text: "\(error)") }
      throw Denial(status: Status.noLog, text: "\(error)")
    }
  }

  /// Bytes that a pass over these will read, about.
  private func expect(_ places: [LogPlace], passes: UInt64) {
    for place in places {
      let names = place.file.map { [$0] } ?? ((try? fs.list(place.directory)) ?? [])
      for name in names where place.file != nil || name.hasSuffix(".seg") {
        var status = stat()
        guard lstat(place.directory + "/" + name, &status) == 0 else { continue }
        fs.expect(UInt64(status.st_size) * passes)
      }
    }
  }

  func dump(_ places: [LogPlace], _ detail: Dump.Detail, verifying: Bool) -> Int32 {
    expect(places, passes: detail == .all ? 2 : 1)
    var dump = Dump(printer: printer, detail: detail, on: fs, complain: complain)
    for place in places { dump.show(place) }
    dump.finish()
    return dump.exitStatus(verifying: verifying)
  }

  func records(
    _ places: [LogPlace], _ filter: RecordFilter, limit: UInt64?
  ) throws(Denial) -> Int32 {
    expect(places, passes: 1)
    var run = try RecordsRun(
      places, filter, limit: limit, printer: printer, on: fs, complain: complain)
    run.run()
    return run.failure
  }

  func statistics(_ places: [LogPlace]) throws(Denial) -> Int32 {
    expect(places, passes: 2)
    var statistics = Statistics(on: fs)
    do throws(LogError) {
      try statistics.gather(places, facts: Session.facts(for: places))
    } catch { throw Denial(error, isFile: places.contains { $0.file != nil }) }
    fs.finish()
    printer.statistics(statistics, now: UTCTime.now)
    return statistics.unreadable.isEmpty ? Status.fine : Status.unreadable
  }

  /// The log of facts of the node whose logs these are.
  static func facts(for places: [LogPlace]) -> LogPlace? {
    guard let first = places.first else { return nil }
    if first.file == nil, let all = try? LogPlace.find(first.nodeDirectory) {
      let facts = all.first { $0.directory.hasSuffix("/facts") }
      // The same log under the name by which it was asked for.
      if let own = places.first(where: { $0.directory.hasSuffix("facts") }) { return own }
      if let facts { return facts }
    }
    return first.directory.hasSuffix("archives") ? nil : first
  }

  func compare(
    _ a: String, _ b: String, _ filter: RecordFilter, limit: UInt64?
  ) throws(Denial) -> Int32 {
    let first = try Session.places(a)
    let second = try Session.places(b)
    expect(first + second, passes: 2)
    var left = limit
    var comparison = Comparison(on: fs)
    for (a, b) in Session.pairs(first, second) {
      do throws(LogError) {
        try comparison.compare(a, b, filter) { side, position, kind, payload in
          if left == 0 { return }
          if let rest = left { left = rest - 1 }
          printer.record(position, kind, payload, .alone(side: side))
        }
      } catch { throw Denial(error, isFile: (a?.file ?? b?.file) != nil) }
    }
    fs.finish()
    printer.comparison(comparison)
    if !comparison.unreadable.isEmpty { return Status.unreadable }
    if comparison.state == .corrupt { return Status.damaged }
    return comparison.isDifferent ? Status.different : Status.fine
  }

  /// Facts with facts and archives with archives; a single log with a single log.
  static func pairs(_ a: [LogPlace], _ b: [LogPlace]) -> [(LogPlace?, LogPlace?)] {
    if a.count == 1, b.count == 1 { return [(a[0], b[0])] }
    let name = { (place: LogPlace) in String(place.directory.split(separator: "/").last ?? "") }
    let names = Set((a + b).map(name)).sorted().reversed()
    return names.map { wanted in
      (a.first { name($0) == wanted }, b.first { name($0) == wanted })
    }
  }

  func follow(
    _ places: [LogPlace], _ filter: RecordFilter, limit: UInt64?
  ) throws(Denial) -> Int32 {
    Interrupt.listen()
    expect(places, passes: 1)
    var follower = try Follower(
      places, filter, limit: limit, skipping: filter.since == nil, printer: printer, on: fs,
      complain: complain)
    fs.finish()
    while !Interrupt.came, !follower.isDone {
      do throws(LogError) { try follower.look() } catch {
        throw Denial(status: Status.unreadable, text: "\(error)")
      }
      output.flush()
      if !follower.isDone { poll(nil, 0, Session.pause) }
    }
    printer.selected(follower.shown, isComplete: true)
    return Status.fine
  }

  /// Milliseconds between two looks.
  static let pause: Int32 = 60

  func repair(_ path: String, _ target: Repair.Target) throws(Denial) -> Int32 {
    let places = try Session.places(path)
    let source = trimmed(path)
    guard places.allSatisfy({ $0.nodeDirectory == source }) else {
      throw Denial(
        status: Status.usage,
        text: "--repair takes a node's whole directory (the one that has IDENTITY and facts)")
    }
    expect(places, passes: target == .dryRun ? 1 : 5)
    var repair = Repair(source, target, on: fs)
    try repair.run()
    fs.finish()
    printer.repair(repair)
    return repair.status
  }
}
