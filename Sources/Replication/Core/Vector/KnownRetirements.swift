import LogStore

/// A segment that everybody may drain, and the record that says so.
public struct RetiredSegment: Hashable, Sendable {
  public var name: SegmentName
  public var record: Record
  public init(name: SegmentName, record: Record) {
    self.name = name
    self.record = record
  }
}

/// All serials of an owner below `floor` are retired; the record says so.
public struct OwnerFloor: Hashable, Sendable {
  public var owner: LogOwner
  public var floor: Serial
  public var record: Record
  public init(owner: LogOwner, floor: Serial, record: Record) {
    self.owner = owner
    self.floor = floor
    self.record = record
  }
}

/// What this node's log says of retirement: a mirror, fed by the engine. It decides nothing; by it
/// the core neither ships nor fetches what nobody needs to receive.
struct KnownRetirements: Sendable {
  private var exceptions: [SegmentName: Record] = [:]
  private var floors: [LogOwner: OwnerFloor] = [:]

  func record(retiring name: SegmentName) -> Record? {
    if let floor = floors[name.owner], name.serial < floor.floor { return floor.record }
    return exceptions[name]
  }

  func contains(_ name: SegmentName) -> Bool { record(retiring: name) != nil }

  mutating func insert(_ retired: RetiredSegment) {
    guard !contains(retired.name) else { return }
    exceptions[retired.name] = retired.record
  }

  mutating func insert(_ floor: OwnerFloor) {
    if let known = floors[floor.owner], known.floor >= floor.floor { return }
    floors[floor.owner] = floor
    exceptions = exceptions.filter { $0.key.owner != floor.owner || $0.key.serial >= floor.floor }
  }
}
