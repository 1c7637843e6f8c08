import LogStore

/// For every segment that a node holds, how far: sorted, grouped by owner, with the owner's floor.
/// Copies are cheap, so that an exchange can remember what it told. It knows nothing of peers.
public struct SegmentVector: Hashable, Sendable {
  /// Sorted by owner; each group's ends are sorted by name. A group may be empty but for its floor.
  public private(set) var groups: [OwnerVector] = []

  public init() {}

  public init(_ ends: [SegmentEnd]) {
    for end in ends { set(end) }
  }

  public func end(of name: SegmentName) -> SegmentEnd? {
    guard let group = groupIndex(of: name.owner) else { return nil }
    return Self.search(groups[group].ends, name).found
  }

  public func group(of owner: LogOwner) -> OwnerVector? {
    groupIndex(of: owner).map { groups[$0] }
  }

  /// The segment of the highest serial: of an own log the open one.
  public func newest(of owner: LogOwner) -> SegmentEnd? { group(of: owner)?.ends.last }

  public var segmentCount: Int { groups.reduce(0) { $0 + $1.ends.count } }

  /// Adds the segment or replaces what was known of it.
  public mutating func set(_ end: SegmentEnd) {
    let group = makeGroup(end.name.owner)
    let (index, found) = Self.search(groups[group].ends, end.name)
    if found == nil {
      groups[group].ends.insert(end, at: index)
    } else {
      groups[group].ends[index] = end
    }
  }

  public mutating func remove(_ name: SegmentName) {
    guard let group = groupIndex(of: name.owner) else { return }
    let (index, found) = Self.search(groups[group].ends, name)
    guard found != nil else { return }
    groups[group].ends.remove(at: index)
    if groups[group].ends.isEmpty && groups[group].floor == Serial(0) {
      groups.remove(at: group)
    }
  }

  /// A floor never falls.
  public mutating func raiseFloor(of owner: LogOwner, to floor: Serial) {
    guard floor > Serial(0) else { return }
    let group = makeGroup(owner)
    if groups[group].floor < floor { groups[group].floor = floor }
  }

  /// Sorted by owner.
  public func digests(archives: Bool) -> [OwnerDigest] {
    var digests: [OwnerDigest] = []
    for group in groups where archives || group.owner.log == .facts {
      digests.append(OwnerDigest(owner: group.owner, digest: group.digest))
    }
    return digests
  }

  private func groupIndex(of owner: LogOwner) -> Int? {
    let index = groups.partitioningIndex { $0.owner >= owner }
    return index < groups.count && groups[index].owner == owner ? index : nil
  }

  private mutating func makeGroup(_ owner: LogOwner) -> Int {
    let index = groups.partitioningIndex { $0.owner >= owner }
    if index == groups.count || groups[index].owner != owner {
      groups.insert(OwnerVector(owner: owner), at: index)
    }
    return index
  }

  private static func search(
    _ ends: [SegmentEnd], _ name: SegmentName
  ) -> (index: Int, found: SegmentEnd?) {
    // Nearly always it is the newest.
    if let last = ends.last, last.name == name { return (ends.count - 1, last) }
    let index = ends.partitioningIndex { $0.name >= name }
    guard index < ends.count, ends[index].name == name else { return (index, nil) }
    return (index, ends[index])
  }
}

extension Array {
  /// The first index whose element, and every one behind it, satisfies `belongs`.
  func partitioningIndex(where belongs: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
