import ArgumentParser
import ReplicationTransport

// The commands that run a node: a coordinator, a server, or both at once.

struct UpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Run a coordinator and a server on this machine.",
    discussion: "Example: rpcv up --listen 0.0.0.0:7070 --advertise lab1:7070")
  @OptionGroup var grid: GridFlags
  @OptionGroup var node: NodeFlags
  @Option(help: "Where the coordinator listens, HOST:PORT; default: 127.0.0.1:7070.")
  var listen: String?
  @Option(help: "Where others reach it, if that is another address.") var advertise: String?
  @Option(help: "Tasks at a time; default: the number of cores.") var slots: String?

  func run() throws {
    try report { () throws(CommandError) in
      try runNode(
        grid, node, [.listen: listen, .slots: slots], advertise: advertise,
        Roles(coordinates: true, serves: true, name: "up"))
    }
  }
}

struct CoordinatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator", abstract: "Run a coordinator.",
    discussion:
      "Example: rpcv coordinator --listen 0.0.0.0:7070 --advertise a:7070 "
      + "--coordinators b:7070,c:7070")
  @OptionGroup var grid: GridFlags
  @OptionGroup var node: NodeFlags
  @Option(help: "Where it listens, HOST:PORT; default: 127.0.0.1:7070.") var listen: String?
  @Option(help: "How many coordinators must hold a fact before it is safe: 1 or 2 (default).")
  var copies: String?
  @Option(help: "Where others reach it, if that is another address.") var advertise: String?

  func run() throws {
    try report { () throws(CommandError) in
      try runNode(
        grid, node, [.listen: listen, .copies: copies], advertise: advertise,
        Roles(coordinates: true, serves: false, name: "coordinator"))
    }
  }
}

struct ServerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "server",
    abstract: "Run a server: it pulls calls from coordinators and runs them.",
    discussion: "Example: rpcv server --coordinators a:7070,b:7070 --slots 4")
  @OptionGroup var grid: GridFlags
  @OptionGroup var node: NodeFlags
  @Option(help: "Tasks at a time; default: the number of cores.") var slots: String?

  func run() throws {
    try report { () throws(CommandError) in
      try runNode(
        grid, node, [.slots: slots], advertise: nil,
        Roles(coordinates: false, serves: true, name: "server"))
    }
  }
}

private struct Roles {
  var coordinates: Bool
  var serves: Bool
  /// Also of the directory below the state directory.
  var name: String
}

private func runNode(
  _ grid: GridFlags, _ node: NodeFlags, _ own: [SettingKey: String?], advertise: String?,
  _ roles: Roles
) throws(CommandError) {
  var flags = grid.flags
  node.add(to: &flags)
  for (key, value) in own { flags[key] = value }
  let settings = try GridSettings(flags: flags)
  if !roles.coordinates { _ = try settings.requiredCoordinators() }
  if let advertise {
    do throws(ParseError) { _ = try HostPort.parse(advertise) } catch {
      throw CommandError(.usage, "--advertise: \(error)")
    }
  }
  try LongRunning.run(
    grid: settings, listen: roles.coordinates ? try settings.listen() : nil,
    advertised: advertise, slots: roles.serves ? try settings.slots() : nil, name: roles.name)
}
