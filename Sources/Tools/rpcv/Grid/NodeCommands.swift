import ArgumentParser
import Glibc
import ReplicationTransport

// The commands that run a node: a coordinator, a server, or both at once.

struct UpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Run a coordinator and a server on this machine.",
    discussion: "Example: rpcv up --listen 0.0.0.0:7070")
  @OptionGroup var grid: GridFlags
  @OptionGroup var node: NodeFlags
  @Option(help: "Where the coordinator listens, HOST:PORT.") var listen = "127.0.0.1:7070"
  @Option(help: "Where others reach it, if that is another address.") var advertise: String?
  @Option(help: "Tasks at a time; default: the number of cores.") var slots: Int?

  func run() throws {
    try report { () throws(CommandError) in
      try runNode(
        grid, node, listen: listen, advertise: advertise, slots: slots ?? cores(), name: "up")
    }
  }
}

struct CoordinatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator", abstract: "Run a coordinator.",
    discussion: "Example: rpcv coordinator --listen 0.0.0.0:7070 --coordinators b:7070,c:7070")
  @OptionGroup var grid: GridFlags
  @OptionGroup var node: NodeFlags
  @Option(help: "Where it listens, HOST:PORT.") var listen = "127.0.0.1:7070"
  @Option(help: "Where others reach it, if that is another address.") var advertise: String?

  func run() throws {
    try report { () throws(CommandError) in
      try runNode(
        grid, node, listen: listen, advertise: advertise, slots: nil, name: "coordinator")
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
  @Option(help: "Tasks at a time; default: the number of cores.") var slots: Int?

  func run() throws {
    try report { () throws(CommandError) in
      try runNode(
        grid, node, listen: nil, advertise: nil, slots: slots ?? cores(), name: "server")
    }
  }
}

private func cores() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

private func runNode(
  _ grid: GridFlags, _ node: NodeFlags, listen: String?, advertise: String?, slots: Int?,
  name: String
) throws(CommandError) {
  var flags = grid.flags
  node.add(to: &flags)
  let settings = try GridSettings(flags: flags)
  if listen == nil { _ = try settings.requiredCoordinators() }
  var address: ReplicationTransport.HostPort?
  if let listen {
    do throws(TransportError) { address = try ReplicationTransport.HostPort(listen) } catch {
      throw CommandError(.usage, "--listen: \(error)")
    }
  }
  if let slots, slots < 1 { throw CommandError(.usage, "--slots: at least 1 is needed") }
  try LongRunning.run(
    grid: settings, listen: address, advertised: advertise, slots: slots, name: name)
}
