import LogStore
import ReplicationCore
import RolesCore

// The replication core and the logs: bytes of segments read and taken, the ring as the coordinator
// core sees it.

extension NodeEngine {
  mutating func carryOut(_ directive: Replicator.Directive) {
    switch directive {
    case .send(let id, let address, let request, let timeout):
      send(.peerRequest(request.encoded()), to: address, for: .replicator(id), timeout)
    case .reply(let token, let response):
      reply(.peerResponse(response.encoded()), to: token.value)
    case .read(let id, let name, let offset, let maxBytes): read(id, name, offset, maxBytes)
    case .ingest(let id, let name, let offset, let bytes): ingest(id, name, offset, bytes)
    case .suspect(let address, _):
      outputs.append(.note("coordinator \(address) is suspected: it does not answer"))
    case .unsuspect(let address, _): outputs.append(.note("coordinator \(address) answers again"))
    case .successorDurable(let name, let records, _): peerHolds(name, records)
    case .peerDurable(_, let name, let records, _): peerHolds(name, records)
    case .caughtUp:
      cleaning.lastCaughtUp = now
      events.append(.coordinator(.caughtUp))
    case .appendRetired(let record, let name):
      if facts.retirements.isRetired(name) == nil { append([record], for: .engine) }
    case .identityConflict(let conflict):
      outputs.append(.identityConflict("\(conflict)"))
    case .sealOpenSegment(let kind): (kind == .facts ? facts : archives.log).seal()
    case .doubtCopy(let name, let offset): examineDoubted(name, offset)
    case .note(let text): outputs.append(.note(text))
    }
  }

  private mutating func peerHolds(_ name: SegmentName, _ records: Ordinal) {
    if name.log == .facts {
      events.append(.coordinator(.peerDurable(name, records)))
    } else if archiveNews.peerHolds(name, records) {
      archivesAdvanced()
    }
  }

  private mutating func read(_ id: ReadID, _ name: SegmentName, _ offset: Offset, _ maxBytes: Int) {
    do throws(LogError) {
      let bytes = try log(of: name).read(name, from: offset, maxBytes: maxBytes)
      events.append(.replicator(.read(id, .bytes(bytes))))
    } catch {
      if case .damaged = error { reportPoison("\(error); restarting to quarantine and heal it") }
      events.append(.replicator(.read(id, .failed("\(error)"))))
    }
  }

  private mutating func ingest(
    _ id: IngestID, _ name: SegmentName, _ offset: Offset, _ bytes: [UInt8]
  ) {
    var records: [Record] = []
    var first: Position?
    let outcome: IngestOutcome
    do throws(IngestError) {
      let (end, sequence) = try bytes.withUnsafeBytes { raw throws(IngestError) in
        if name.log == .archives { return try archives.ingest(name, at: offset, raw) }
        return try facts.ingest(name, at: offset, raw) { position, kind, payload in
          if first == nil { first = position }
          records.append(Record(kind: kind, payload: [UInt8](payload)))
        }
      }
      if let first {
        arrivedFacts.append(
          FactBatch(
            segment: name, firstOrdinal: first.ordinal, records: records, sequence: sequence))
      }
      outputs.append(.commitSoon(name.log))
      outcome = .accepted(end)
      if name.log == .archives { archivesAdvanced() }
    } catch {
      outcome = refusal(error)
    }
    events.append(.replicator(.ingested(id, outcome)))
    logAdvanced()
  }

  private mutating func refusal(_ error: IngestError) -> IngestOutcome {
    switch error {
    case .gap(let end): return .gap(end)
    case .damaged(let end, _): return .damaged(end)
    case .diverged(let end): return .diverged(end)
    case .retired(let record): return .retired(record)
    case .ownAhead: return .ownAhead
    case .log(let error):
      if case .full = error { setLogFull(true) }
      if case .poisoned = error { reportPoison("\(error)") }
      return .refused("\(error)")
    }
  }

  /// Peers refuse what this copy says: if it is damaged here, recovery quarantines and heals it.
  private mutating func examineDoubted(_ name: SegmentName, _ offset: Offset) {
    do throws(LogError) {
      try log(of: name).forEachRecord(in: name) { _, _, _ in }
    } catch {
      reportPoison("\(name) is damaged near \(offset): \(error); restarting to quarantine and heal it")
    }
  }

  // MARK: the ring, for the coordinator

  mutating func updateRing() {
    guard let replicator else { return }
    let view = RingView(replicator.ringView, address: settings.address)
    guard view != lastRing else { return }
    lastRing = view
    events.append(.coordinator(.ring(view)))
  }

  mutating func noteRetirements(in batch: FactBatch) {
    var names: [NodeID] = []
    var retires = false
    for record in batch.records {
      if record.kind.value <= RecordKind.lastOfLogStore { retires = true }
      if record.kind == .removed, case .removed(let removed)? = try? Fact.decode(record) {
        names.append(removed.node)
      }
    }
    for name in names { events.append(.replicator(.removed(name))) }
    guard retires, replicator != nil else { return }
    let table = facts.retirements
    events.append(.replicator(.retired(RetiredSegment.all(in: table))))
    events.append(.replicator(.floors(OwnerFloor.all(in: table))))
  }
}
