import ArgumentParser
import Glibc
import LogStore
import ReplicationCore
import ReplicationTransport
import RolesCore
import RolesNode
import RolesShell

// Flags that all commands share, and how a long-running node is started, told about and stopped.

struct GridFlags: ParsableArguments {
  @Option(help: "Coordinators, HOST:PORT,... (RPCV_COORDINATORS, file: coordinators).")
  var coordinators: String?
  @Option(help: "Whose sessions these are; default: the login name.")
  var user: String?
  @Option(help: "debug tells more on standard error.")
  var logLevel: String?
  @Option(help: "How often coordinators and servers are heard, e.g. 1s (paper: 5s).")
  var heartbeat: String?
  @Option(help: "After how long a silent one is suspected, e.g. 10s (paper: 30s).")
  var suspicion: String?

  var flags: [SettingKey: String] {
    var flags: [SettingKey: String] = [:]
    flags[.coordinators] = coordinators
    flags[.user] = user
    flags[.logLevel] = logLevel
    flags[.heartbeat] = heartbeat
    flags[.suspicion] = suspicion
    return flags
  }
}

struct ClientFlags: ParsableArguments {
  @Option(help: "Where the session's log is; default: below ~/.local/state/rpcv/sessions.")
  var directory: String?

  func settings(
    _ grid: GridFlags, adding own: [SettingKey: String?] = [:]
  ) throws(CommandError) -> GridSettings {
    var flags = grid.flags
    flags[.directory] = directory
    for (key, value) in own { flags[key] = value }
    return try GridSettings(flags: flags)
  }
}

struct NodeFlags: ParsableArguments {
  @Option(help: "The node's directory; a wiped one is a new node.")
  var directory: String?
  @Option(help: "When logs are synced: always, group, interval:DURATION or never.")
  var sync: String?
  @Option(help: "Quota of the facts log, e.g. 4GiB.")
  var capacity: String?
  @Option(help: "Archives on the ring, or fetched on demand as in the paper: ring or on-demand.")
  var archives: String?
  @Option(help: "After what absence a coordinator's data is taken over by the others, e.g. 24h.")
  var adoptAfter: String?

  func add(to flags: inout [SettingKey: String]) {
    flags[.directory] = directory
    flags[.sync] = sync
    flags[.capacity] = capacity
    flags[.archives] = archives
    flags[.adoptAfter] = adoptAfter
  }
}

/// A coordinator, a server or both, until a signal or its disk ends it.
enum LongRunning {
  static func run(
    grid: GridSettings, listen: HostPort?, advertised: String?, slots: Int?, name: String
  ) throws(CommandError) {
    let interrupts = Interrupts.install()
    var coordinators = try grid.coordinators()
    if let listen, advertised == nil, ["0.0.0.0", "::", "*"].contains(listen.host) {
      throw CommandError(
        .usage,
        "--listen \(listen) doesn't say where others reach this node: add --advertise "
          + "HOST:\(listen.port)")
    }
    let address = advertised ?? listen?.description
    if let address, !coordinators.contains(address) { coordinators.insert(address, at: 0) }
    var node = try grid.node(coordinators: coordinators)
    let (heartbeat, suspicion) = try grid.suspicion()
    if listen != nil {
      var coordinator = CoordinatorSettings()
      coordinator.copies = try grid.copies()
      coordinator.suspicionTimeout = suspicion
      node.coordinator = coordinator
      node.address = address ?? NodeSettings.localAddress
    }
    if let slots {
      var server = ServerSettings()
      server.heartbeat = heartbeat
      server.suspicion = suspicion
      var offer = Server.Offer(slots: slots, prefetch: slots, services: ["exec", "noop"])
      offer.host = HostName.current
      node.server = (server, offer)
    }
    var directory = grid.settings.text(.directory)?.value
    if directory == nil { directory = try StateDirectory.root(grid.environment) + "/" + name }
    var configuration = NodeConfiguration(directory: directory ?? name, settings: node)
    configuration.listen = listen
    while try runOnce(configuration, interrupts) {}
  }

  /// True if the node must be started anew, through recovery.
  private static func runOnce(
    _ configuration: NodeConfiguration, _ interrupts: Interrupts
  ) throws(CommandError) -> Bool {
    let queue = MapQueue()
    interrupts.onSignal { queue.wake() }
    let node: NodeShell
    do throws(NodeError) {
      node = try NodeShell.start(
        configuration,
        events: NodeEvents(
          onNote: { complain($0) }, onEnd: { queue.put(.end($0)) }))
    } catch { throw CommandError(status(of: error), "\(error)") }
    defer { node.stop() }
    let role = node.listens.map { "coordinator on \($0)" } ?? "server"
    complain("node \(node.directory.node.short) is up: \(role), data in \(configuration.directory)")
    while interrupts.signal == nil {
      for event in queue.take(until: Signal.now() + 3_600_000_000_000) {
        guard case .end(let end) = event else { continue }
        switch end {
        case .needsRecovery(let reason): complain("restarting through recovery: \(reason)")
        case .renewed(let reason): complain("restarting under a new identity: \(reason)")
        }
        pauseBeforeRestart(queue)
        return interrupts.signal == nil
      }
    }
    complain("stopped; all that was acknowledged is on the disk")
    return false
  }

  /// A disk that fails again and again is not tried more than once a second.
  private static func pauseBeforeRestart(_ queue: MapQueue) {
    _ = queue.take(until: Signal.now() + 1_000_000_000)
  }

  static func status(of error: NodeError) -> ExitStatus {
    switch error {
    case .log(.inUse): .inUse
    case .log(.newerVersion): .protocolMismatch
    case .log(.notWritable): .cannotWrite
    case .log(.badIdentity), .log(.damaged): .damaged
    case .log: .inputOutput
    case .transport(.addressInUse): .inUse
    case .transport: .configuration
    case .system: .inputOutput
    }
  }
}

/// Runs a command's body; an error becomes one line and a status that means something.
func report(_ body: () throws(CommandError) -> Void) throws(ExitCode) {
  do throws(CommandError) { try body() } catch {
    complain("\(error)")
    throw ExitCode(Int32(error.status.rawValue))
  }
}
