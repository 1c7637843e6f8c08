import LogStore
import ReplicationCore

@testable import RolesCore

// Random values of what clients, servers and operators say, and of the answers.

extension Random {
  mutating func refusal() -> Refusal {
    Refusal(Refusal.Code.allCases[upTo(Refusal.Code.allCases.count)], text())
  }

  mutating func clientRequest() -> ClientRequest {
    var request = ClientRequest(session: session())
    request.incarnation = number()
    request.records = list { $0.record() }
    request.poll = number()
    request.wantsResults = bool()
    request.have = ranges()
    request.wanted = ranges()
    if bool() {
      // Open: all from some counter on.
      let last = request.wanted.popLast()?.lowerBound ?? CallCounter(1)
      request.wanted.append(last...CallCounter(.max))
    }
    request.resultBytes = number()
    request.coordinators = list { $0.text() }
    request.wantsHash = bool()
    request.digestsFrom = bool() ? .zero : counter()
    return request
  }

  mutating func callDigest() -> CallDigest { CallDigest(counter: counter(), digest: hash()) }

  mutating func clientResponse() -> ClientResponse {
    var response = ClientResponse()
    response.acceptedThrough = bool() ? .zero : counter()
    response.safeThrough = bool() ? .zero : counter()
    response.controlsSafe = bool()
    response.hashFrom = bool() ? .zero : counter()
    response.digestsHash = optional { $0.hash() }
    response.results = list { $0.record() }
    response.exhausted = list { $0.record() }
    response.released = ranges()
    response.missingArchives = list { $0.hash() }
    response.coordinators = list { $0.text() }
    response.conflictingIncarnation = bool()
    response.refusal = optional { $0.refusal() }
    response.digests = list { $0.callDigest() }
    response.digestsThrough = bool() ? .zero : counter()
    response.missingSubmissions = ranges()
    response.logFull = bool()
    return response
  }

  mutating func serverRequest() -> ServerRequest {
    var request = ServerRequest(server: node())
    request.incarnation = number()
    request.sequence = number()
    request.seen = number()
    request.host = text()
    request.slots = number()
    request.wants = number()
    request.services = list { $0.text() }
    request.running = list { $0.task() }
    request.holding = list { $0.task() }
    request.holdingAfter = optional { $0.task() }
    request.holdingThrough = optional { $0.task() }
    request.poll = number()
    request.coordinators = list { $0.text() }
    request.leaving = bool()
    return request
  }

  mutating func assignment() -> Assignment {
    Assignment(assigned: record(), submitted: record())
  }

  mutating func serverResponse() -> ServerResponse {
    var response = ServerResponse()
    response.sequence = number()
    response.assignments = list { $0.assignment() }
    response.cancel = list { $0.task() }
    response.send = list { $0.task() }
    response.safe = list { $0.task() }
    response.coordinators = list { $0.text() }
    response.conflictingIncarnation = bool()
    response.refusal = optional { $0.refusal() }
    response.logFull = bool()
    return response
  }

  mutating func resultsRequest() -> ResultsRequest {
    var request = ResultsRequest(server: node())
    request.records = list { $0.record() }
    return request
  }

  mutating func resultsResponse() -> ResultsResponse {
    var response = ResultsResponse()
    response.held = list { $0.task() }
    response.safe = list { $0.task() }
    response.missingArchives = list { $0.hash() }
    response.refusal = optional { $0.refusal() }
    return response
  }

  mutating func manifest() -> ArchiveManifest {
    let chunks = list { $0.hash() }
    let last = UInt64(upTo(1 << 20)) + 1
    let size = chunks.isEmpty ? 0 : UInt64(chunks.count - 1) * ArchiveManifest.chunkSize + last
    let id = chunks.isEmpty ? Hash256.of([]) : chunks.count == 1 ? chunks[0] : hash()
    return ArchiveManifest(id: id, size: size, chunks: chunks)
  }

  mutating func archiveOfferReply() -> ArchiveOfferReply {
    var reply = ArchiveOfferReply()
    reply.missing = list { $0.number() }
    reply.durable = bool()
    reply.refusal = optional { $0.refusal() }
    return reply
  }

  mutating func archivePut() -> ArchivePut {
    ArchivePut(id: hash(), index: number(), bytes: bytes(upTo: 3000))
  }

  mutating func archivePutReply() -> ArchivePutReply {
    var reply = ArchivePutReply()
    reply.refusal = optional { $0.refusal() }
    return reply
  }

  mutating func archiveGet() -> ArchiveGet {
    var get = ArchiveGet(id: hash(), index: number())
    get.wantsManifest = bool()
    return get
  }

  mutating func archiveGetReply() -> ArchiveGetReply {
    var reply = ArchiveGetReply()
    reply.manifest = optional { $0.manifest() }
    reply.bytes = bytes(upTo: 3000)
    reply.refusal = optional { $0.refusal() }
    return reply
  }

  mutating func operatorRequest() -> OperatorRequest {
    switch upTo(5) {
    case 0: .sessions(optional { $0.session() })
    case 1: .calls(session(), from: bool() ? .zero : counter(), limit: number())
    case 2: .why(call())
    case 3: .grid
    default: .remove(node())
    }
  }

  mutating func sessionSummary() -> SessionSummary {
    var summary = SessionSummary(name: session())
    summary.userText = text()
    summary.sessionText = text()
    summary.mode = mode()
    summary.pending = number()
    summary.assigned = number()
    summary.finished = number()
    summary.failed = number()
    summary.cancelled = number()
    summary.collected = number()
    summary.released = number()
    return summary
  }

  mutating func callSummary() -> CallSummary {
    var summary = CallSummary(
      call: call(), digest: hash(), state: CallState.allCases[upTo(CallState.allCases.count)])
    summary.command = text()
    summary.tasks = number()
    summary.failures = number()
    summary.exitStatus = number()
    summary.signal = number()
    summary.duration = number()
    summary.host = text()
    return summary
  }

  mutating func gridSummary() -> GridSummary {
    var grid = GridSummary()
    grid.coordinators = list {
      var summary = CoordinatorSummary(address: $0.text())
      summary.node = $0.optional { $0.node() }
      summary.isSelf = $0.bool()
      summary.suspected = $0.bool()
      summary.isSuccessor = $0.bool()
      summary.isPredecessor = $0.bool()
      summary.lagBytes = $0.number()
      summary.lastHeard = $0.optional { $0.number() }
      return summary
    }
    grid.servers = list {
      var summary = ServerSummary(server: $0.node())
      summary.host = $0.text()
      summary.slots = $0.number()
      summary.running = $0.number()
      summary.suspected = $0.bool()
      summary.lastHeard = $0.number()
      summary.services = $0.list { $0.text() }
      return summary
    }
    grid.warnings = list { $0.text() }
    grid.segments = number()
    grid.bytes = number()
    return grid
  }

  mutating func operatorResponse() -> OperatorResponse {
    switch upTo(6) {
    case 0: .sessions(list { $0.sessionSummary() })
    case 1: .calls(list { $0.callSummary() })
    case 2: .why(list { $0.text() })
    case 3: .grid(gridSummary())
    case 4: .done(text())
    default: .refused(refusal())
    }
  }

  mutating func message() -> RolesCore.Message {
    switch upTo(16) {
    case 0: .clientRequest(clientRequest())
    case 1: .clientResponse(clientResponse())
    case 2: .serverRequest(serverRequest())
    case 3: .serverResponse(serverResponse())
    case 4: .resultsRequest(resultsRequest())
    case 5: .resultsResponse(resultsResponse())
    case 6: .archiveOffer(ArchiveOffer(manifest: manifest()))
    case 7: .archiveOfferReply(archiveOfferReply())
    case 8: .archivePut(archivePut())
    case 9: .archivePutReply(archivePutReply())
    case 10: .archiveGet(archiveGet())
    case 11: .archiveGetReply(archiveGetReply())
    case 12: .operatorRequest(operatorRequest())
    case 13: .operatorResponse(operatorResponse())
    case 14: .peerRequest(bytes())
    default: .peerResponse(bytes())
    }
  }
}
