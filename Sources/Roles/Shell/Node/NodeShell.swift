import LogStore
import ReplicationCore
import ReplicationTransport
import RolesCore
import RolesNode
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a client tells its application: submitted, result, released and the like.
public typealias ClientNews = Client.Directive

// A running node: one thread that drives the engine, the writers of its two logs, its sockets and
// its tasks. It owns threads and their orderly end; what is said and decided is the engine's.

public final class NodeShell: Sendable {
  public let archives: ArchiveStore
  public let directory: NodeDirectory
  private let mailbox: Mailbox
  private let stopping: Stopping
  private let thread: OwnThread
  private let parts: NodeParts

  final class Stopping: Sendable {
    let flag = Atomic<Bool>(false)
  }

  /// Recovers the node in `configuration.directory` and starts its roles. It serves when this
  /// returns.
  public static func start(
    _ configuration: NodeConfiguration, events: NodeEvents
  ) throws(NodeError) -> NodeShell {
    DescriptorLimit.raise()
    let fs = PosixFileSystem()
    var generator = SystemRandomNumberGenerator()
    var dice = Dice(seed: generator.next())
    let directory: NodeDirectory
    let (engine, first): (NodeEngine, [NodeOutput])
    do throws(LogError) {
      directory = try NodeDirectory.open(configuration.directory, on: fs, entropy: &generator)
      var settings = configuration.settings
      settings.wallTime = MonotonicClock.wallMilliseconds()
      settings.factsLog.drawNonce = { UInt64.random(in: .min ... .max) }
      settings.archivesLog.drawNonce = { UInt64.random(in: .min ... .max) }
      settings.fitSegments(toDisk: DiskSize.ofDisk(holding: configuration.directory))
      (engine, first) = try NodeEngine.open(
        directory, on: fs, settings: settings, dice: &dice, at: MonotonicClock.now())
    } catch { throw .log(error) }
    return try start(configuration, directory, engine, first, events)
  }

  private static func start(
    _ configuration: NodeConfiguration, _ directory: NodeDirectory, _ engine: NodeEngine,
    _ first: [NodeOutput], _ events: NodeEvents
  ) throws(NodeError) -> NodeShell {
    let mailbox = Mailbox()
    let parts = try NodeParts(configuration, engine, mailbox, events)
    return try NodeShell(directory, engine, first, mailbox, parts, events)
  }

  private init(
    _ directory: NodeDirectory, _ engine: NodeEngine, _ first: [NodeOutput], _ mailbox: Mailbox,
    _ parts: NodeParts, _ events: NodeEvents
  ) throws(NodeError) {
    self.directory = directory
    self.mailbox = mailbox
    self.parts = parts
    archives = engine.archives
    let stopping = Stopping()
    self.stopping = stopping
    do throws(SystemFailure) {
      thread = try OwnThread(named: "rpcv-node") {
        NodeLoop(engine, mailbox, parts, directory, stopping, events).run(first)
      }
    } catch { throw .system(error) }
  }

  /// Tells the client: submit, collect, cancel and so on.
  public func tell(_ event: Client.Event) { mailbox.post(.client(event)) }

  /// Where the coordinator listens; nil if nowhere.
  public var listens: HostPort? { parts.listens }

  /// Ends tasks, sockets and threads, with everything appended durable. Once; not from a callback.
  public func stop() {
    stopping.flag.store(true, ordering: .releasing)
    mailbox.wake()
    thread.join()
    parts.stop()
    directory.close()
  }
}

/// The node's thread.
private struct NodeLoop: ~Copyable {
  private var engine: NodeEngine
  private let mailbox: Mailbox
  private let parts: NodeParts
  private let directory: NodeDirectory
  private let stopping: NodeShell.Stopping
  private let events: NodeEvents
  private var wakeAt: Instant?
  private var hasEnded = false

  init(
    _ engine: NodeEngine, _ mailbox: Mailbox, _ parts: NodeParts, _ directory: NodeDirectory,
    _ stopping: NodeShell.Stopping, _ events: NodeEvents
  ) {
    self.engine = engine
    self.mailbox = mailbox
    self.parts = parts
    self.directory = directory
    self.stopping = stopping
    self.events = events
  }

  consuming func run(_ first: [NodeOutput]) {
    for output in first { carryOut(output) }
    parts.flush()
    while !stopping.flag.load(ordering: .acquiring), !hasEnded {
      let inputs = mailbox.take(until: wakeAt?.nanoseconds)
      let now = MonotonicClock.now()
      for input in inputs { handle(input, now) }
      if let due = wakeAt, due <= now {
        wakeAt = nil
        handle(.tick, now)
      }
      parts.flush()
    }
    if !hasEnded { leave() }
    engine.stop()
  }

  /// Tells the coordinator of this server, and the other coordinators, that this node goes, and
  /// waits for the answers, but not for long.
  private mutating func leave() {
    handle(.leave, MonotonicClock.now())
    parts.flush()
    while !engine.hasLeft, !hasEnded {
      let inputs = mailbox.take(until: wakeAt?.nanoseconds)
      let now = MonotonicClock.now()
      for input in inputs { handle(input, now) }
      if let due = wakeAt, due <= now {
        wakeAt = nil
        handle(.tick, now)
      }
      parts.flush()
    }
  }

  private mutating func handle(_ input: NodeInput, _ now: Instant) {
    if case .request(let token, _) = input, !parts.isWaiting(token) { return }
    for output in engine.handle(input, at: now) { carryOut(output) }
  }

  private mutating func carryOut(_ output: NodeOutput) {
    switch output {
    case .send(let token, let address, let payload, let timeout):
      parts.send(token, to: address, payload, timeout)
    case .abandon(let token): parts.abandon(token)
    case .reply(let token, let payload): parts.reply(token, payload)
    case .commitSoon(let kind): parts.commitSoon(kind)
    case .startTask(let task, let submitted): parts.startTask(task, submitted)
    case .killTask(let task): parts.killTask(task)
    case .wake(let instant): wakeAt = instant
    case .client(let news): events.onClient(news)
    case .note(let text): events.onNote(text)
    case .warning(let text): events.onWarning(text)
    case .identityConflict(let reason): renew(reason)
    case .poisoned(let reason): end(.needsRecovery(reason))
    }
  }

  private mutating func end(_ end: NodeEnd) {
    guard !hasEnded else { return }
    hasEnded = true
    events.onEnd(end)
  }

  private mutating func renew(_ reason: String) {
    guard !hasEnded else { return }
    var generator = SystemRandomNumberGenerator()
    do throws(LogError) {
      let node = try directory.renew(entropy: &generator)
      end(.renewed("\(reason); this node goes on as \(node.short)"))
    } catch {
      end(.needsRecovery("\(reason); a new identity can't be written: \(error)"))
    }
  }
}
