import ArgumentParser
import LogStore

// The command: finds the logs behind a path and shows them. It opens for reading only, takes no
// lock, follows no symbolic link, and never writes; a node may be using what it looks at.

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
    abstract: "Shows the segments, frames and records of an RPC-V log.",
    discussion: """
      PATH is a node's directory, one of its logs (facts or archives), or one segment's file. It is \
      read only; a node may be using it meanwhile.

      EXIT STATUS  0: all sound. With --verify, 1: torn tails only, which were never durable and \
      which the next start cuts off; 2: durable bytes are damaged or missing. 64: usage. \
      66: PATH is not there. 74: it can't be read.

      JSON  One object a line, each with "type":
        log      directory, log (facts or archives), node (whose directory; null if unknown)
        segment  segment, file, node, log, serial, nonce, previous (the nonce of its writer's \
      segment before, or null), own, size (of the file), end (after the last intact frame), \
      records, durable (how far it is known as durable here), behind (intact frames behind \
      damage), state (sound, torn or corrupt), trouble (in words, or null)
        frame    segment, offset, end, first (its first record's ordinal), count, codec, raw, \
      stored, durable (as its writer knew), checksum
        record   segment, ordinal, kind, name, size (of the payload), text (in words)
        aside    file: damaged and set aside by an earlier start
        missing  segment: damaged and not here at all
        total    segments, records, bytes, state
      Numbers are decimal; identities, nonces and checksums are hexadecimal text.
      """)

  @Argument(help: "A node's directory, a log's directory, or a segment's file.")
  var path: String

  @Flag(help: "One JSON object a line instead of text.")
  var json = false

  @Flag(help: "Show no frames and records; tell by the exit status whether the log is sound.")
  var verify = false

  @Flag(help: "Show segments only.")
  var brief = false

  func run() throws {
    // A reader that went away ends this quietly.
    signal(SIGPIPE, SIG_DFL)
    let places = try findLogs(path)
    var totals = Totals()
    let printer = Printer(isJSON: json)
    defer { printer.flush() }
    for place in places {
      do throws(LogError) {
        try show(place, printer, &totals)
      } catch {
        printer.flush()
        complain("\(error)")
        throw ExitCode(74)
      }
    }
    printer.total(totals)
    printer.flush()
    if verify && totals.state != .sound { throw ExitCode(totals.state == .torn ? 1 : 2) }
  }

  private func show(
    _ place: LogPlace, _ printer: Printer, _ totals: inout Totals
  ) throws(LogError) {
    let fs = PosixFileSystem()
    let node = try NodeDirectory.identity(of: place.nodeDirectory, on: fs)
    var inspection = try LogInspection.read(
      place.directory, only: place.file, node: node, on: fs)
    // A log in use may have been caught in the middle of a write.
    for _ in 0..<3 where inspection.state != .sound {
      usleep(50_000)
      try inspection.lookAgain(node: node)
    }
    printer.log(place.directory, inspection.log, node)
    for segment in inspection.segments {
      totals.add(segment)
      printer.segment(segment)
      guard !verify && !brief else { continue }
      let log = inspection.log
      do throws(LogError) {
        try inspection.walk(
          segment, frame: { printer.frame($0, of: segment) },
          record: { printer.record($0, $1, $2, in: log) })
      } catch {
        // It was sound a moment ago: replaced, or rotting right now.
        complain("\(error)")
      }
    }
    for file in inspection.setAside { printer.aside(place.directory + "/" + file) }
    for name in inspection.missing { printer.missing(name) }
    for file in inspection.vanished { complain("\(place.directory)/\(file) went away meanwhile") }
    totals.state = max(totals.state, inspection.state)
  }
}

func complain(_ text: String) {
  var line = "rpcv-logdump: \(text)\n"
  line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}
