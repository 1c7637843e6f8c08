import ArgumentParser
import LogStore
import ReplicationCore
import RolesCore
import RolesNode
import RolesShell

// `rpcv map`: words parsed as GNU parallel parses them, a node started, the run driven to its end.

struct MapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "map", abstract: "Run a command once for every argument, and lose nothing.")

  @Argument(parsing: .captureForPassthrough, help: "See rpcv map --help.")
  var words: [String] = []

  func run() throws {
    // The words as bytes: arguments need not be UTF-8.
    let raw = CommandLine.rawArguments
    guard let start = raw.firstIndex(of: Array("map".utf8)) else { throw ExitCode(255) }
    throw ExitCode(Int32(Self.main(Array(raw[(start + 1)...]))))
  }

  /// The exit status.
  static func main(_ words: [Bytes]) -> UInt8 {
    let interrupts = Interrupts.install()
    do {
      let options = try MapOptions(parsing: words)
      if options.wantsHelp {
        try FileSink.standardOutput().write(Array(MapHelp.text.utf8))
        return 0
      }
      if options.isDryRun { return try dryRun(options) }
      return try MapRun.run(options, interrupts)
    } catch FileSink.Failure.closedPipe {
      return 141
    } catch {
      complain("\(error)")
      return ExitTally.errorStatus
    }
  }

  private static func dryRun(_ options: MapOptions) throws -> UInt8 {
    let template = try CommandTemplate(words: options.command, isQuoted: options.isQuoted)
    let jobs = try JobSequence(options.sources, options: options.sequence)
    let out = FileSink.standardOutput()
    while let job = try jobs.next() {
      var tagger = LineTagger(tag: options.tag?.expand(job))
      try out.write(tagger.tagged(template.commandLine(job) + [10]))
    }
    return 0
  }
}

/// One line on standard error.
func complain(_ text: String) {
  try? FileSink.standardError().write(Array("rpcv: \(text)\n".utf8))
}
