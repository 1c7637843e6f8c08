// The fold of Retired, Floor and Closed records: which segments nobody needs to receive. It says
// *refuse* and *may be drained*, never *delete*. Losing it costs bytes, never facts.

public struct RetirementTable: Hashable, Sendable {
  /// A writer's log.
  struct Owner: Hashable, Comparable, Sendable {
    var node: NodeID
    var log: LogKind
    static func < (a: Owner, b: Owner) -> Bool { (a.node, a.log) < (b.node, b.log) }
  }

  /// A record as it was folded, and when; durable once the log is durable through then.
  struct Holding: Hashable, Sendable {
    var record: Record
    var sequence: LogSequence
  }

  private var exceptions: [SegmentName: Holding] = [:]
  private var floors: [Owner: (Serial, Holding)] = [:]
  private var closed: [Owner: [Serial: Holding]] = [:]
  /// Grows with every fold that may have changed something.
  public private(set) var revision: UInt64 = 0

  init() {}

  public static func == (a: RetirementTable, b: RetirementTable) -> Bool {
    a.retired == b.retired && a.floorList == b.floorList
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(retired) }

  // MARK: questions

  /// The record that retires `name`, if one is known; durable or not.
  public func isRetired(_ name: SegmentName) -> Record? { holding(name)?.record }

  /// Every serial of this log below it is retired.
  public func floor(of node: NodeID, _ log: LogKind) -> Serial? {
    floors[Owner(node: node, log: log)]?.0
  }

  /// Retired by name, above their floors; sorted.
  public var retired: [SegmentName] { exceptions.keys.sorted() }

  /// The same with the records that say so.
  public var retiredRecords: [(name: SegmentName, record: Record)] {
    retired.compactMap { name in exceptions[name].map { (name, $0.record) } }
  }

  /// All floors with the records that say so, sorted by owner.
  public var floorRecords: [(node: NodeID, log: LogKind, below: Serial, record: Record)] {
    floors.keys.sorted().compactMap { owner in
      floors[owner].map { (owner.node, owner.log, $0.0, $0.1.record) }
    }
  }

  /// Closed serials above the floor; sorted.
  public func closed(of node: NodeID, _ log: LogKind) -> [Serial] {
    (closed[Owner(node: node, log: log)] ?? [:]).keys.sorted()
  }

  /// All floors, sorted by owner.
  public var floorList: [Retirement] {
    floors.keys.sorted().compactMap { owner in
      floors[owner].map { .floor(owner.node, owner.log, below: $0.0) }
    }
  }

  func isDurablyRetired(_ name: SegmentName, through durable: LogSequence) -> Bool {
    guard let holding = holding(name) else { return false }
    return holding.sequence <= durable
  }

  /// The highest serial of this log that any retirement, floor or closing names or implies.
  func highestSerial(of node: NodeID, _ log: LogKind) -> Serial? {
    let owner = Owner(node: node, log: log)
    var highest = floors[owner].map { Serial($0.0.value == 0 ? 0 : $0.0.value - 1) }
    for name in exceptions.keys where name.node == node && name.log == log {
      highest = max(highest ?? name.serial, name.serial)
    }
    for serial in (closed[owner] ?? [:]).keys { highest = max(highest ?? serial, serial) }
    return highest
  }

  /// Whether this record can never matter again: a floor covers the retirement or closing, or a
  /// greater floor is known. Kinds that this version doesn't know are live.
  func isDeadForEver(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) -> Bool {
    switch Retirement(kind: kind, payload: payload) {
    case .retired(let name): name.serial < floor(of: name.node, name.log) ?? Serial(0)
    case .floor(let node, let log, let below): below < floor(of: node, log) ?? Serial(0)
    case .closed(let node, let log, let serial): serial < floor(of: node, log) ?? Serial(0)
    case nil: false
    }
  }

  private func holding(_ name: SegmentName) -> Holding? {
    let owner = Owner(node: name.node, log: name.log)
    if let (floor, holding) = floors[owner], name.serial < floor { return holding }
    return exceptions[name]
  }

  // MARK: fold

  mutating func fold(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer, sequence: LogSequence
  ) {
    guard kind.value <= RecordKind.closed.value,
      let retirement = Retirement(kind: kind, payload: payload)
    else { return }
    let holding = Holding(
      record: Record(kind: kind, payload: [UInt8](payload)), sequence: sequence)
    revision += 1
    switch retirement {
    case .retired(let name):
      if exceptions[name] == nil, self.holding(name) == nil { exceptions[name] = holding }
    case .closed(let node, let log, let serial):
      if serial >= floor(of: node, log) ?? Serial(0) {
        let owner = Owner(node: node, log: log)
        if closed[owner]?[serial] == nil { closed[owner, default: [:]][serial] = holding }
      }
    case .floor(let node, let log, let below):
      let owner = Owner(node: node, log: log)
      guard below > floors[owner]?.0 ?? Serial(0) else { return }
      floors[owner] = (below, holding)
      exceptions = exceptions.filter {
        !($0.key.node == node && $0.key.log == log && $0.key.serial < below)
      }
      closed[owner] = closed[owner]?.filter { $0.key >= below }
    }
  }
}
