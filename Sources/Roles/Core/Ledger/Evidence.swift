import LogStore

/// Where this node's log holds one record, byte for byte. It outlives no restart, and it is no part
/// of the ledger's state: two nodes with the same facts have other evidence.
public struct Evidence: Hashable, Sendable {
  /// The record is durable here when the log is durable through this.
  public var sequence: LogSequence
  /// Where it stood first.
  public var position: Position
  /// Other segments that hold it (nearly always none). A peer that holds any of these durably holds
  /// the record; after a drain only a later one is left.
  public var others: [Position]

  /// All positions, the first first.
  public var positions: [Position] { [position] + others }
}

/// One holder, with its segment's number in the ledger's table: a third of a Position.
struct Place: Hashable, Sendable {
  var sequence: UInt64
  var ordinal: UInt64
  var segment: UInt32
}

/// How a record arrives at the fold.
struct Arrival {
  var place: Place
  /// Segments that this node no longer has.
  var gone: Set<UInt32>
  /// Planted bug B19.
  var takesLater: Bool
}

/// A record's holders, one a segment.
struct Holders: Sendable {
  private(set) var first: Place
  private(set) var others: [Place] = []

  init(_ place: Place) { first = place }

  /// Notes one more holder.
  mutating func add(_ arrival: Arrival) {
    let place = arrival.place
    if place.segment == first.segment { return }
    if others.contains(where: { $0.segment == place.segment }) { return }
    if !arrival.gone.isEmpty { others.removeAll { arrival.gone.contains($0.segment) } }
    if place.sequence < first.sequence {
      others.append(first)
      first = place
    } else {
      others.append(place)
    }
  }
}

/// The bytes that count for one fact, and where they are held.
struct Kept: Sendable {
  private(set) var payload: [UInt8]
  private(set) var holders: Holders

  init(_ payload: [UInt8], _ place: Place) {
    self.payload = payload
    holders = Holders(place)
  }

  /// Another record that says the same fact: the lesser bytes count. True if these bytes took over.
  mutating func merge(_ other: [UInt8], _ arrival: Arrival) -> Bool {
    if payload == other {
      holders.add(arrival)
      return false
    }
    guard arrival.takesLater || precedes(other, payload) else { return false }
    self = Kept(other, arrival.place)
    return true
  }
}

/// The order of records that say the same fact: bytes, then length.
func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }

/// Numbers for segments' names, so that a holder is small.
struct SegmentTable: Sendable {
  private var numbers: [SegmentName: UInt32] = [:]
  private var names: [SegmentName] = []
  private(set) var gone: Set<UInt32> = []

  mutating func number(_ name: SegmentName) -> UInt32 {
    if let last = names.last, last == name { return UInt32(names.count - 1) }
    if let number = numbers[name] { return number }
    let number = UInt32(names.count)
    names.append(name)
    numbers[name] = number
    return number
  }

  mutating func forget(_ name: SegmentName) {
    if let number = numbers[name] { gone.insert(number) }
  }

  func isGone(_ number: UInt32) -> Bool { gone.contains(number) }

  func evidence(_ holders: Holders) -> Evidence {
    let here = holders.others.filter { !isGone($0.segment) }
    if isGone(holders.first.segment), let next = here.first {
      return Evidence(
        sequence: LogSequence(min(holders.first.sequence, next.sequence)),
        position: position(next), others: here.dropFirst().map(position))
    }
    return Evidence(
      sequence: LogSequence(holders.first.sequence), position: position(holders.first),
      others: here.isEmpty ? [] : here.map(position))
  }

  private func position(_ place: Place) -> Position {
    Position(segment: names[Int(place.segment)], ordinal: Ordinal(place.ordinal))
  }
}
