import ArgumentParser
import Glibc
import RolesCore

/// The one command; each subcommand is a file named after it.
@main
struct Rpcv: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpcv",
    abstract: "Fault-tolerant remote calls on machines that nobody controls.",
    discussion: """
      Example: rpcv map 'gzip -k {}' ::: *.log
      With no coordinator configured `map` runs a whole grid in this process; nothing to start.
      `rpcv help settings` lists all settings, `rpcv help exit` what the exit statuses mean.
      """,
    version: ProductVersion.text,
    subcommands: [
      MapCommand.self, SubmitCommand.self, WaitCommand.self, ResultsCommand.self,
      CancelCommand.self, ReleaseCommand.self, StatusCommand.self, WhyCommand.self,
      UpCommand.self, CoordinatorCommand.self, ServerCommand.self, GridCommand.self,
      RemoveCommand.self,
    ])

  static func main() {
    // A reader that goes away is an error of the write, met where it is known what to do.
    _ = signal(SIGPIPE, SIG_IGN)
    if let text = HelpTopic.text(for: Array(CommandLine.arguments.dropFirst())) {
      do throws(CommandError) { try printOut(text) } catch {
        complain("\(error)")
        Glibc.exit(Int32(error.status.rawValue))
      }
    } else {
      do {
        var command = try parseAsRoot()
        try command.run()
      } catch {
        end(error)
      }
    }
  }

  /// The library would print a help text without looking whether it arrives.
  private static func end(_ error: any Error) -> Never {
    guard exitCode(for: error) == .success else { exit(withError: error) }
    let text = fullMessage(for: error)
    do throws(CommandError) { try printOut(text.isEmpty ? "" : text + "\n") } catch {
      complain("\(error)")
      Glibc.exit(Int32(error.status.rawValue))
    }
    Glibc.exit(0)
  }
}

/// `rpcv help settings` and `rpcv help exit`: what no single command's help has room for.
enum HelpTopic {
  static func text(for words: [String]) -> String? {
    guard words.count == 2, words[0] == "help" else { return nil }
    switch words[1] {
    case "settings": return SettingKey.table
    case "exit": return ExitStatus.table
    case "map": return MapHelp.text
    default: return nil
    }
  }
}
