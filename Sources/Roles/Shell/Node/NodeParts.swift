import LogStore
import ReplicationCore
import ReplicationTransport
import RolesCore
import RolesNode

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What carries out a node's outputs: writers, sockets, tasks. Every completion becomes an input in
// the mailbox; nothing here decides anything.

final class NodeParts: Sendable {
  private let mailbox: Mailbox
  private let facts: LogWriter
  private let archives: LogWriter
  private let logs: [Log]
  private let loop: TransportLoop?
  private let client: TransportClient?
  private let server: TransportServer?
  private let executor: TaskExecutor?
  private let accepting: Accepting
  private let onNote: @Sendable (String) -> Void
  private let state = Guarded(State())

  private struct State {
    var exchanges: [OutgoingToken: TransportExchange] = [:]
    var wantsFacts = false
    var wantsArchives = false
  }

  init(
    _ configuration: NodeConfiguration, _ engine: NodeEngine, _ mailbox: Mailbox,
    _ events: NodeEvents
  ) throws(NodeError) {
    self.mailbox = mailbox
    onNote = events.onNote
    let settings = configuration.settings
    logs = [engine.facts, engine.archives.log]
    let ships = settings.coordinator != nil && configuration.listen != nil
    facts = LogWriter(
      engine.facts, policy: settings.factsLog.syncPolicy, tellsWrites: ships
    ) { mailbox.post(.committed) }
    archives = LogWriter(
      engine.archives.log, policy: settings.archivesLog.syncPolicy, tellsWrites: ships
    ) { mailbox.post(.committed) }
    let remote = configuration.settings.coordinators.contains { $0 != NodeSettings.localAddress }
    let needsNetwork = configuration.listen != nil || remote
    loop = needsNetwork ? TransportLoop() : nil
    client = loop.map { TransportClient(on: $0, settings: configuration.transport) }
    do {
      executor =
        try configuration.settings.server == nil
        ? nil
        : TaskExecutor(
          directory: configuration.directory, archives: engine.archives,
          host: HostName.current, runsIn: configuration.tasksRunIn, onNote: events.onNote
        ) { mailbox.post(.server($0)) }
    } catch {
      facts.stop()
      archives.stop()
      throw .system(error)
    }
    let accepting = Accepting(mailbox)
    self.accepting = accepting
    do {
      if let loop, let address = configuration.listen {
        server = try TransportServer.start(
          on: loop, at: address, settings: configuration.transport, events: accepting.events(onNote)
        )
      } else {
        server = nil
      }
    } catch {
      facts.stop()
      archives.stop()
      executor?.stop()
      throw .transport(error)
    }
  }

  var listens: HostPort? { server?.address }

  func stop() {
    server?.stop()
    client?.stop()
    executor?.stop()
    facts.stop()
    archives.stop()
    // Cut to their length. One that failed is left as it is, for recovery.
    for log in logs { try? log.close() }
    loop?.shutdown()
  }

  // MARK: outputs

  func send(
    _ token: OutgoingToken, to address: String, _ payload: [UInt8], _ timeout: Duration
  ) {
    guard let client else {
      mailbox.post(.sendFailed(token, reason: "this node has no network"))
      return
    }
    let target: HostPort
    do throws(TransportError) { target = try HostPort(address) } catch {
      mailbox.post(.sendFailed(token, reason: "\(error)"))
      return
    }
    let mailbox = mailbox
    // The lock is held so that the completion, on another thread, finds the entry to remove.
    state.withLock { state in
      state.exchanges[token] = client.exchange(with: target, payload, timeout: timeout) {
        [weak self] result in
        self?.state.withLock { _ = $0.exchanges.removeValue(forKey: token) }
        switch result {
        case .success(let answer): mailbox.post(.response(token, payload: answer))
        case .failure(let error): mailbox.post(.sendFailed(token, reason: "\(error)"))
        }
      }
    }
  }

  func abandon(_ token: OutgoingToken) {
    if let id = state.withLock({ $0.exchanges.removeValue(forKey: token) }) { client?.cancel(id) }
  }

  func isWaiting(_ token: IncomingToken) -> Bool { accepting.isWaiting(token) }

  func reply(_ token: IncomingToken, _ payload: [UInt8]) { accepting.reply(token, payload) }

  func commitSoon(_ kind: LogKind) {
    state.withLock { state in
      switch kind {
      case .facts: state.wantsFacts = true
      case .archives: state.wantsArchives = true
      }
    }
  }

  /// Wakes the writers once a turn.
  func flush() {
    let (wantsFacts, wantsArchives) = state.withLock { state in
      defer { (state.wantsFacts, state.wantsArchives) = (false, false) }
      return (state.wantsFacts, state.wantsArchives)
    }
    if wantsFacts { facts.wake() }
    if wantsArchives { archives.wake() }
  }

  func startTask(_ task: TaskName, _ submitted: Submitted) {
    guard let executor else {
      mailbox.post(
        .server(.taskEnded(task, .failed(.noSuchService, detail: "this node runs no tasks"))))
      return
    }
    executor.start(task, submitted)
  }

  func killTask(_ task: TaskName) { executor?.kill(task) }
}

/// Requests that came and wait for their answers.
private final class Accepting: Sendable {
  private let mailbox: Mailbox
  private let requests = Guarded<[IncomingToken: IncomingRequest]>([:])

  init(_ mailbox: Mailbox) { self.mailbox = mailbox }

  func events(_ onNote: @escaping @Sendable (String) -> Void) -> TransportEvents {
    TransportEvents(
      onRequest: { [self] request in
        let token = IncomingToken(request.id.value)
        requests.withLock { $0[token] = request }
        mailbox.post(.request(token, payload: request.payload))
      },
      onGone: { [self] id in
        let token = IncomingToken(id.value)
        requests.withLock { _ = $0.removeValue(forKey: token) }
        mailbox.post(.requestGone(token))
      },
      onProblem: { onNote("a connection was ended: \($0)") })
  }

  func isWaiting(_ token: IncomingToken) -> Bool { requests.withLock { $0[token] != nil } }

  func reply(_ token: IncomingToken, _ payload: [UInt8]) {
    requests.withLock { $0.removeValue(forKey: token) }?.reply(payload)
  }
}
