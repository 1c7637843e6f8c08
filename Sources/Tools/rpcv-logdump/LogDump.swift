import ArgumentParser
import LogStore

// The command: finds the logs behind a path and shows them. It opens for reading only, takes no
// lock, and never writes; a node may be using what it looks at.

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
      PATH is a node's directory, one of its logs (facts or archives), or one segment's file, also \
      one that was set aside or renamed. It is read only; a node may be using it meanwhile.

      EXIT STATUS  0: all sound. With --verify, 1: torn tails only, which were never durable and \
      which the next start cuts off; 2: durable bytes are damaged or missing. 64: usage. \
      66: there is no log at PATH. 74: some of it can't be read.

      JSON  One object a line, each with "type":
        log      directory, log (facts or archives), node (whose directory; null if unknown)
        segment  segment, file, node, log, serial, nonce, previous (the nonce of its writer's \
      segment before, or null), own, retired, size (of the file), end (after the last intact \
      frame), records, durable (how far it is known as durable here), behind (intact frames \
      behind damage), state (sound, torn or corrupt), trouble (in words, or null)
        frame    segment, offset, end, first (its first record's ordinal), count, codec, raw, \
      stored, durable (as its writer knew), checksum, behind (whether it stands behind damage)
        record   segment, ordinal, kind, name, size (of the payload), text (in words)
        aside    file: damaged and set aside by an earlier start
        missing  segment: damaged and not here at all
        unread   file, reason: it can't be read
        total    segments, records, bytes, state, complete (false if some was not read)
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
    let places: [LogPlace]
    do throws(NoLog) { places = try LogPlace.find(path) } catch {
      complain("\(error)")
      if case .special = error { throw ExitCode(64) }
      throw ExitCode(66)
    }
    let output = StandardOutput()
    var dump = Dump(
      printer: Printer(isJSON: json, to: output), showsFrames: !verify && !brief,
      complain: { text in
        output.flush()
        complain(text)
      })
    for place in places { dump.show(place) }
    dump.finish()
    output.flush()
    let status = dump.exitStatus(verifying: verify)
    if status != 0 { throw ExitCode(status) }
  }
}

func complain(_ text: String) {
  var line = "rpcv-logdump: \(text)\n"
  line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
}
