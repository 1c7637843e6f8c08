import ArgumentParser
import LogStore
import RolesCore

// The command: what a person asks for, checked, and handed to the part that does it. All modes but
// --repair open for reading only, take no lock and never write; a node may be using what they look
// at.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@main struct LogDump: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpcv-logdump",
    abstract: "Shows, checks, compares and repairs the logs of an RPC-V node.",
    discussion: LogDumpHelp.discussion,
    version: ProductVersion.text)

  @Argument(help: "A node's directory, a log's directory (facts or archives), or a segment's file.")
  var paths: [String]

  @Flag(help: "Read everything; tell by the exit status whether it is sound. No records.")
  var verify = false

  @Flag(help: "A table of the segments only.")
  var brief = false

  @Flag(help: "Bytes live, dead and covered by segment, kind and session; compression; age.")
  var stats = false

  @Flag(help: "Compare two directories: segments, ends, and records by content.")
  var diff = false

  @Flag(help: "Print new records as they come, until Ctrl-C; with --since, older ones first.")
  var follow = false

  @Flag(help: "Repair as a start does. Needs --dry-run, --into, or --in-place with --backup.")
  var repair = false

  @Flag(help: "With --repair: only tell what would be done.")
  var dryRun = false

  @Option(help: ArgumentHelp("With --repair: write a repaired copy here.", valueName: "directory"))
  var into: String?

  @Flag(help: "With --repair: repair PATH itself, after it was copied.")
  var inPlace = false

  @Option(help: ArgumentHelp("With --in-place: where the copy goes.", valueName: "directory"))
  var backup: String?

  @Option(help: "Only this segment: as printed, its file's name or its beginning, or its nonce.")
  var segment: [String] = []

  @Option(help: "Only these kinds: names or numbers, such as submitted,finished or 16.")
  var kind: [String] = []

  @Option(help: "Only this session: its name, the beginning of its id, or USER/SESSION as printed.")
  var session: [String] = []

  @Option(help: "Only these calls: 7, 7-9 or SESSION/7.")
  var call: [String] = []

  @Option(
    help: """
      From here on: a time in UTC (2026-11-24T10:00), how long ago (90s, 10m, 2h, 3d), or \
      SEGMENT#ORDINAL.
      """)
  var since: String?

  @Option(help: "At most so many records.")
  var limit: UInt64?

  @Flag(help: "One JSON object a line (docs/LOGDUMP.md).")
  var json = false

  @Flag(help: "With --json: the records' bytes, in hexadecimal.")
  var payload = false

  func validate() throws {
    let modes = [verify, brief, stats, diff, follow, repair].count { $0 }
    guard modes <= 1 else {
      throw ValidationError("one of --verify, --brief, --stats, --diff, --follow and --repair")
    }
    guard paths.count == (diff ? 2 : 1) else {
      throw ValidationError(diff ? "--diff takes two paths" : "one path")
    }
    let selects =
      !segment.isEmpty || !kind.isEmpty || !session.isEmpty || !call.isEmpty || since != nil
      || limit != nil
    guard !selects || !(verify || brief || stats || repair) else {
      throw ValidationError("records are selected when they are shown: not with this mode")
    }
    guard !diff || since == nil else { throw ValidationError("--diff knows no --since") }
    try validateRepair()
  }

  private func validateRepair() throws {
    let targets = [dryRun, into != nil, inPlace].count { $0 }
    guard repair else {
      guard targets == 0, backup == nil else {
        throw ValidationError("--dry-run, --into, --in-place and --backup belong to --repair")
      }
      return
    }
    guard targets == 1 else {
      throw ValidationError("--repair takes one of --dry-run, --into and --in-place")
    }
    guard inPlace == (backup != nil) else {
      throw ValidationError("--in-place and --backup belong together")
    }
  }

  func run() throws {
    // A reader that went away ends this quietly.
    signal(SIGPIPE, SIG_DFL)
    let output = StandardOutput()
    var printer = Printer(isJSON: json, to: output)
    printer.showsPayload = payload
    let printsMuch = !(verify || brief || stats || repair)
    let fs = MeteredFileSystem(
      PosixFileSystem(), draws: isatty(2) == 1 && !(printsMuch && isatty(1) == 1))
    let session = Session(printer: printer, output: output, fs: fs)
    let status: Int32
    do throws(Denial) {
      printer.begin(modeName)
      status = try run(session)
    } catch {
      session.complain(error.text)
      status = error.status
    }
    fs.finish()
    output.flush()
    if let failure = output.failure {
      session.complain("cannot write standard output: \(failure)")
      throw ExitCode(74)
    }
    if status != 0 { throw ExitCode(status) }
  }

  private var modeName: String {
    if verify { return "verify" }
    if brief { return "brief" }
    if stats { return "stats" }
    if diff { return "diff" }
    if follow { return "follow" }
    if repair { return "repair" }
    return isSelection ? "records" : "all"
  }

  private var isSelection: Bool {
    !segment.isEmpty || !kind.isEmpty || !session.isEmpty || !call.isEmpty || since != nil
      || limit != nil
  }

  private func run(_ run: Session) throws(Denial) -> Int32 {
    let filter = try recordFilter()
    if repair { return try run.repair(paths[0], target) }
    if diff { return try run.compare(paths[0], paths[1], filter, limit: limit) }
    let places = try Session.places(paths[0])
    if stats { return try run.statistics(places) }
    if follow { return try run.follow(places, filter, limit: limit) }
    if isSelection { return try run.records(places, filter, limit: limit) }
    return run.dump(places, verify ? .verdicts : brief ? .brief : .all, verifying: verify)
  }

  private var target: Repair.Target {
    if let into { return .into(trimmed(into)) }
    if let backup { return .inPlace(backup: trimmed(backup)) }
    return .dryRun
  }

  private func recordFilter() throws(Denial) -> RecordFilter {
    var filter = RecordFilter()
    filter.segments = segment.map { SegmentPattern($0) }
    for text in kind { filter.kinds.formUnion(try RecordFilter.kinds(text)) }
    filter.sessions = session.map { SessionPattern($0) }
    for text in call { filter.calls.append(try CallPattern(text)) }
    if let since { filter.since = try RecordFilter.since(since, now: UTCTime.now) }
    return filter
  }
}

/// Without slashes at its end.
func trimmed(_ path: String) -> String {
  var path = path
  while path.count > 1, path.hasSuffix("/") { path.removeLast() }
  return path
}
