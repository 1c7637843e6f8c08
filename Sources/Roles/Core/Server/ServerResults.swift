// Ends of tasks: logged, durable, delivered, held there, safe, dropped, in this order. Recovered
// ones are offered again. What the log doesn't take is kept and tried again, and no work is
// accepted meanwhile.

import LogStore
import ReplicationCore

extension Server {
  struct Unlogged: Sendable {
    var task: TaskName
    var record: Record
  }

  struct Delivery: Sendable {
    var id: ExchangeID
    var address: String
    var deadline: Instant
    var tasks: [TaskName]
  }

  /// Coordinators that answer heartbeats and take no results: a pause that doubles after each round
  /// of them, though they are heard meanwhile. Each reason is told once.
  struct Refusals: Sendable {
    private var count = 0
    private var listed = 1
    private var told: [String: String] = [:]

    mutating func isNews(_ reason: String, of address: String) -> Bool {
      told.updateValue(reason, forKey: address) != reason
    }

    mutating func refused(by listed: Int) {
      count += 1
      self.listed = max(1, listed)
    }

    func pause(_ settings: ServerSettings) -> Duration {
      let rounds = count / listed
      guard rounds > 0 else { return .zero }
      return min(settings.firstRefusalPause * (1 << min(rounds - 1, 20)), settings.refusalPause)
    }
  }

  func isUnlogged(_ task: TaskName) -> Bool { unlogged.contains { $0.task == task } }

  /// One append for all that gathered; its facts come back in the same turn.
  mutating func logEnds(at now: Instant, _ out: inout [Directive]) {
    guard appendingCount == 0, !unlogged.isEmpty, logRetryAt.map({ now >= $0 }) ?? true else {
      return
    }
    var bytes = 0
    var records: [Record] = []
    for end in unlogged.prefix(settings.batchRecords) {
      bytes += end.record.payload.count
      guard records.isEmpty || bytes <= settings.batchBytes else { break }
      records.append(end.record)
    }
    appendingCount = records.count
    out.append(.append(records))
  }

  mutating func appendRefused(_ reason: String, at now: Instant, _ out: inout [Directive]) {
    guard appendingCount > 0 else { return }
    appendingCount = 0
    logRetryAt = now + settings.logRetry
    guard reason != toldLogRefusal else { return }
    toldLogRefusal = reason
    out.append(.note("the log takes no results, so no work is accepted: \(reason)"))
  }

  mutating func fold(_ batch: FactBatch, _ out: inout [Directive]) {
    for (index, record) in batch.records.enumerated() {
      switch record.kind {
      case .finished, .failed: break
      case .assigned, .lost: if isStarted { continue }
      default: continue
      }
      let position = batch.position(index)
      let fact: Fact?
      do throws(ProtoError) { fact = try Fact.decode(record) } catch {
        out.append(.note("a record at \(position) can't be read: \(error)"))
        continue
      }
      switch fact {
      case .finished(let value) where isMine(value.server):
        foldEnd(value.task, record, position, batch.sequence, &out)
      case .failed(let value) where isMine(value.server):
        foldEnd(value.task, record, position, batch.sequence, &out)
      case .assigned(let value) where value.server == node:
        if !held.holds(value.task) { unended[value.task] = value }
      case .lost(let value): unended[value.task] = nil
      default: break
      }
    }
  }

  private mutating func foldEnd(
    _ task: TaskName, _ record: Record, _ position: Position, _ sequence: LogSequence,
    _ out: inout [Directive]
  ) {
    unended[task] = nil
    if appendingCount > 0, let index = unlogged.firstIndex(where: { $0.record == record }) {
      unlogged.remove(at: index)
      appendingCount -= 1
      logRetryAt = nil
      if toldLogRefusal != nil {
        toldLogRefusal = nil
        out.append(.note("the log takes results again"))
      }
      held.add(task, .logging)
      logging.insert(task)
      gate.hold(task, until: sequence)
      shelf.put(task, record, at: position)
    } else if held.holds(task) {
      shelf.put(task, record, at: position)
    } else if !isStarted, isMine(position.segment.node) {
      held.add(task, .offered)
      gate.hold(task, until: sequence)
      shelf.put(task, record, at: position)
    }
  }

  /// Tasks that ran when this node stopped: the log knows them only if a coordinator shares it.
  mutating func failUnended() {
    for (_, assigned) in unended.sorted(by: { $0.key < $1.key }) {
      fail(assigned, .serverRestarted, "the server restarted while it had the task")
    }
    unended = [:]
  }

  mutating func takeDurable() {
    while let (task, proof) = gate.next() {
      logging.remove(task)
      held.becameDurable(task, proof)
    }
  }

  mutating func startDelivery(at now: Instant, _ out: inout [Directive]) {
    guard delivery == nil, loading.isEmpty, held.hasReady, let address = coordinators.current,
      now >= coordinators.resumeAt, now >= pace.deliverNotBefore
    else { return }
    var names: [TaskName] = []
    var bytes = 0
    while names.count < settings.batchRecords,
      let (task, _) = held.peekReady(skipping: names.count)
    {
      bytes += shelf.size(of: task) ?? 0
      guard names.isEmpty || bytes <= settings.batchBytes else { break }
      names.append(task)
    }
    let missing = names.filter { shelf.record($0) == nil }
    guard missing.isEmpty else { return load(missing, &out) }
    guard !names.isEmpty else { return }
    held.takeReady(names.count)
    var request = ResultsRequest(server: node)
    request.records = names.compactMap { shelf.record($0) }
    let id = drawExchange()
    delivery = Delivery(
      id: id, address: address, deadline: now + settings.suspicion, tasks: names)
    out.append(.deliver(id, to: address, request, timeout: settings.suspicion))
  }

  mutating func delivered(
    _ id: ExchangeID, _ response: ResultsResponse, at now: Instant, _ out: inout [Directive]
  ) {
    guard let done = delivery, done.id == id else { return }
    delivery = nil
    if settings.plantedBugs.contains(.dropsReceived) {
      drop(done.tasks, &out)
      return
    }
    let taken = Set(response.held).union(response.safe)
    for task in done.tasks where taken.contains(task) {
      held.set(task, .offered)
      shelf.uncache(task)
    }
    let rest = done.tasks.filter { !taken.contains($0) }
    if response.refusal == nil, !rest.isEmpty, !response.missingArchives.isEmpty {
      held.await(response.missingArchives, for: rest)
      puts.want(response.missingArchives)
      putArchives(&out)
    } else {
      for task in rest { held.makeReady(task) }
      if !rest.isEmpty { pace.deliverNotBefore = now + settings.heartbeat }
    }
    drop(response.safe, &out)
    if let refusal = response.refusal {
      if refusals.isNews(refusal.text, of: done.address) {
        out.append(.note("coordinator \(done.address) refuses results: \(refusal.text)"))
      }
      leave(done.address, suspects: false, at: now, &out)
      refusals.refused(by: coordinators.addresses.count)
      pace.deliverNotBefore = now + refusals.pause(settings)
    } else {
      if !taken.isEmpty { refusals = Refusals() }
      coordinators.succeeded()
    }
  }

  /// Durable at enough nodes, or wanted by nobody.
  mutating func drop(_ names: [TaskName], _ out: inout [Directive]) {
    for task in names where held.drop(task) {
      shelf.remove(task)
      logging.remove(task)
      out.append(.dropped(task))
    }
  }

  /// A coordinator lacks these.
  mutating func resend(_ names: [TaskName]) {
    for task in names {
      if case .offered? = held.state(of: task) { held.makeReady(task) }
    }
  }

  private mutating func load(_ names: [TaskName], _ out: inout [Directive]) {
    var positions: [Position] = []
    for task in names {
      guard let position = shelf.position(of: task) else { continue }
      loading.append(task)
      positions.append(position)
    }
    if !positions.isEmpty { out.append(.load(positions)) }
  }

  mutating func loaded(_ records: [Record?], _ out: inout [Directive]) {
    let names = loading
    loading = []
    for (index, task) in names.enumerated() {
      if index < records.count, let record = records[index] {
        shelf.fill(task, record)
      } else if held.holds(task), !shelf.useSpare(task) {
        // Nothing is left to send; the coordinators miss it in the heartbeats and run it again.
        out.append(.note("the result of task \(task) can't be read from the server's log"))
        drop([task], &out)
      }
    }
  }

  mutating func putArchives(_ out: inout [Directive]) {
    guard let address = coordinators.current else { return }
    while let archive = puts.next(limit: settings.archiveTransfers) {
      out.append(.putArchive(archive, to: address))
    }
  }

  mutating func stored(_ archive: ArchiveID, _ out: inout [Directive]) {
    guard puts.ended(archive) else { return }
    held.archiveEnded(archive)
    putArchives(&out)
  }

  /// The result is sent again, and the coordinator says again what it lacks.
  mutating func notStored(
    _ archive: ArchiveID, _ reason: String, at now: Instant, _ out: inout [Directive]
  ) {
    guard puts.ended(archive) else { return }
    out.append(.note("archive \(archive) did not reach the coordinator: \(reason)"))
    pace.deliverNotBefore = now + settings.heartbeat
    held.archiveEnded(archive)
    putArchives(&out)
  }

  /// Whether the server's own log may forget a record: its results that are safe elsewhere. What
  /// it doesn't know it keeps.
  public func isDead(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    guard kind == .finished || kind == .failed else { return false }
    let fact: Fact?
    do throws(ProtoError) {
      fact = try Fact.decode(Record(kind: kind, payload: [UInt8](payload)))
    } catch {
      return false
    }
    switch fact {
    case .finished(let value): return isMine(value.server) && !isKept(value.task)
    case .failed(let value): return isMine(value.server) && !isKept(value.task)
    default: return false
    }
  }

  /// Archives that tasks here need before they end. Those of held results are named by their facts.
  public var neededArchives: Set<ArchiveID> { Set(tasks.values.flatMap(\.archives)) }

  private func isKept(_ task: TaskName) -> Bool { held.holds(task) || isUnlogged(task) }
}
