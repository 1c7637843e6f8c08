import LogStore

@testable import ReplicationCore

/// One core on the bench: the test plays log, disk and peers by hand.
final class Bench {
  var core: Replicator
  var now = Instant(nanoseconds: 5_000_000_000)
  /// All directives so far but notes and what the accessors below have taken.
  var directives: [Replicator.Directive] = []
  var notes: [String] = []
  let me: NodeID
  private var lastToken: UInt64 = 0

  static func node(_ number: UInt64) -> NodeID { NodeID(ID128(high: 0, low: number)) }

  /// This node is number 1 at b:1.
  init(_ settings: ReplicationSettings = ReplicationSettings()) {
    me = Self.node(1)
    core = Replicator(
      local: PeerInfo(node: me, address: "b:1", incarnation: 11), settings: settings)
  }

  static func name(_ node: UInt64, _ serial: UInt64, _ log: LogKind = .facts) -> SegmentName {
    SegmentName(node: Self.node(node), log: log, serial: Serial(serial), nonce: Nonce(serial))
  }

  /// The end of a segment whose frames are 100 bytes behind a header of 64; equal ends have equal
  /// chains unless `history` differs.
  static func end(
    _ name: SegmentName, _ frames: UInt64, durable: UInt64? = nil, history: UInt64 = 0
  ) -> SegmentEnd {
    let durable = durable ?? frames
    return SegmentEnd(
      name: name, end: Offset(64 + frames * 100), chain: Checksum(frames + history * 1_000),
      records: Ordinal(frames), durableEnd: Offset(64 + durable * 100),
      durableRecords: Ordinal(durable))
  }

  static func peer(_ number: UInt64, _ address: String, start: UInt64 = 1) -> PeerInfo {
    PeerInfo(node: node(number), address: address, incarnation: start)
  }

  // MARK: - Events

  func feed(_ event: Replicator.Event) {
    for directive in core.handle(event, at: now) {
      if case .note(let text) = directive {
        notes.append(text)
        continue
      }
      directives.append(directive)
    }
  }

  func start(
    _ vector: [SegmentEnd], members: [String] = ["c:1"], retired: [RetiredSegment] = []
  ) {
    feed(.started(.init(vector: vector, retired: retired, members: members)))
  }

  func pass(_ span: Duration) {
    let end = now + span
    while core.wakeUp <= end {
      now = max(now, core.wakeUp)
      feed(.tick)
    }
    now = end
  }

  func ask(_ request: PeerRequest) -> Replicator.RequestToken {
    lastToken += 1
    let token = Replicator.RequestToken(lastToken)
    feed(.request(token, request))
    return token
  }

  // MARK: - Directives, each taken once

  private func take<Value>(
    _ match: (Replicator.Directive) -> Value?
  ) -> Value? {
    for (index, directive) in directives.enumerated() {
      guard let value = match(directive) else { continue }
      directives.remove(at: index)
      return value
    }
    return nil
  }

  func takeSync(
    _ purpose: SyncPurpose = .heartbeat
  ) -> (id: Replicator.ExchangeID, route: String, request: SyncRequest)? {
    take {
      guard case .send(let id, let route, .sync(let sync), _) = $0, sync.purpose == purpose else {
        return nil
      }
      return (id, route, sync)
    }
  }

  func takeShip() -> (id: Replicator.ExchangeID, request: ShipRequest)? {
    take {
      guard case .send(let id, _, .ship(let ship), _) = $0 else { return nil }
      return (id, ship)
    }
  }

  func takeFetch() -> (id: Replicator.ExchangeID, request: FetchRequest)? {
    take {
      guard case .send(let id, _, .fetch(let fetch), _) = $0 else { return nil }
      return (id, fetch)
    }
  }

  func takeRead() -> (
    id: Replicator.ReadID, segment: SegmentName, offset: Offset, maxBytes: Int
  )? {
    take {
      guard case .read(let id, let segment, let offset, let maxBytes) = $0 else { return nil }
      return (id, segment, offset, maxBytes)
    }
  }

  func takeIngest() -> (id: Replicator.IngestID, segment: SegmentName, offset: Offset)? {
    take {
      guard case .ingest(let id, let segment, let offset, _) = $0 else { return nil }
      return (id, segment, offset)
    }
  }

  func takeReply(_ token: Replicator.RequestToken) -> PeerResponse? {
    take {
      guard case .reply(token, let response) = $0 else { return nil }
      return response
    }
  }

  func takeConflict() -> IdentityConflict? {
    take {
      guard case .identityConflict(let conflict) = $0 else { return nil }
      return conflict
    }
  }

  func take(_ wanted: Replicator.Directive) -> Bool {
    take { $0 == wanted ? true : nil } ?? false
  }

  // MARK: - A peer's part

  /// Answers the heartbeat under way: `peer` holds exactly `theirs` of each owner named there and
  /// of all owners that it was told.
  func answerSync(
    as peer: PeerInfo, holding theirs: [SegmentEnd] = [], equal: [LogOwner] = [],
    purpose: SyncPurpose = .heartbeat
  ) -> Bool {
    guard let sync = takeSync(purpose) else { return false }
    var response = SyncResponse(from: peer)
    response.archives = true
    response.owners = SegmentVector(theirs).groups
    for digest in sync.request.digests
    where !equal.contains(digest.owner)
      && !response.owners.contains(where: { $0.owner == digest.owner })
    {
      response.owners.append(OwnerVector(owner: digest.owner))
    }
    feed(.response(sync.id, .sync(response)))
    return true
  }

  /// Reads the next piece for the core; the bytes are zeros.
  func performRead() -> Bool {
    guard let read = takeRead() else { return false }
    feed(.read(read.id, .bytes([UInt8](repeating: 0, count: read.maxBytes))))
    return true
  }
}
