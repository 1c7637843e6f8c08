import ArgumentParser

/// The one command; each subcommand is a file named after it.
@main
struct Rpcv: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpcv",
    abstract: "Fault-tolerant remote calls on machines that nobody controls.",
    discussion: """
      Example: rpcv map 'gzip -k {}' ::: *.log
      With no coordinator configured `map` runs a whole grid in this process; nothing to start.
      """,
    subcommands: [
      MapCommand.self, UpCommand.self, CoordinatorCommand.self, ServerCommand.self,
      GridCommand.self, StatusCommand.self, WhyCommand.self, RemoveCommand.self,
    ])
}
