import Glibc
import LogStore
import ReplicationCore
import RolesCore
import RolesNode
import RolesShell

// The session of a run and the node under it: with coordinators configured a client of the grid,
// else a whole grid in this process, durable in the user's state directory.

final class MapSession {
  let name: String
  let isNameless: Bool
  let isEmbedded: Bool
  let isVerbose: Bool
  let slots: Int
  let queue = MapQueue()
  /// Nothing in the session's directory is needed any more.
  var isFinished = false

  private let grid: GridSettings
  private let coordinators: [String]
  let directory: String
  private let id: SessionName
  private let inputs: MapInputs
  private let download: ArchiveDownload
  private let programs = SentPrograms()

  init(_ options: MapOptions, isStopped: @escaping () -> Bool) throws {
    grid = try GridSettings(flags: options.settings)
    coordinators = try grid.coordinators()
    isEmbedded = coordinators.isEmpty
    var generator = SystemRandomNumberGenerator()
    isNameless = options.session == nil
    if let session = options.session { try CallTarget.checkName(session) }
    inputs = MapInputs(options)
    download = ArchiveDownload(from: coordinators, isStopped: isStopped)
    name =
      options.session ?? "run-" + String(ID128.random(using: &generator).description.prefix(12))
    let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    slots = options.jobs.map { $0.resolved(cores: cores) ?? 1000 } ?? cores
    isVerbose = grid.settings.text(.logLevel)?.value == "debug"
    id = SessionName(
      user: UserID(ID128(hashing: grid.user)), session: SessionID(ID128(hashing: name)))
    if let (path, _) = grid.settings.text(.directory) {
      directory = path
    } else {
      directory = StateDirectory.session(
        try StateDirectory.root(grid.environment), user: grid.user, session: name)
    }
  }

  func start() throws -> NodeShell {
    var node = try grid.node(
      coordinators: isEmbedded ? [NodeSettings.localAddress] : coordinators)
    let (heartbeat, suspicion) = try grid.suspicion()
    var client = ClientSettings(session: id)
    client.userText = grid.user
    client.sessionText = name
    client.mode = .releaseOnCollection
    client.isNewSession = isNameless
    client.heartbeat = heartbeat
    client.suspicion = suspicion
    client.poll = heartbeat
    node.client = client
    if isEmbedded {
      node.coordinator = CoordinatorSettings()
      var offer = Server.Offer(slots: slots, prefetch: slots, services: ["exec", "noop"])
      offer.host = HostName.current
      node.server = (ServerSettings(), offer)
    }
    var configuration = NodeConfiguration(directory: directory, settings: node)
    if isEmbedded { configuration.tasksRunIn = currentDirectory() }
    let queue = queue
    let shell = try NodeShell.start(
      configuration,
      events: NodeEvents(
        onClient: { queue.put(.news($0)) }, onNote: { queue.put(.note($0)) },
        onWarning: { queue.put(.warning($0)) },
        onEnd: { queue.put(.end($0)) }))
    if isEmbedded { EmbeddedSession.note(user: grid.user, session: name, in: directory) }
    return shell
  }

  private func currentDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  /// Tells what a run on a grid waits for.
  var watch: GridWatch? {
    guard !isEmbedded else { return nil }
    let queue = queue
    return GridWatch(coordinators, wantsServers: true) { queue.put(.told($0)) }
  }

  /// Whether there is another coordinator to turn to.
  var hasChoice: Bool { coordinators.count > 1 }

  /// What files are brought by is told apart from others' in the same folder.
  var mark: String { String("\(id.session)".prefix(8)) }

  /// Refuses to begin if it can be seen that an input is missing.
  func checkInputs() throws { try inputs.checkAhead() }

  /// What is run for one job. On a grid a local executable and the input files travel along.
  func spec(_ job: Job, _ words: [Bytes], _ options: MapOptions, _ node: NodeShell) throws
    -> CallSpec
  {
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = words
    spec.priority = options.priority
    if let limit = options.timeLimit { spec.timeLimit = limit.wholeMilliseconds }
    if let limit = options.memoryLimit { spec.memoryLimit = limit.bytes }
    if let limit = options.failureLimit { spec.failureLimit = UInt64(limit) }
    for variable in options.environment {
      let value = variable.value ?? grid.environment[variable.name] ?? ""
      spec.environment.append(EnvironmentVariable(name: variable.name, value: value))
    }
    if isEmbedded {
      // Tasks run where the files are.
      try inputs.check(job)
      return spec
    }
    spec.input = try inputs.pack(job, into: node.archives)
    spec.collectsFiles = !options.outputs.isEmpty
    try programs.add(to: &spec, node.archives)
    return spec
  }

  /// The bytes of an output part by part: from the record, from this node's archives or from a
  /// coordinator's.
  func forEachPart(of blob: Blob, _ node: NodeShell, _ body: (Bytes) throws -> Void) throws {
    guard case .archive(let id, let size) = blob, !node.archives.isComplete(id) else {
      return try node.archives.forEachPart(of: blob, body)
    }
    try download.forEachChunk(of: id, size: size, body)
  }

  deinit {
    guard isFinished else { return }
    RemovedSession.remove(directory)
  }
}
