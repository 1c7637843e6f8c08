import LogStore
import ReplicationCore
import RolesCore

// I7 and I1, said in messages: whatever is told as durable must stand in what every power cut
// leaves of the speaker's disk, at that moment and from then on. I5: what a coordinator knows as
// released or cancelled it does not hand out.

extension World {
  /// What every power cut would leave of a node's facts now.
  func certainFacts(of node: Int) -> DiskFacts {
    let disk = nodes[node].disk
    if let known = certain[node], known.disk === disk, known.operations == disk.operationCount {
      return known.facts
    }
    do throws(LogError) {
      let facts = try DiskFacts.read(
        SimulatedNode.path + "/facts", node: nodes[node].identity, on: disk.certainImage())
      certain[node] = CertainFacts(disk: disk, operations: disk.operationCount, facts: facts)
      return facts
    } catch {
      if case .io = error { return DiskFacts() }
      violate("I1", "the disk of \(nodes[node].name) can't be read: \(error)")
      return DiskFacts()
    }
  }

  // MARK: - Requests

  func said(_ payload: [UInt8], by node: Int, to target: Int) {
    guard let message = try? Message(decoding: payload) else {
      return violate("I10", "\(nodes[node].name) says what can't be read")
    }
    count(message)
    switch message {
    case .resultsRequest(let request):
      for record in request.records {
        claim(record, by: node, "sends a result that its log may lose")
      }
    case .clientRequest(let request):
      guard case .client(let client) = nodes[node].role,
        programs[client].strategy == .blocking
      else { return }
      for record in request.records where record.kind == .submitted {
        claim(record, by: node, "sends a submission before it is logged, though it is blocking")
      }
    default: break
    }
  }

  private func count(_ message: Message) {
    let label: String
    switch message {
    case .peerRequest(let bytes):
      switch try? PeerRequest(decoding: bytes) {
      case .sync: label = "sync"
      case .ship: label = "ship"
      case .fetch: label = "fetch"
      default: label = "unknown"
      }
    case .clientRequest: label = "client"
    case .serverRequest: label = "poll"
    case .resultsRequest: label = "results"
    case .archiveOffer, .archivePut, .archiveGet: label = "archive"
    default: label = "other"
    }
    network.talk[label, default: 0] += 1
  }

  /// Holds the speaker to a record that must be durable on its disk now, and from now on.
  private func claim(_ record: Record, by node: Int, _ text: String) {
    guard truth.promise(record, by: nodes[node].diskNumber) else { return }
    statistics.promises += 1
    if !certainFacts(of: node).has(record) {
      violate("I7", "\(nodes[node].name) \(text): \(describe(record))")
    }
  }

  /// A submit returned with the proof that it is logged.
  func checkReturned(_ submission: Client.Submission, _ client: Int) {
    let node = programs[client].node
    guard submission.permission.logged != nil, programs[client].strategy != .optimistic,
      submission.known == .new
    else { return }
    let facts = certainFacts(of: node)
    if !facts.accepts(submission.call) {
      violate("I7", "\(nodes[node].name): submit \(submission.call.counter) returned unlogged")
    }
  }

  // MARK: - Answers

  func answered(_ payload: [UInt8], by node: Int, to exchange: Network.Exchange) {
    guard let message = try? Message(decoding: payload) else {
      return violate("I10", "\(nodes[node].name) answers what can't be read")
    }
    switch message {
    case .clientResponse(let response):
      guard case .clientRequest(let request)? = try? Message(decoding: exchange.payload) else {
        return
      }
      check(response, to: request, by: node)
    case .resultsResponse(let response):
      guard case .resultsRequest(let request)? = try? Message(decoding: exchange.payload) else {
        return
      }
      let held = Set(response.held)
      let safe = Set(response.safe)
      for record in request.records {
        guard let task = task(of: record) else { continue }
        if held.contains(task) { claim(record, by: node, "holds a result that it may lose") }
        if safe.contains(task) { checkSafe(record, by: node) }
      }
    default: break
    }
  }

  private func task(of record: Record) -> TaskName? {
    switch try? Fact.decode(record) {
    case .finished(let value): value.task
    case .failed(let value): value.task
    default: nil
    }
  }

  private func check(_ response: ClientResponse, to request: ClientRequest, by node: Int) {
    let session = request.session
    let disk = nodes[node].diskNumber
    if truth.accept(session, through: response.acceptedThrough, by: disk) {
      statistics.promises += 1
      let facts = certainFacts(of: node)
      if let gap = facts.firstGap(in: session, through: response.acceptedThrough) {
        violate(
          "I7",
          "\(nodes[node].name) accepts through \(response.acceptedThrough), but a power cut"
            + " may take \(gap)")
      }
    }
    if response.refusal == nil {
      checkNoGap(request, by: node)
      for record in request.records where record.kind != .submitted {
        claim(record, by: node, "holds what it may lose")
        if response.controlsSafe { checkSafe(record, by: node) }
      }
    }
    checkSafe(session, through: response.safeThrough, by: node)
    let promised = truth.promises(of: disk)
    for record in response.results {
      guard case .finished(let finished)? = try? Fact.decode(record) else {
        violate("I6", "\(nodes[node].name) hands out a result that is none")
        continue
      }
      checkHandedOut(finished.call, promised, by: node)
    }
  }

  /// Submissions that were taken follow on what was known.
  private func checkNoGap(_ request: ClientRequest, by node: Int) {
    guard let last = request.records.last(where: { $0.kind == .submitted }),
      case .submitted(let submitted)? = try? Fact.decode(last),
      let entry = nodes[node].engine?.coordinator?.ledger.session(request.session)
    else { return }
    if submitted.call.counter > entry.knownThrough {
      violate(
        "I1",
        "\(nodes[node].name) took the submission of \(submitted.call.counter), though it"
          + " knows only through \(entry.knownThrough)")
    }
  }

  /// I5, by what this disk itself promised to hold.
  private func checkHandedOut(_ call: CallName, _ promised: Truth.Promises, by node: Int) {
    var isCancelled = false
    for record in promised.records {
      switch record.kind {
      case .released:
        if case .released(let value)? = try? Fact.decode(record), value.session == call.session,
          value.ranges.contains(where: { $0.contains(call.counter) })
        {
          violate("I5", "\(nodes[node].name) hands out \(call.counter), which it released")
        }
      case .cancelled:
        if case .cancelled(let value)? = try? Fact.decode(record), value.call == call {
          isCancelled = true
        }
      default: break
      }
    }
    if isCancelled,
      !programs.contains(where: { program in
        program.session == call.session && program.collected[Int(call.counter.value)] != nil
      })
    {
      violate("I5", "\(nodes[node].name) hands out \(call.counter), which was cancelled")
    }
  }

  // MARK: - Safe

  /// How many coordinators' disks would keep it. What is told safe was once on enough disks; after
  /// the loss of one it can't be checked any more.
  func copies(_ isHeld: (DiskFacts) -> Bool) -> Int {
    coordinators.count { isHeld(certainFacts(of: $0)) }
  }

  var copiesWanted: Int { min(2, scenario.coordinators) }

  private func checkSafe(_ record: Record, by node: Int) {
    guard truth.lostCoordinators == 0, violation == nil,
      !certainFacts(of: node).makesNeedless(record)
    else { return }
    if copies({ $0.has(record) }) < copiesWanted {
      violate("I7", "\(nodes[node].name) tells as safe what only it holds: \(describe(record))")
    }
  }

  private func checkSafe(_ session: SessionName, through last: CallCounter, by node: Int) {
    guard truth.lostCoordinators == 0, violation == nil,
      last > toldSafe[session] ?? .zero
    else { return }
    toldSafe[session] = last
    if copies({ $0.firstGap(in: session, through: last) == nil }) < copiesWanted {
      violate("I7", "\(nodes[node].name) tells as safe through \(last) what only it holds")
    }
  }

  /// What a node hears that lets it forget.
  func heard(_ payload: [UInt8], by node: Int, from: Int) {
    guard nodes[node].role == .server, let message = try? Message(decoding: payload) else { return }
    switch message {
    case .resultsResponse(let response):
      truth.release(Set(response.safe), of: nodes[node].diskNumber)
    case .serverResponse(let response):
      truth.release(Set(response.safe), of: nodes[node].diskNumber)
    default: break
    }
  }

  func describe(_ record: Record) -> String {
    switch try? Fact.decode(record) {
    case .submitted(let value): "submission of \(value.call.counter)"
    case .finished(let value): "result of \(value.call.counter) by task \(value.task)"
    case .failed(let value): "failure of \(value.call.counter) by task \(value.task)"
    case .cancelled(let value): "cancellation of \(value.call.counter)"
    case .collected(let value): "collection of \(value.call.counter)"
    case .released(let value): "release of \(value.ranges)"
    case .opened: "opening of the session"
    case .assigned(let value): "assignment of \(value.call.counter) as \(value.task)"
    case .lost(let value): "loss of \(value.task)"
    default: "a record of kind \(record.kind)"
    }
  }
}

struct CertainFacts {
  var disk: SimulatedDisk
  var operations: Int
  var facts: DiskFacts
}
