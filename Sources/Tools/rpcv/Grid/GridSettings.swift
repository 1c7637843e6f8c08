import Glibc
import LogStore
import ReplicationCore
import ReplicationTransport
import RolesCore
import RolesNode
import RolesShell

// From settings as a person writes them to the settings of a node.

struct GridSettings: Sendable {
  let settings: Settings
  let environment: [String: String]

  init(flags: [SettingKey: String]) throws(CommandError) {
    environment = SettingsLoader.processEnvironment()
    do throws(SettingError) {
      settings = try SettingsLoader.load(flags: flags, environment: environment)
    } catch { throw CommandError(error.status, "\(error)") }
  }

  func get<Value>(_ body: (Settings) throws(SettingError) -> Value) throws(CommandError) -> Value {
    do throws(SettingError) { return try body(settings) } catch {
      throw CommandError(error.status, "\(error)")
    }
  }

  var user: String {
    if let (value, _) = settings.text(.user) { return value }
    return environment["USER"] ?? environment["LOGNAME"] ?? "user"
  }

  func coordinators() throws(CommandError) -> [String] {
    try get { settings throws(SettingError) in
      try settings.addresses(.coordinators).map(\.description)
    }
  }

  /// Coordinators, or an error that says how to name one.
  func requiredCoordinators() throws(CommandError) -> [String] {
    let known = try coordinators()
    guard !known.isEmpty else {
      throw CommandError(
        .configuration,
        "no coordinator is configured: say --coordinators HOST:PORT, set RPCV_COORDINATORS or put "
          + "'coordinators = HOST:PORT' into ~/.config/rpcv/config")
    }
    return known
  }

  /// What all roles share: periods, sync policy, capacity.
  func node(coordinators: [String]) throws(CommandError) -> NodeSettings {
    var node = NodeSettings()
    node.coordinators = coordinators
    try get { settings throws(SettingError) in
      let heartbeat = try settings.duration(.heartbeat, default: .seconds(1))
      let suspicion = try settings.duration(.suspicion, default: .seconds(10))
      node.replication.heartbeatPeriod = heartbeat
      node.replication.suspicionTimeout = suspicion
      node.adoptAfter = try settings.duration(.adoptAfter, default: node.adoptAfter)
      if let capacity = try settings.size(.capacity) {
        node.factsLog.capacity = capacity.bytes
      }
      node.factsLog.syncPolicy =
        try settings.value(.sync, SyncPolicy.parse) ?? .group(maxDelay: .zero)
      let archives = try settings.choice(.archives, default: ArchivesMode.ring)
      node.replication.replicatesArchives = archives == .ring
    }
    // The living write eight times in that time, and what they write has to come around the ring.
    guard node.adoptAfter >= node.replication.suspicionTimeout * 10 else {
      throw CommandError(
        .configuration,
        "adoption after \(node.adoptAfter) takes over the data of the living: it has to be at "
          + "least ten times the suspicion, \(node.replication.suspicionTimeout)")
    }
    return node
  }

  func strategy() throws(CommandError) -> LoggingStrategy {
    try get { settings throws(SettingError) in
      try settings.value(.strategy, LoggingStrategy.parse) ?? .nonBlocking
    }
  }

  /// Whether to tell what the nodes note.
  func isVerbose() throws(CommandError) -> Bool {
    try get { settings throws(SettingError) in
      try settings.choice(.logLevel, default: LogLevel.notice) == .debug
    }
  }

  private enum LogLevel: String, CaseIterable { case notice, debug }

  func copies() throws(CommandError) -> Int {
    try get { settings throws(SettingError) in
      try settings.count(.copies, in: 1...2, default: 2)
    }
  }

  /// Where a coordinator listens.
  func listen() throws(CommandError) -> ReplicationTransport.HostPort {
    try get { settings throws(SettingError) in
      try settings.value(.listen) { text throws(ParseError) in
        try HostPort.parseListening(text)
      } ?? HostPort(host: "127.0.0.1", port: standardPort)
    }
  }

  func slots() throws(CommandError) -> Int {
    let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    return try get { settings throws(SettingError) in
      try settings.count(.slots, in: 1...10_000, default: cores)
    }
  }

  func suspicion() throws(CommandError) -> (heartbeat: Duration, suspicion: Duration) {
    let (heartbeat, suspicion) = try get { settings throws(SettingError) in
      (
        try settings.duration(.heartbeat, default: .seconds(1)),
        try settings.duration(.suspicion, default: .seconds(10))
      )
    }
    guard suspicion >= heartbeat * 2 else {
      throw CommandError(
        .configuration,
        "a suspicion after \(suspicion) with a heartbeat every \(heartbeat) suspects the living: "
          + "it has to be at least twice as long")
    }
    return (heartbeat, suspicion)
  }
}

extension SettingError {
  var status: ExitStatus {
    if case .flag = origin { return .usage }
    return .configuration
  }
}

private enum ArchivesMode: String, CaseIterable {
  case ring
  case onDemand = "on-demand"
}

extension LoggingStrategy {
  static func parse(_ text: String) throws(ParseError) -> LoggingStrategy {
    switch text {
    case "optimistic": .optimistic
    case "blocking": .blocking
    case "non-blocking", "nonBlocking": .nonBlocking
    default: throw ParseError(text: text, wanted: "optimistic, blocking or non-blocking")
    }
  }
}

extension SyncPolicy {
  static func parse(_ text: String) throws(ParseError) -> SyncPolicy {
    switch text {
    case "always": return .always
    case "group": return .group(maxDelay: .zero)
    case "never": return .never
    default:
      guard text.hasPrefix("interval:") else {
        throw ParseError(text: text, wanted: "always, group, interval:DURATION or never")
      }
      return .interval(try Duration(parsing: String(text.dropFirst("interval:".count))))
    }
  }
}
