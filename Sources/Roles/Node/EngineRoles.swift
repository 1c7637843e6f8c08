import LogStore
import ReplicationCore
import RolesCore

// What the cores of the three roles ask for, carried out.

extension NodeEngine {
  mutating func carryOut(_ directive: Coordinator.Directive) {
    switch directive {
    case .append(let records): append(records, for: .coordinator)
    case .reply(let token, let answer): reply(answer, to: token)
    case .needArchive(let id): needArchive(id)
    case .archiveNotNeeded(let id):
      archiveNews.unwatch(id)
      transfers.abandon(TransferKey(owner: .coordinator, archive: id, uploads: false))
    case .wakeAt(let instant): wakes[.coordinator] = instant
    case .heardOf(let addresses): events.append(.replicator(.heardOf(addresses)))
    case .note(let text): outputs.append(.note(text))
    }
  }

  private mutating func reply(_ answer: Coordinator.Reply, to token: RequestToken) {
    switch answer {
    case .client(let response): reply(.clientResponse(response), to: token.value)
    case .server(let response): reply(.serverResponse(response), to: token.value)
    case .results(let response): reply(.resultsResponse(response), to: token.value)
    case .operation(.grid(let grid)):
      reply(.operatorResponse(.grid(complete(grid))), to: token.value)
    case .operation(let response): reply(.operatorResponse(response), to: token.value)
    }
  }

  /// The coordinators' part of `rpcv grid`, and what a person should know of this node's disk.
  private func complete(_ summary: GridSummary) -> GridSummary {
    var grid = summary
    grid.coordinators = coordinatorSummaries()
    grid.segments = UInt64(facts.vector().count + archives.log.vector().count)
    grid.bytes = facts.bytesUsed + archives.log.bytesUsed
    grid.warnings += diskWarnings
    for log in [facts, archives.log] {
      for end in log.vector() where log.isComplete(end.name) == false {
        grid.warnings.append(
          "segment \(end.name) is damaged from offset \(end.end) on: the damaged file is kept, "
            + "what was intact is salvaged, the rest is fetched from other coordinators")
      }
    }
    if isLogFull {
      grid.warnings.append("the log is full: new work is refused until space returns")
    }
    return grid
  }

  mutating func carryOut(_ directive: Client.Directive) {
    switch directive {
    case .append(let records): append(records, for: .client)
    case .load(let positions): events.prepend(.client(.loaded(load(positions))))
    case .send(let id, let address, let request, let timeout):
      send(.clientRequest(request), to: address, for: .client(id), timeout)
    case .abandon(let id): abandon(.client(id))
    case .putArchive(let id, let address): put(id, to: address, for: .client)
    case .wakeAt(let instant): wakes[.client] = instant
    case .suspect(let address):
      outputs.append(.note("coordinator \(address) does not answer; trying the next one"))
      outputs.append(.client(directive))
    case .note(let text): outputs.append(.note(text))
    case .submitted, .refused, .result, .exhausted, .cancelled, .released, .diverged, .attached,
      .progress, .rejected, .conflict:
      outputs.append(.client(directive))
    }
  }

  mutating func carryOut(_ directive: Server.Directive) {
    switch directive {
    case .append(let records): append(records, for: .server)
    case .load(let positions): events.prepend(.server(.loaded(load(positions))))
    case .poll(let id, let address, let request, let timeout):
      send(.serverRequest(request), to: address, for: .server(id), timeout)
    case .deliver(let id, let address, let request, let timeout):
      send(.resultsRequest(request), to: address, for: .server(id), timeout)
    case .abandon(let id): abandon(.server(id))
    case .fetchArchive(let id, let address): fetch(id, from: address, for: .server)
    case .putArchive(let id, let address): put(id, to: address, for: .server)
    case .start(let task, let submitted): outputs.append(.startTask(task, submitted))
    case .kill(let task): outputs.append(.killTask(task))
    case .dropped: break
    case .suspect(let address):
      outputs.append(.warning("coordinator \(address) does not answer; trying the next one"))
    case .conflict:
      outputs.append(.identityConflict("another server speaks under this node's identity"))
    case .wakeAt(let instant): wakes[.server] = instant
    case .note(let text): outputs.append(.note(text))
    }
  }
}
