import LogStore

/// A place on the ring.
public struct RingMember: Hashable, Sendable {
  /// Where the node says that it is: this orders the ring, alike on every node.
  public var address: String
  /// The address by which this node reaches it.
  public var route: String
  /// Unknown until it has answered once.
  public var node: NodeID?

  public init(address: String, route: String, node: NodeID? = nil) {
    self.address = address
    self.route = route
    self.node = node
  }

  /// The same coordinator, whatever was learned of it meanwhile.
  func isSame(as other: RingMember) -> Bool {
    if let node, let otherNode = other.node { return node == otherNode }
    return route == other.route
  }
}

/// The unsuspected coordinators in their common order, this node among them, closed to a ring. A
/// function of membership and suspicions: no agreement, and two nodes may see two rings for a
/// while.
public struct Ring: Hashable, Sendable {
  /// Sorted by (address, node); this node is always in it.
  public private(set) var members: [RingMember]
  private var selfIndex: Int

  public init(
    local: PeerInfo, membership: Membership, isSuspected: (String) -> Bool
  ) {
    // Of several routes to one node the one that it names itself, else the first.
    var chosen: [NodeID: RingMember] = [:]
    var members = [RingMember(address: local.address, route: local.address, node: local.node)]
    for entry in membership.entries where !entry.isSelf && !isSuspected(entry.address) {
      let member = RingMember(
        address: entry.advertised ?? entry.address, route: entry.address, node: entry.node)
      guard let node = entry.node else {
        members.append(member)
        continue
      }
      if let other = chosen[node], other.route == other.address || member.route != member.address {
        continue
      }
      chosen[node] = member
    }
    // The order that a dictionary gives is lost in the sort: nodes differ, so no two are equal.
    members.append(contentsOf: chosen.values)
    members.sort(by: Ring.precedes)
    self.members = members
    selfIndex = members.firstIndex { $0.node == local.node } ?? 0
  }

  public var successor: RingMember? {
    members.count < 2 ? nil : members[(selfIndex + 1) % members.count]
  }

  public var predecessor: RingMember? {
    members.count < 2 ? nil : members[(selfIndex + members.count - 1) % members.count]
  }

  /// The other members in ring order, the successor first.
  public var others: [RingMember] {
    Array(members[(selfIndex + 1)...]) + Array(members[..<selfIndex])
  }

  private static func precedes(_ a: RingMember, _ b: RingMember) -> Bool {
    if a.address != b.address { return a.address < b.address }
    guard let left = a.node, let right = b.node else { return a.node == nil && b.node != nil }
    return left < right
  }
}
