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
    // The core's own note says why; the ring's view tells the coordinator.
    case .suspect, .unsuspect: break
    case .successorDurable(let name, let records, _): peerHolds(name, records)
    case .peerDurable(_, let name, let records, _): peerHolds(name, records)
    case .caughtUp:
      cleaning.lastCaughtUp = now
      events.append(.coordinator(.caughtUp))
    case .appendRetired(let record, let name): keepRetired(record, name)
    case .identityConflict(let conflict):
      outputs.append(.identityConflict("\(conflict)"))
    case .sealOpenSegment(let kind): (kind == .facts ? facts : archives.log).seal()
    case .doubtCopy(let name, let offset): examineDoubted(name, offset)
    case .note(let text): outputs.append(.note(text))
    }
  }

  /// A neighbour refused a segment: the licence is kept in the log that the segment belongs to.
  private mutating func keepRetired(_ record: Record, _ name: SegmentName) {
    guard log(of: name).retirements.isRetired(name) == nil else { return }
    guard name.log == .archives else { return append([record], for: .engine) }
    do throws(LogError) {
      _ = try archives.log.append(kind: record.kind, payload: record.payload)
      outputs.append(.commitSoon(.archives))
    } catch {
      outputs.append(.note("not appended: \(error)"))
    }
  }

  private mutating func peerHolds(_ name: SegmentName, _ records: Ordinal) {
    if name.log == .facts {
      events.append(.coordinator(.peerDurable(name, records)))
    } else if archiveNews.peerHolds(name, records) {
      archivesAdvanced()
    }
  }

  private mutating func read(
    _ id: Replicator.ReadID, _ name: SegmentName, _ offset: Offset, _ maxBytes: Int
  ) {
    do throws(LogError) {
      let bytes = try log(of: name).read(name, from: offset, maxBytes: maxBytes)
      events.append(.replicator(.read(id, .bytes(bytes))))
    } catch {
      healIfDamaged(error)
      events.append(.replicator(.read(id, .failed("\(error)"))))
    }
  }

  private mutating func ingest(
    _ id: Replicator.IngestID, _ name: SegmentName, _ offset: Offset, _ bytes: [UInt8]
  ) {
    var records: [Record] = []
    var first: Position?
    let outcome: IngestOutcome
    do throws(IngestError) {
      let (end, sequence) = try bytes.withUnsafeBufferPointer { buffer throws(IngestError) in
        let raw = UnsafeRawBufferPointer(buffer)
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
      if cleaning.lastCaughtUp == nil { events.append(.coordinator(.neighbourAnswered)) }
      if name.log == .archives { archivesAdvanced() }
      noteHealing(of: name)
    } catch {
      outcome = refusal(error, of: name.log)
    }
    events.append(.replicator(.ingested(id, outcome)))
    logAdvanced()
  }

  private mutating func refusal(_ error: IngestError, of kind: LogKind) -> IngestOutcome {
    switch error {
    case .gap(let end): return .gap(end)
    case .damaged(let end, _): return .damaged(end)
    case .diverged(let end): return .diverged(end)
    case .retired(let record): return .retired(record)
    case .ownAhead: return .ownAhead
    case .log(let error):
      if case .full = error {
        setLogFull(true)
        // Who commits finds out when space is back.
        outputs.append(.commitSoon(kind))
      }
      if case .poisoned = error { reportPoison("\(error)") }
      healIfDamaged(error)
      return .refused("\(error)")
    }
  }

  /// Peers refuse what this copy says: if it is damaged here, recovery quarantines and heals it.
  private mutating func examineDoubted(_ name: SegmentName, _ offset: Offset) {
    do throws(LogError) {
      try log(of: name).forEachRecord(in: name) { _, _, _ in }
    } catch {
      outputs.append(.note("others refuse what \(name) says near \(offset)"))
      healIfDamaged(error)
    }
  }

  // MARK: the ring, for the coordinator

  mutating func updateRing() {
    guard let replicator else { return }
    let status = replicator.status
    var view = RingView()
    view.position = status.ring.firstIndex { $0.node == status.local.node } ?? 0
    view.size = status.ring.count
    view.listed = status.coordinators
    view.addresses = replicator.coordinatorAddresses
    view.peers = replicator.known.newestOfEachNode.map { node, entry in
      RingView.Peer(
        node: node, start: entry.incarnation.map(Nonce.init),
        suspected: replicator.suspects(entry.address))
    }
    guard view != lastRing else { return }
    let before = lastRing
    lastRing = view
    if view.addresses != before.addresses { seekArchives() }
    if view.addresses != before.addresses || view.listed != before.listed { archivesMayBeSafe() }
    events.append(.coordinator(.ring(view)))
  }

  /// For `rpcv grid`.
  func coordinatorSummaries() -> [CoordinatorSummary] {
    guard let replicator else { return [] }
    let status = replicator.status
    var own = CoordinatorSummary(address: settings.address)
    own.node = status.local.node
    own.isSelf = true
    var rows = [own]
    let before = status.ring.firstIndex { $0.node == status.local.node }.map {
      status.ring[($0 + status.ring.count - 1) % status.ring.count].route
    }
    for entry in replicator.known {
      var row = CoordinatorSummary(address: entry.address)
      row.node = entry.node
      row.suspected = replicator.suspects(entry.address)
      row.isSuccessor = status.successor?.route == entry.address
      row.isPredecessor = before == entry.address
      if row.isSuccessor { row.lagBytes = status.lag?.bytes ?? 0 }
      if entry.hasAnswered { row.lastHeard = (now - entry.seen).wholeMilliseconds }
      rows.append(row)
    }
    return rows
  }

  mutating func noteRemovals(in batch: FactBatch) {
    guard replicator != nil else { return }
    for record in batch.records where record.kind == .removed {
      if case .removed(let removed)? = try? Fact.decode(record) {
        events.append(.replicator(.removed(removed.node)))
      }
    }
  }

  /// Retirements and floors that a log learnt, by whichever way.
  mutating func reportRetirements() {
    guard replicator != nil, knownRetirements != retirementRevision else { return }
    knownRetirements = retirementRevision
    events.append(.replicator(.retired(retiredSegments)))
    events.append(.replicator(.floors(ownerFloors)))
  }

  var retirementRevision: UInt64 {
    facts.retirements.revision + archives.log.retirements.revision
  }

  var retiredSegments: [RetiredSegment] {
    [facts, archives.log].flatMap { log in
      log.retirements.retiredRecords.map { RetiredSegment(name: $0.name, record: $0.record) }
    }
  }

  var ownerFloors: [OwnerFloor] {
    [facts, archives.log].flatMap { log in
      log.retirements.floorRecords.map {
        OwnerFloor(owner: LogOwner(node: $0.node, log: $0.log), floor: $0.below, record: $0.record)
      }
    }
  }
}

extension [Membership.Entry] {
  /// A node may be known by several routes. What it said last, by whichever, is what it is: another
  /// route may still tell of an earlier start.
  var newestOfEachNode: [(node: NodeID, entry: Membership.Entry)] {
    var newest: [NodeID: Membership.Entry] = [:]
    for entry in self {
      guard let node = entry.node else { continue }
      if let other = newest[node], !entry.isNewer(than: other) { continue }
      newest[node] = entry
    }
    return newest.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

extension Membership.Entry {
  fileprivate func isNewer(than other: Membership.Entry) -> Bool {
    if hasAnswered != other.hasAnswered { return hasAnswered }
    return seen > other.seen
  }
}
