import LogStore
import ReplicationCore

// A server's heartbeat and pull in one. It tells what runs and what is held there; the answer
// brings work, cancellations and what to send or drop, at once if there is any of it, else when
// something comes up or the poll ends.

extension Coordinator {
  mutating func receive(_ request: ServerRequest, as token: RequestToken) {
    hearOf(request.coordinators)
    var response = ServerResponse()
    response.sequence = request.sequence
    response.coordinators = ring.addresses
    response.logFull = isLogFull
    do throws(Refusal) {
      try check(request)
    } catch {
      response.refusal = error
      return reply(token, .server(response))
    }
    let server = request.server
    let hearing = servers[server]?.incarnations.hear(
      request.incarnation, at: now, settings: settings)
    if hearing == .twin {
      response.conflictingIncarnation = true
      return reply(token, .server(response))
    }
    // A late copy of a request, or a dead start's, says nothing about now.
    guard let entry = servers[server], isNews(request, entry) else {
      return reply(token, .server(response))
    }
    if entry.poll != nil { answer(server) }
    note(request)
    examine(request)
    if request.leaving {
      suspect(server, "it said that it goes")
      return reply(token, .server(response))
    }
    let limit = isServing ? servers[server]?.wants ?? 0 : 0
    let work = takeWork(for: server, limit: limit)
    if !work.isEmpty || request.poll == 0 || !mayPoll || hasNews(for: server) {
      send(compose(server, work), to: token, of: server, work)
    } else {
      park(token, of: server, request)
    }
  }

  private mutating func check(_ request: ServerRequest) throws(Refusal) {
    guard identity != nil else {
      throw Refusal(.catchingUp, "the coordinator has not started yet")
    }
    let tasks = max(request.running.count, request.holding.count)
    guard tasks <= settings.taskListLimit else {
      throw Refusal(
        .tooLarge, "\(tasks) tasks in one heartbeat exceed the limit of \(settings.taskListLimit)")
    }
    guard request.services.count <= settings.servicesPerServer else {
      throw Refusal(
        .tooLarge,
        "\(request.services.count) services exceed the limit of \(settings.servicesPerServer)")
    }
    guard mayPark else {
      throw Refusal(.tooLarge, "\(parked.count) requests wait already; come again")
    }
    guard hear(request.server) else {
      throw Refusal(
        .tooLarge, "\(servers.count) servers are known already; ask another coordinator")
    }
  }

  private func isNews(_ request: ServerRequest, _ entry: ServerEntry) -> Bool {
    guard entry.incarnations.isCurrent(request.incarnation) || request.incarnation == 0 else {
      return false
    }
    return request.incarnation != entry.incarnation || request.sequence == 0
      || request.sequence > entry.sequence
  }

  /// Takes over what the server says of itself.
  private mutating func note(_ request: ServerRequest) {
    let server = request.server
    guard var entry = servers[server] else { return }
    let isSameStart = entry.incarnation == request.incarnation
    let held = entry.reported.subtracting(entry.running)
    if !isSameStart { entry.told = [:] }
    entry.incarnation = request.incarnation
    entry.sequence = request.sequence
    entry.host = request.host
    entry.slots = request.slots
    entry.running = request.running
    entry.holding = request.holding
    if entry.services != request.services {
      entry.services = request.services
      entry.keys = Set(request.services.flatMap(ServiceKey.offered)).sorted()
    }
    var reported = Set(request.running)
    reported.formUnion(request.holding)
    // What runs is always told whole; of what is held this may be one page of several. Of the
    // others only those matter here whose ends have not come yet.
    if isSameStart {
      for task in held where !request.covers(task) && tasks[task]?.phase == .assigned {
        reported.insert(task)
      }
    }
    let coming = onTheWay(request, entry.sent, reported)
    entry.wants = request.wants - min(request.wants, coming)
    let gone = entry.reported.subtracting(reported).sorted()
    let new = reported.subtracting(entry.reported).sorted()
    entry.reported = reported
    entry.told = entry.told.filter { reported.contains($0.key) }
    for task in entry.unwanted.keys.sorted() {
      let missed = reported.contains(task) ? 0 : (entry.unwanted[task] ?? 0) + 1
      entry.unwanted[task] = missed < 2 ? missed : nil
    }
    servers[server] = entry
    for task in gone where reporters[task] == server { reporters[task] = nil }
    for task in new { reporters[task] = server }
    for task in gone + new { reconsider(task) }
  }

  /// How many tasks an answer brings that the server had not taken when it said what it wants: it
  /// sent this request while that answer was on its way. Given again they would be too many, and
  /// the last of them run a whole task later than on another server.
  private func onTheWay(
    _ request: ServerRequest, _ sent: [TaskName: ServerEntry.Sent], _ reported: Set<TaskName>
  ) -> UInt64 {
    sent.reduce(into: 0) { count, one in
      guard one.value.incarnation == request.incarnation, one.value.sequence > request.seen,
        !reported.contains(one.key)
      else { return }
      count += 1
    }
  }

  /// An assignment that two heartbeats after its answer was taken don't list, though they would
  /// list it, has never arrived.
  private mutating func examine(_ request: ServerRequest) {
    guard let entry = servers[request.server] else { return }
    for task in entry.sent.keys.sorted() {
      guard var sent = entry.sent[task], entry.reported.contains(task) || request.covers(task)
      else { continue }
      if entry.reported.contains(task) {
        sent.missed = 0
      } else if sent.incarnation != request.incarnation || request.seen >= sent.sequence {
        sent.missed += 1
      }
      servers[request.server]?.sent[task] = sent
      guard sent.missed >= 2 else { continue }
      servers[request.server]?.sent[task] = nil
      neverArrived(task, at: request.server, "didn't list it in two heartbeats")
    }
    examineOthers(entry, request)
  }

  /// The same for tasks that others assigned, or earlier starts of this node: who assigned one may
  /// hear no server any more, and be trusted by all who do.
  private mutating func examineOthers(_ entry: ServerEntry, _ request: ServerRequest) {
    let server = request.server
    for task in assignedTo[server]?.elements ?? [] where entry.sent[task] == nil {
      guard !entry.reported.contains(task) else {
        servers[server]?.unlisted[task] = nil
        continue
      }
      guard request.covers(task) else { continue }
      let since = entry.unlisted[task] ?? now
      servers[server]?.unlisted[task] = since
      guard now >= since + settings.reportGrace else { continue }
      servers[server]?.unlisted[task] = nil
      neverArrived(task, at: server, "didn't list it for \(settings.reportGrace)")
    }
  }

  mutating func neverArrived(_ task: TaskName, at server: NodeID, _ why: String) {
    guard let key = tasks[task]?.key else { return }
    append(
      .failed(
        Failed(
          task: task, call: key.call, digest: key.digest, server: server,
          reason: .neverArrived, detail: "\(name(of: server)) \(why)")))
  }

  // MARK: Answers

  /// What is to be told about the tasks that the server listed.
  private mutating func compose(_ server: NodeID, _ work: [Given]) -> ServerResponse {
    var response = ServerResponse()
    response.coordinators = ring.addresses
    response.logFull = isLogFull
    response.assignments = work.map(\.assignment)
    guard let entry = servers[server] else { return response }
    response.sequence = entry.sequence
    for task in entry.running where isUnwanted(task, entry) { response.cancel.append(task) }
    for task in entry.holding {
      switch disposal(of: task) {
      case .keep: continue
      case .send: response.send.append(task)
      case .drop: response.safe.append(task)
      }
    }
    for task in response.cancel + response.send + response.safe {
      servers[server]?.told[task] = now
    }
    return response
  }

  /// Whether anything is to be told that was not told just now.
  private mutating func hasNews(for server: NodeID) -> Bool {
    guard let entry = servers[server] else { return false }
    for task in entry.running where isUnwanted(task, entry) && isUntold(task, entry) {
      return true
    }
    for task in entry.holding where isUntold(task, entry) {
      if disposal(of: task) != .keep { return true }
    }
    return false
  }

  private func isUntold(_ task: TaskName, _ entry: ServerEntry) -> Bool {
    entry.told[task].map { now >= $0 + settings.retellAfter } ?? true
  }

  private func isUnwanted(_ task: TaskName, _ entry: ServerEntry) -> Bool {
    if entry.unwanted[task] != nil { return true }
    guard let known = tasks[task], known.phase != .finished else { return false }
    return (calls[known.key]?.state ?? .pending) >= .finished
  }

  private mutating func park(
    _ token: RequestToken, of server: NodeID, _ request: ServerRequest
  ) {
    guard let entry = servers[server] else { return }
    // A server that waits is heard from all the same: the wait is well below the suspicion time.
    let limit = settings.suspicionTimeout / 3
    let poll = min(.milliseconds(Int64(clamping: request.poll)), limit)
    let busy = min(entry.slots, UInt64(entry.running.count))
    let place = WaitingServers.Place(
      free: entry.slots - busy, served: entry.served, server: server)
    servers[server]?.poll = ServerEntry.Poll(
      token: token, sequence: request.sequence, place: place)
    parked[token] = .server(server)
    agenda.set(.poll(token), at: now + poll)
    if entry.wants > 0 { waiting.insert(place, keys: entry.keys) }
  }

  mutating func stopWaiting(_ server: NodeID) {
    guard let entry = servers[server], let poll = entry.poll else { return }
    servers[server]?.poll = nil
    waiting.remove(poll.place, keys: entry.keys)
  }

  /// Answers a server's poll, if it has one.
  mutating func answer(_ server: NodeID, with work: [Given] = []) {
    guard let poll = servers[server]?.poll else { return }
    unpark(poll.token)
    send(compose(server, work), to: poll.token, of: server, work)
  }

  private mutating func send(
    _ response: ServerResponse, to token: RequestToken, of server: NodeID, _ work: [Given]
  ) {
    if !work.isEmpty {
      answersWithWork += 1
      servers[server]?.served = answersWithWork
      for given in work {
        outbox.append(
          Outgoing(record: given.assignment.assigned, task: given.task, call: given.call))
      }
      emit(work.map(\.assignment.assigned))
    }
    reply(token, .server(response))
  }

  /// Looks at the polls of the servers that this event touched.
  mutating func answerDirtyServers() {
    while let server = dirtyServers.popFirst() {
      guard let entry = servers[server], entry.poll != nil else { continue }
      let work = takeWork(for: server, limit: isServing ? entry.wants : 0)
      if !work.isEmpty || hasNews(for: server) { answer(server, with: work) }
    }
  }

  // MARK: Dismissal

  /// The call is settled: whoever still works on it may stop.
  mutating func dismissTasks(of key: CallKey) {
    for task in calls[key]?.tasks ?? [] {
      guard let known = tasks[task], known.phase == .assigned || known.phase == .failed else {
        continue
      }
      dismiss(task, on: known.server)
    }
  }

  mutating func dismiss(_ task: TaskName, on assigned: NodeID?) {
    guard let server = reporters[task] ?? assigned, servers[server] != nil else { return }
    servers[server]?.unwanted[task] = 0
    dirtyServers.insert(server)
  }
}
