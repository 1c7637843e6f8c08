import LogStore
import ReplicationCore

// Results from servers. Held means durable here, archives included; safe means that the server may
// drop its copy: durable at enough nodes, or dead for ever.

struct ResultsWait: Sendable {
  var server: NodeID
  var records: [(record: Record, task: TaskName, archives: [ArchiveID])] = []
  var needs = LogSequence.zero
}

/// What a server is told about a result that it holds.
enum Disposal: Hashable, Sendable {
  case keep
  case send
  case drop
}

extension Coordinator {
  mutating func receive(_ request: ResultsRequest, as token: RequestToken) {
    var wait = ResultsWait(server: request.server)
    do throws(Refusal) {
      guard identity != nil else {
        throw Refusal(.catchingUp, "the coordinator has not started yet")
      }
      guard mayPark else {
        throw Refusal(.tooLarge, "\(parked.count) requests wait already; come again")
      }
      var new: [Record] = []
      for record in request.records {
        let (task, archives) = try describe(record, of: request.server)
        wait.records.append((record, task, archives))
        switch ledger.standing(of: record) {
        case .new, .unknownKind, .unreadable: new.append(record)
        case .held(let evidence), .superseded(let evidence), .released(let evidence):
          wait.needs = max(wait.needs, evidence.sequence)
        }
      }
      guard new.isEmpty || !isLogFull else {
        throw Refusal(.logFull, "the coordinator's log is full; keep the results")
      }
      if servers[request.server] != nil { _ = hear(request.server) }
      parked[token] = .results(wait)
      if new.isEmpty {
        hold(token, until: wait.needs)
      } else {
        append(new, for: token)
      }
    } catch {
      reply(token, .results(resultsResponse(to: wait, refusal: error)))
    }
  }

  private func describe(
    _ record: Record, of server: NodeID
  ) throws(Refusal) -> (TaskName, [ArchiveID]) {
    guard record.payload.count <= settings.recordLimit else {
      throw Refusal(
        .tooLarge,
        "a record of \(record.payload.count) bytes exceeds the limit of \(settings.recordLimit)")
    }
    let fact: Fact?
    do throws(ProtoError) {
      fact = try Fact.decode(record)
    } catch {
      throw Refusal(.badRecord, "a record of kind \(record.kind) can't be read: \(error)")
    }
    switch fact {
    case .finished(let finished):
      guard finished.result.hash == finished.result.computedHash else {
        throw Refusal(.badRecord, "the hash of the result of task \(finished.task) is not its own")
      }
      return (finished.task, finished.result.archives)
    case .failed(let failed): return (failed.task, [])
    case .submitted, .assigned, .lost, .cancelled, .collected, .opened, .released, .removed,
      .alive, nil:
      throw Refusal(.badRecord, "servers don't send records of kind \(record.kind)")
    }
  }

  mutating func continueResults(_ token: RequestToken) {
    guard case .results(let wait)? = parked[token] else { return }
    unpark(token)
    reply(token, .results(resultsResponse(to: wait)))
  }

  mutating func resultsResponse(
    to wait: ResultsWait, refusal: Refusal? = nil
  ) -> ResultsResponse {
    var response = ResultsResponse()
    response.refusal = refusal
    guard refusal == nil else { return response }
    var missing = SortedSet<ArchiveID>()
    for (record, task, archives) in wait.records {
      let standing = ledger.standing(of: record)
      guard let evidence = standing.evidence else { continue }
      var archives = archives
      // Another record stands for it: its own archives are nobody's.
      if case .held = standing {} else { archives = [] }
      let lacking = archives.filter { !isDurable($0) }
      for id in lacking { missing.insert(id) }
      guard lacking.isEmpty, isDurable(wait.needs) else { continue }
      response.held.append(task)
      // A release may have come while the result waited for the disk, and not be there yet itself.
      guard isDurable(evidence.sequence) else { continue }
      if isDead(record) || isSafe(evidence) && archives.allSatisfy({ isSafe($0) }) {
        response.safe.append(task)
      } else if settings.plantedBugs.contains(.heldIsSafe) {
        response.safe.append(task)
      }
    }
    response.missingArchives = missing.elements
    return response
  }

  /// What to say about a task whose end a server holds.
  mutating func disposal(of task: TaskName) -> Disposal {
    guard let known = tasks[task], known.phase > .assigned else { return .send }
    if known.safe || known.phase == .lost { return .drop }
    guard let entry = ledger.version(of: known.key.call, digest: known.key.digest)?.task(task)
    else { return .send }
    var archives: [ArchiveID] = []
    if case .finished(let finished)? = try? Fact.decode(entry.record) {
      archives = finished.result.archives
    }
    guard archives.allSatisfy({ isDurable($0) }) else { return .send }
    guard let evidence = ledger.holds(entry.record), isSafe(evidence),
      archives.allSatisfy({ isSafe($0) })
    else { return settings.plantedBugs.contains(.heldIsSafe) ? .drop : .keep }
    tasks[task]?.safe = true
    return .drop
  }

  private func isDead(_ record: Record) -> Bool {
    record.payload.withUnsafeBytes { ledger.isDeadForEver(record.kind, $0) }
  }
}
