import LogStore

@testable import ReplicationCore

// Random values of what coordinators say to each other.

extension Random {
  mutating func bounded() -> UInt64 { min(number(), (1 << 62) - 1) }
  mutating func log() -> LogKind { bool() ? .facts : .archives }
  mutating func address() -> String { bool() ? "" : "[::1]:7000" }

  mutating func peer() -> PeerInfo {
    PeerInfo(node: node(), address: address(), incarnation: number())
  }

  mutating func owner() -> LogOwner { LogOwner(node: node(), log: log()) }

  mutating func segment(of owner: LogOwner) -> SegmentName {
    SegmentName(
      node: owner.node, log: owner.log, serial: Serial(bounded()), nonce: Nonce(number()))
  }

  mutating func end(of owner: LogOwner) -> SegmentEnd {
    let (end, records) = (bounded(), bounded())
    return SegmentEnd(
      name: segment(of: owner), end: Offset(end), chain: Checksum(number()),
      records: Ordinal(records), durableEnd: Offset(min(end, bounded())),
      durableRecords: Ordinal(min(records, bounded())))
  }

  mutating func end() -> SegmentEnd {
    let owner = owner()
    return end(of: owner)
  }

  mutating func ownerVector() -> OwnerVector {
    let owner = owner()
    return OwnerVector(
      owner: owner, floor: Serial(bounded()),
      ends: list { $0.end(of: owner) }.sorted { $0.name < $1.name })
  }

  mutating func syncRequest() -> SyncRequest {
    SyncRequest(
      from: peer(), purpose: SyncPurpose.allCases[upTo(4)],
      members: list { _ in "grid.example:7000" },
      digests: list { OwnerDigest(owner: $0.owner(), digest: $0.number()) }, archives: bool())
  }

  mutating func syncResponse() -> SyncResponse {
    var response = SyncResponse(from: peer())
    response.members = list { _ in "10.0.0.7:7000" }
    response.owners = list { $0.ownerVector() }
    response.lagging = list { $0.end() }
    response.omitted = list { $0.owner() }
    response.archives = bool()
    return response
  }

  mutating func peerRequest() -> PeerRequest {
    let owner = owner()
    switch upTo(4) {
    case 0: return .sync(syncRequest())
    case 1:
      return .ship(
        ShipRequest(
          from: peer(), segment: segment(of: owner), offset: Offset(bounded()), more: bool(),
          bytes: bytes(upTo: 3000)))
    case 2:
      return .fetch(
        FetchRequest(
          from: peer(), segment: segment(of: owner), offset: Offset(bounded()),
          maxBytes: number()))
    default: return .unsupported
    }
  }

  mutating func peerResponse() -> PeerResponse {
    switch upTo(4) {
    case 0: return .sync(syncResponse())
    case 1:
      let outcomes: [ShipOutcome] = [
        .accepted, .gap, .damaged, .diverged, .retired(record()), .refused(text()),
      ]
      return .ship(ShipResponse(outcomes[upTo(outcomes.count)], end: optional { $0.end() }))
    case 2:
      let outcomes: [FetchOutcome] = [
        .bytes(bytes(upTo: 3000)), .absent, .retired(record()), .refused(text()),
      ]
      return .fetch(FetchResponse(outcomes[upTo(outcomes.count)], end: optional { $0.end() }))
    default: return .unsupported(text())
    }
  }
}
