import Glibc
import LogStore
import ReplicationCore
import RolesCore
import RolesNode
import RolesShell

// The client node of one session for as long as a command runs: its log in the session's directory,
// its news in a queue. It owns the node and tells a person when no coordinator answers.

final class SessionNode {
  let grid: GridSettings
  let session: String
  let name: SessionName
  let coordinators: [String]
  let directory: String
  let queue = MapQueue()
  private(set) var progress = Client.Progress()
  private let node: NodeShell
  private let isTemporary: Bool
  private let watch: GridWatch
  private let isVerbose: Bool
  private var isClosed = false
  private var warned: Set<String> = []

  struct Options {
    var isNew = false
    var strategy = LoggingStrategy.nonBlocking
    /// If another process has the session's directory, a log of this command's own will do.
    var mayBorrow = false
  }

  /// `note` says what is safe already, for the line that tells of silent coordinators.
  init(
    _ grid: GridSettings, session: String, _ options: Options, _ interrupts: Interrupts
  ) throws(CommandError) {
    self.grid = grid
    self.session = session
    name = grid.sessionName(session)
    coordinators = try grid.requiredCoordinators()
    watch = GridWatch(coordinators, wantsServers: false)
    isVerbose = try grid.isVerbose()
    var settings = try grid.node(coordinators: coordinators)
    settings.client = try grid.client(name, session: session, options)
    let home = try grid.sessionDirectory(session)
    let queue = queue
    let events = NodeEvents(
      onClient: { queue.put(.news($0)) }, onNote: { queue.put(.note($0)) },
      onWarning: { queue.put(.warning($0)) },
      onEnd: { queue.put(.end($0)) })
    var directory = home
    do throws(NodeError) {
      do throws(NodeError) {
        node = try NodeShell.start(
          NodeConfiguration(directory: home, settings: settings), events: events)
        isTemporary = false
      } catch {
        guard options.mayBorrow, case .log(.inUse) = error else { throw error }
        var generator = SystemRandomNumberGenerator()
        directory = home + "." + ID128.random(using: &generator).description.prefix(12)
        node = try NodeShell.start(
          NodeConfiguration(directory: directory, settings: settings), events: events)
        isTemporary = true
      }
    } catch { throw CommandError(LongRunning.status(of: error), "\(error)") }
    self.directory = directory
    interrupts.onSignal { queue.wake() }
  }

  var archives: ArchiveStore { node.archives }

  func tell(_ event: Client.Event) { node.tell(event) }

  /// News until `deadline`; keeps the progress and tells of silence by the way.
  func news(until deadline: UInt64) throws(CommandError) -> [ClientNews] {
    var news: [ClientNews] = []
    for event in queue.take(until: deadline) {
      switch event {
      case .news(let item):
        switch item {
        case .progress(let now):
          progress = now
          watch.heard()
        case .attached, .result: watch.heard()
        case .conflict:
          if isVerbose { complain("another client of this session is at work") }
        case .rejected(let call, let refusal):
          throw CommandError(.failure, "\(session)/\(call.counter) was refused: \(refusal)")
        default: break
        }
        news.append(item)
      case .note(let text): if isVerbose { complain(text) }
      case .warning(let text): if warned.insert(text).inserted { complain(text) }
      case .told(let text): complain(text)
      case .end(.needsRecovery(let reason)), .end(.renewed(let reason)):
        throw CommandError(
          .inputOutput, "\(reason). What was logged is safe: run the same command again")
      }
    }
    return news
  }

  /// Says so if no coordinator answers. To be called while something is waited for.
  func tellSilence(_ what: String) { watch.look(calls: 0, what) }

  /// Ends the node. A log that nobody needs any more is removed: a borrowed one, or `forgets`.
  func close(forgets: Bool = false) {
    guard !isClosed else { return }
    isClosed = true
    node.stop()
    if forgets || isTemporary { RemovedSession.remove(directory) }
  }

  deinit { close() }
}

extension GridSettings {
  func client(
    _ name: SessionName, session: String, _ options: SessionNode.Options
  ) throws(CommandError) -> ClientSettings {
    let (heartbeat, suspicion) = try suspicion()
    var client = ClientSettings(session: name)
    client.userText = user
    client.sessionText = session
    client.mode = .keep
    client.strategy = options.strategy
    client.isNewSession = options.isNew
    client.heartbeat = heartbeat
    client.suspicion = suspicion
    client.poll = heartbeat
    return client
  }
}
