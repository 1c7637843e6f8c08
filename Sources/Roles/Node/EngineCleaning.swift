import LogStore
import ReplicationCore
import RolesCore

// Retires and drains this node's segments and those of the dead: drives one Drainer a log with what
// the cores know to be dead for ever, and tells them where their records stand afterwards. It owns
// when a step is due; the drain rule itself is LogStore's.

struct CleaningState: Sendable {
  /// When this node last held all that a neighbour's vector listed.
  var lastCaughtUp: Instant?
  /// Identities that this directory had before: their segments are this node's to take over.
  let formerNodes: Set<NodeID>
  let startedAt: Instant
  var facts: LogCleaning
  var archives: LogCleaning

  init(of facts: Log, _ archives: Log, _ settings: NodeSettings, _ former: [NodeID], _ now: Instant)
  {
    formerNodes = Set(former)
    startedAt = now
    self.facts = LogCleaning(drainer: Drainer(of: facts, settings.drain), dueAt: now)
    self.archives = LogCleaning(drainer: Drainer(of: archives, settings.drain), dueAt: now)
  }
}

/// The cleaning of one log.
struct LogCleaning: Sendable {
  /// Nil while it takes a step: so it is nowhere copied.
  var drainer: Drainer?
  var dueAt: Instant
  /// The next step makes sense when the log is durable through this.
  var waitsFor: LogSequence?
  /// The trouble that was last told, so that it is told once.
  var complaint: String?
  /// The archives that facts named, all through `asOf`.
  var named: (asOf: LogSequence, ids: Set<ArchiveID>)?

  /// What it waits for (a commit that takes long) has not come: it is not due again and again.
  mutating func postpone(after now: Instant) {
    if dueAt <= now { dueAt = now + NodeEngine.cleaningPeriod }
  }
}

extension NodeEngine {
  static let cleaningPeriod = Duration.seconds(1)
  static let cleaningRetry = Duration.seconds(10)
  /// Between two steps of one piece of work, unless space is short: the log's users go first.
  static let cleaningPause = Duration.milliseconds(10)

  /// Whether a record in this node's logs can never matter again, to any role that it has.
  func isDeadForEver(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    if let coordinator { return coordinator.ledger.isDeadForEver(kind, payload) }
    let isDeadForServer = server?.isDead(kind, payload) ?? true
    let isDeadForClient = client?.isDead(kind, payload) ?? true
    return isDeadForServer && isDeadForClient
  }

  // MARK: steps

  mutating func clean() {
    if let notes = presence?.takeNotes(at: now) { facts.note(notes) }
    if isDue(cleaning.facts, facts), var drainer = cleaning.facts.drainer.take() {
      step(
        \.facts, &drainer, facts,
        Drainer.Questions(
          caughtUp: mayDrain, mayRetire: { [nodes = nodesToRetire] in nodes.contains($0) },
          isDead: isDeadForEver))
      cleaning.facts.drainer = drainer
    } else {
      cleaning.facts.postpone(after: now)
    }
    if isDue(cleaning.archives, archives.log), var drainer = cleaning.archives.drainer.take() {
      archives.unpin(olderThan: settings.orphanAge.wholeNanoseconds, at: now.nanoseconds)
      let names = ArchiveNames(cleaning.archives.named) { [self] () throws(LogError) in
        try namedArchives()
      }
      step(\.archives, &drainer, archives.log, archiveQuestions(names))
      cleaning.archives.drainer = drainer
      cleaning.archives.named = names.known
      if let trouble = names.trouble { healIfDamaged(trouble) }
    } else {
      cleaning.archives.postpone(after: now)
    }
    wakes[.cleaning] = min(cleaning.facts.dueAt, cleaning.archives.dueAt)
  }

  /// Before `orphanAge` of uptime nothing is called dead: an archive may be on its way whose facts
  /// are not there yet.
  private func archiveQuestions(_ names: ArchiveNames) -> Drainer.Questions {
    let isOld = now >= cleaning.startedAt + settings.orphanAge
    let (store, facts) = (archives, facts)
    return Drainer.Questions(
      caughtUp: isOld && mayDrain, mayRetire: { [nodes = nodesToRetire] in nodes.contains($0) },
      isDead: { kind, payload in
        isOld && store.isDead(kind, payload) { names.has($0, asOf: facts.sequence) }
      },
      mayGo: { name in
        // What a release frees goes after the release is on the disk.
        do throws(LogError) {
          if facts.durable < facts.sequence { try facts.commit() }
        } catch { return false }
        return store.withdraw(name) { names.has($0, asOf: facts.sequence) }
      },
      // What can't be read again is found by its damage.
      stays: { try? store.restore($0) })
  }

  private func isDue(_ state: LogCleaning, _ log: Log) -> Bool {
    guard state.dueAt <= now, log.poisoned == nil else { return false }
    return state.waitsFor.map { log.durable >= $0 } ?? true
  }

  /// After a commit: a step that waited for it is due.
  mutating func cleaningMayGoOn() {
    if let until = cleaning.facts.waitsFor, facts.durable >= until { cleaning.facts.dueAt = now }
    if let until = cleaning.archives.waitsFor, archives.log.durable >= until {
      cleaning.archives.dueAt = now
    }
    let next = min(cleaning.facts.dueAt, cleaning.archives.dueAt)
    if next < wakes[.cleaning] ?? next + Self.cleaningPeriod { wakes[.cleaning] = next }
  }

  private mutating func step(
    _ which: WritableKeyPath<CleaningState, LogCleaning>, _ drainer: inout Drainer, _ log: Log,
    _ questions: Drainer.Questions
  ) {
    cleaning[keyPath: which].waitsFor = nil
    cleaning[keyPath: which].dueAt = now + Self.cleaningPeriod
    do throws(LogError) {
      let step = try drainer.step(log, at: now.nanoseconds, questions)
      cleaning[keyPath: which].complaint = nil
      take(step, of: log)
      if let until = step.waitsFor {
        cleaning[keyPath: which].waitsFor = until
        outputs.append(.commitSoon(log.kind))
      } else if step.hasMore {
        cleaning[keyPath: which].dueAt = log.isPressed ? now : now + Self.cleaningPause
      } else if let wake = step.wakeAt {
        let due = Instant(nanoseconds: wake)
        cleaning[keyPath: which].dueAt = max(min(cleaning[keyPath: which].dueAt, due), now)
      }
      if heal(step.unsound) { drainer.copyBecameShorter(log) }
    } catch {
      if healIfDamaged(error) {
        drainer.copyBecameShorter(log)
        cleaning[keyPath: which].dueAt = now + Self.cleaningPause
        return
      }
      cleaning[keyPath: which].dueAt = now + Self.cleaningRetry
      if case .full = error { setLogFull(true) }
      if case .poisoned = error { reportPoison("\(error)") }
      if cleaning[keyPath: which].complaint != "\(error)" {
        cleaning[keyPath: which].complaint = "\(error)"
        outputs.append(.note("old segments stay for now: \(error)"))
      }
    }
  }

  private mutating func take(_ step: DrainStep, of log: Log) {
    for batch in step.appended {
      if log.kind == .archives {
        archives.appended(batch.records, at: batch.first, batch.sequence)
      } else {
        arrivedFacts.append(
          FactBatch(
            segment: batch.first.segment, firstOrdinal: batch.first.ordinal,
            records: batch.records, sequence: batch.sequence))
      }
    }
    for name in step.deleted {
      if unhealed.remove(name) != nil {
        warn("\(name) is gone as a whole: what lived in it stands elsewhere")
      }
      if log.kind == .archives {
        // The index let go of it already.
        archiveNews.forget(name)
      } else {
        events.append(.coordinator(.segmentDeleted(name)))
      }
    }
    // A checkpoint takes its place at the next commit.
    if log.hasPendingCheckpoint { outputs.append(.commitSoon(log.kind)) }
    if !step.deleted.isEmpty { logAdvanced() }
  }

  // MARK: what a step may go by

  /// A node that was away drains only after it has caught up once.
  private var mayDrain: Bool { replicator == nil || cleaning.lastCaughtUp != nil }

  /// Whose segments this node retires beside its own: its former identities', and those of nodes
  /// that are absent or that the operator removed, if it is its turn.
  private var nodesToRetire: Set<NodeID> {
    var nodes = cleaning.formerNodes
    guard let coordinator, let replicator, let presence, !isLogFull else { return nodes }
    let removed = Set(coordinator.ledger.removedNodes)
    let gone = removed.union(presence.absent(at: now))
    guard !gone.isEmpty else { return nodes }
    // Of most of those who are gone nothing is left.
    let held = gone.intersection(lastVector.map(\.name.node))
    guard !held.isEmpty else { return nodes }
    let ring = Set(replicator.status.ring.compactMap(\.node))
    let adoption = Adoption(
      me: facts.node, living: ring.subtracting(gone), removed: removed)
    for node in held where adoption.isMine(node, presence, at: now) { nodes.insert(node) }
    return nodes
  }

  /// Archives that a fact names which is not dead for ever, or that a task here needs. Throws if
  /// not all facts can be read: then nobody knows.
  private func namedArchives() throws(LogError) -> Set<ArchiveID> {
    if let coordinator { return coordinator.ledger.namedArchives }
    var named = server?.neededArchives ?? []
    try facts.replay { _, kind, payload in
      guard kind == .submitted || kind == .finished, !isDeadForEver(kind, payload) else { return }
      let record = Record(kind: kind, payload: [UInt8](payload))
      switch try? Fact.decode(record) {
      case .submitted(let value): named.formUnion(value.spec.archives)
      case .finished(let value): named.formUnion(value.result.archives)
      default: break
      }
    }
    return named
  }
}

/// What one step of cleaning archives asks of the facts: gathered if it asks at all, and again when
/// facts came since. Where they can't be read every archive counts as named.
private final class ArchiveNames {
  private(set) var known: (asOf: LogSequence, ids: Set<ArchiveID>)?
  private(set) var trouble: LogError?
  private let gather: () throws(LogError) -> Set<ArchiveID>

  init(
    _ known: (asOf: LogSequence, ids: Set<ArchiveID>)?,
    _ gather: @escaping () throws(LogError) -> Set<ArchiveID>
  ) {
    self.known = known
    self.gather = gather
  }

  func has(_ id: ArchiveID, asOf sequence: LogSequence) -> Bool {
    if trouble != nil { return true }
    if let known, known.asOf == sequence { return known.ids.contains(id) }
    do throws(LogError) {
      let ids = try gather()
      known = (sequence, ids)
      return ids.contains(id)
    } catch {
      trouble = error
      return true
    }
  }
}
