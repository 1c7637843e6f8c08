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
  /// The session has ended and nothing in its directory is needed any more.
  var isFinished = false

  private let grid: GridSettings
  private let coordinators: [String]
  let directory: String
  private let id: SessionName

  init(_ options: MapOptions) throws {
    grid = try GridSettings(flags: options.settings)
    coordinators = try grid.coordinators()
    isEmbedded = coordinators.isEmpty
    var generator = SystemRandomNumberGenerator()
    isNameless = options.session == nil
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
    if !isEmbedded, !options.inputs.isEmpty || !options.outputs.isEmpty {
      throw CommandError(
        .usage, "--in and --out need an embedded run: this version carries no file trees")
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
    return try NodeShell.start(
      configuration,
      events: NodeEvents(
        onClient: { queue.put(.news($0)) }, onNote: { queue.put(.note($0)) },
        onWarning: { queue.put(.warning($0)) },
        onEnd: { queue.put(.end($0)) }))
  }

  private func currentDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  /// What is run for one job. On a grid a local executable travels along.
  func spec(_ words: [Bytes], _ options: MapOptions, _ node: NodeShell) throws -> CallSpec {
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
    if !isEmbedded, let program = words.first, program.contains(UInt8(ascii: "/")),
      program != Array("/bin/sh".utf8)
    {
      spec.executable = try executable(program, node)
      spec.arguments[0] =
        program.split(separator: UInt8(ascii: "/")).last.map(Bytes.init) ?? program
    }
    return spec
  }

  private var executables: [Bytes: ArchiveID] = [:]

  private func executable(_ program: Bytes, _ node: NodeShell) throws -> ArchiveID {
    if let known = executables[program] { return known }
    let manifest: ArchiveManifest
    do { manifest = try FileArchive.store(text(program), in: node.archives) } catch {
      throw CommandError(.noInput, "the program can't be sent along: \(error)")
    }
    try node.archives.log.commit()
    executables[program] = manifest.id
    return manifest.id
  }

  /// The bytes of an output, from the record or from the archives.
  func bytes(_ blob: Blob, _ node: NodeShell) throws -> [Bytes] {
    switch blob {
    case .inline(let bytes): return [bytes]
    case .archive(let id, let size):
      if node.archives.isComplete(id) {
        guard let manifest = node.archives.manifest(of: id) else { return [] }
        return try (0..<UInt64(manifest.chunks.count)).map { try node.archives.chunk($0, of: id) }
      }
      return try ArchiveDownload.chunks(of: id, size: size, from: coordinators)
    }
  }

  deinit {
    guard isFinished else { return }
    RemovedSession.remove(directory)
  }
}
