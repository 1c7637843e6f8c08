import LogStore

/// The known coordinators: addresses from lists, from peers' lists and from who speaks to us, and
/// what answered there. Addresses are hints, the node that answers is the identity; an address
/// where this node answers itself is an alias. It knows nothing of suspicion. Bounded.
public struct Membership: Sendable {
  public struct Entry: Hashable, Sendable {
    public var address: String
    /// Who answered there last, or says it is there.
    public var node: NodeID?
    public var incarnation: UInt64?
    /// Where that node wants to be reached.
    public var advertised: String?
    /// It stands in this node's own configuration.
    public var isListed = false
    public var hasAnswered = false
    /// This node itself answers there.
    public var isSelf = false
    /// The last answer, or when it was learned.
    public var seen: Instant
  }

  /// What an answer says about who stands behind a route.
  public enum Verdict: Hashable, Sendable {
    case same
    /// The first answer from there, or another node than before.
    case newNode
    case newIncarnation
    case selfAlias
    /// This node's identity, but another process.
    case clone
    case removed
  }

  public let local: PeerInfo
  public let limit: Int
  /// Sorted by address; never holds `local.address`.
  public private(set) var entries: [Entry] = []
  private var removedNodes: Set<NodeID> = []
  private var removedAddresses: Set<String> = []

  public init(local: PeerInfo, limit: Int = 1024) {
    self.local = local
    self.limit = limit
  }

  public var routes: [String] { entries.lazy.filter { !$0.isSelf }.map(\.address) }

  public func entry(at address: String) -> Entry? { index(of: address).map { entries[$0] } }

  /// All that other nodes may be told of: this node, what answered, and what its operator listed.
  public var shared: [String] {
    var addresses = local.address.isEmpty ? [] : [local.address]
    for entry in entries where !entry.isSelf {
      if entry.hasAnswered {
        addresses.append(entry.advertised ?? entry.address)
      } else if entry.isListed {
        addresses.append(entry.address)
      }
    }
    let sorted = addresses.sorted()
    var distinct: [String] = []
    for address in sorted where distinct.last != address && !address.isEmpty {
      distinct.append(address)
    }
    return Array(distinct.prefix(limit))
  }

  /// The operator's list, whole: what it no longer names is kept as learned. It brings back an
  /// address whose node was removed.
  public mutating func list(_ addresses: [String], at now: Instant) {
    let wanted = Set(addresses)
    for index in entries.indices {
      entries[index].isListed = wanted.contains(entries[index].address)
    }
    for address in addresses {
      removedAddresses.remove(address)
      if let index = add(address, at: now) { entries[index].isListed = true }
    }
  }

  /// A peer's list.
  public mutating func merge(_ addresses: [String], at now: Instant) {
    for address in addresses where !removedAddresses.contains(address) {
      _ = add(address, at: now)
    }
  }

  /// A peer spoke to us on its own: where it says that it is. False if it was removed.
  public mutating func met(_ peer: PeerInfo, at now: Instant) -> Bool {
    if removedNodes.contains(peer.node) { return false }
    guard peer.node != local.node else { return true }
    removedAddresses.remove(peer.address)
    guard let index = add(peer.address, at: now) else { return true }
    // A claim fills a blank; only an answer replaces what an answer said.
    if !entries[index].hasAnswered {
      entries[index].node = peer.node
      entries[index].advertised = peer.address
    }
    return true
  }

  /// `peer` answered at `route`.
  public mutating func answered(
    _ route: String, by peer: PeerInfo, at now: Instant
  ) -> Verdict {
    if removedNodes.contains(peer.node) {
      drop(route)
      return .removed
    }
    guard let index = add(route, at: now) else { return .selfAlias }
    entries[index].seen = now
    if peer.node == local.node {
      guard peer.incarnation == local.incarnation else { return .clone }
      entries[index].isSelf = true
      return .selfAlias
    }
    let before = entries[index]
    entries[index].node = peer.node
    entries[index].incarnation = peer.incarnation
    entries[index].advertised = peer.address.isEmpty ? nil : peer.address
    entries[index].hasAnswered = true
    if peer.address != route { _ = met(peer, at: now) }
    if !before.hasAnswered || before.node != peer.node { return .newNode }
    return before.incarnation == peer.incarnation ? .same : .newIncarnation
  }

  /// The node is no member any more, under whatever address. The addresses it had; they come back
  /// by the operator's list or by another node that speaks from there.
  public mutating func remove(_ node: NodeID) -> [String] {
    removedNodes.insert(node)
    let gone = entries.filter { $0.node == node }.map(\.address)
    for address in gone { drop(address) }
    return gone
  }

  /// Drops what no list of ours names and nobody was seen at for so long. The dropped addresses.
  public mutating func forget(silentFor span: Duration, at now: Instant) -> [String] {
    let gone = entries.filter { !$0.isListed && !$0.isSelf && now - $0.seen > span }
    for entry in gone { entries.removeAll { $0.address == entry.address } }
    return gone.map(\.address)
  }

  /// The coordinators that this node knows of, itself included: an address that never answered
  /// counts as one, several addresses of one node as one.
  public var coordinatorCount: Int {
    var nodes: Set<NodeID> = []
    var unknown = 0
    for entry in entries where !entry.isSelf {
      if let node = entry.node { nodes.insert(node) } else { unknown += 1 }
    }
    return 1 + nodes.count + unknown
  }

  private mutating func drop(_ address: String) {
    if removedAddresses.count < limit { removedAddresses.insert(address) }
    entries.removeAll { $0.address == address }
  }

  private mutating func add(_ address: String, at now: Instant) -> Int? {
    guard !address.isEmpty, address.utf8.count <= WireLimits.addressBytes,
      address != local.address
    else { return nil }
    let index = entries.partitioningIndex { $0.address >= address }
    if index < entries.count, entries[index].address == address { return index }
    guard entries.count < limit else { return nil }
    entries.insert(Entry(address: address, seen: now), at: index)
    return index
  }

  private func index(of address: String) -> Int? {
    let index = entries.partitioningIndex { $0.address >= address }
    return index < entries.count && entries[index].address == address ? index : nil
  }
}
