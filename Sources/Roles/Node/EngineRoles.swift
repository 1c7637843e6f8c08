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
    grid.coordinators = replicator?.summaries(at: now) ?? []
    grid.segments = UInt64(facts.vector().count + archives.log.vector().count)
    grid.bytes = facts.bytesUsed + archives.log.bytesUsed
    grid.warnings += settings.recoveryWarnings
    for log in [facts, archives.log] {
      for end in log.vector() where log.isComplete(end.name) == false {
        grid.warnings.append(
          "segment \(end.name) is damaged from offset \(end.end) on: the damaged file is kept, "
            + "what was intact is salvaged, the rest is fetched from other coordinators")
      }
    }
    if isLogFull { grid.warnings.append("the log is full: new work is refused until space returns") }
    return grid
  }

  mutating func carryOut(_ directive: Client.Directive) {
    switch directive {
    case .append(let records): append(records, for: .client)
    case .load(let positions): load(positions)
    case .send(let id, let address, let request, let timeout):
      send(.clientRequest(request), to: address, for: .client(id), timeout)
    case .abandon(let id): abandon(.client(id))
    case .putArchive(let id, let address): put(id, to: address, for: .client)
    case .wakeAt(let instant): wakes[.client] = instant
    case .suspect(let address):
      outputs.append(.note("coordinator \(address) does not answer; trying the next one"))
    case .note(let text): outputs.append(.note(text))
    case .submitted, .refused, .result, .exhausted, .cancelled, .released, .diverged, .attached,
      .progress, .rejected, .conflict:
      outputs.append(.client(directive))
    }
  }
}
