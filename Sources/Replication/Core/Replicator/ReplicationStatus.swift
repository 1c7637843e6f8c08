import LogStore

/// What a person or the layer above may want to know of replication now.
public struct ReplicationStatus: Hashable, Sendable {
  public var local: PeerInfo
  /// In the common order, this node included.
  public var ring: [RingMember]
  public var successor: RingMember?
  /// Somebody ships to this node.
  public var hearsPredecessor: Bool
  public var suspected: [RingMember]
  /// Known coordinators, this one included, suspected or not: `copies` is min(2, this).
  public var coordinators: Int
  public var hasCaughtUp: Bool
  /// Any other coordinator has answered since the start.
  public var hasHeardAnyone: Bool
  /// What the successor is not known to hold; nil while nothing is known of it.
  public var lag: Lag?
  public var bytesUnderWay: Int
  public var window: Int
  public var fetching: Int

  public struct Lag: Hashable, Sendable {
    public var segments: Int
    public var bytes: UInt64
  }
}

extension Replicator {
  public var status: ReplicationStatus {
    let suspected = suspicions.map {
      RingMember(address: $0.address, route: $0.address, node: $0.node)
    }
    return ReplicationStatus(
      local: local, ring: ring.members, successor: successor,
      hearsPredecessor: hearsPredecessor, suspected: suspected,
      coordinators: membership.coordinatorCount, hasCaughtUp: catchUp.isDone,
      hasHeardAnyone: membership.entries.contains { $0.hasAnswered }, lag: lag,
      bytesUnderWay: outbox.bytesUnderWay, window: outbox.window.size,
      fetching: pulls.underWay)
  }

  /// Every known coordinator but this one, suspected or not, sorted by address.
  public var known: [Membership.Entry] { membership.entries.filter { !$0.isSelf } }

  /// Whether the coordinator that is known under this address does not answer under any.
  public func suspects(_ address: String) -> Bool {
    let node = membership.entry(at: address)?.node
    return suspicions.contains { node == nil ? $0.address == address : $0.node == node }
  }

  /// The addresses of all known coordinators, for clients and servers.
  public var coordinatorAddresses: [String] { membership.shared }

  private var lag: ReplicationStatus.Lag? {
    guard let view else { return nil }
    var lag = ReplicationStatus.Lag(segments: 0, bytes: 0)
    for group in vector.groups where isReplicated(group.owner.log) {
      for end in group.ends where view.mayLack(end.name) && !retirements.contains(end.name) {
        let held = view.end(of: end.name)
        guard held < end.end else { continue }
        lag.segments += 1
        lag.bytes += end.end.value - held.value
      }
    }
    return lag
  }
}
