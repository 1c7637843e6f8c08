// The names of things on disk. Every position, counter and id is a type of its own, so that an
// offset can't be passed for an ordinal. All are plain values; their order is the common order of
// names that every node agrees on.

/// 128 random bits, or the first half of a SHA-256: the shape of every identity in the system.
public struct ID128: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  public static func < (a: ID128, b: ID128) -> Bool { (a.high, a.low) < (b.high, b.low) }

  public static func random(using dice: inout some RandomNumberGenerator) -> ID128 {
    ID128(high: dice.next(), low: dice.next())
  }

  /// 32 lower-case hexadecimal digits.
  public var description: String { hex(high) + hex(low) }

  /// Reads what `description` prints; nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 32, text.utf8.allSatisfy({ $0 < 128 }) else { return nil }
    let middle = text.index(text.startIndex, offsetBy: 16)
    guard let high = parseHex(text[..<middle]), let low = parseHex(text[middle...]) else {
      return nil
    }
    self.init(high: high, low: low)
  }
}

/// A data directory's identity, drawn at its first start. A wiped directory is a new node.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: ID128
  public init(_ value: ID128) { self.value = value }
  public static func < (a: NodeID, b: NodeID) -> Bool { a.value < b.value }
  public static func random(using dice: inout some RandomNumberGenerator) -> NodeID {
    NodeID(.random(using: &dice))
  }
  public var description: String { value.description }
  /// The first eight digits: enough for a person to tell nodes apart.
  public var short: String { String(description.prefix(8)) }
}

/// Which of a node's two logs a segment belongs to. The raw value stands on disk.
public enum LogKind: UInt8, Hashable, Sendable, CaseIterable, Comparable, CustomStringConvertible {
  case facts = 1
  case archives = 2
  public static func < (a: LogKind, b: LogKind) -> Bool { a.rawValue < b.rawValue }
  public var description: String { self == .facts ? "facts" : "archives" }
}

/// A segment's place in its writer's sequence of segments, from 1; never used twice.
public struct Serial: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: Serial, b: Serial) -> Bool { a.value < b.value }
  /// Stays where it is at the greatest serial there can be: nonces tell segments apart there.
  public var next: Serial { Serial(value < .max ? value + 1 : value) }
  public var description: String { String(value) }
}

/// 64 random bits that tell this segment from any other that may ever bear the same serial.
public struct Nonce: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: Nonce, b: Nonce) -> Bool { a.value < b.value }
  public var description: String { hex(value) }
}

/// One append-only file, written by one start of one node, ever.
public struct SegmentName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var node: NodeID
  public var log: LogKind
  public var serial: Serial
  public var nonce: Nonce

  public init(node: NodeID, log: LogKind, serial: Serial, nonce: Nonce) {
    self.node = node
    self.log = log
    self.serial = serial
    self.nonce = nonce
  }

  public static func < (a: SegmentName, b: SegmentName) -> Bool {
    (a.node, a.log, a.serial, a.nonce) < (b.node, b.log, b.serial, b.nonce)
  }

  public var description: String { "\(node.short)/\(log)/\(serial)-\(nonce)" }
}

/// A byte's place in a segment; names frames.
public struct Offset: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static let zero = Offset(0)
  public static func < (a: Offset, b: Offset) -> Bool { a.value < b.value }
  public static func + (a: Offset, count: Int) -> Offset { Offset(a.value + UInt64(count)) }
  public var description: String { String(value) }
}

/// A record's number in its segment, from 0; counts records, not bytes.
public struct Ordinal: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static let zero = Ordinal(0)
  public static func < (a: Ordinal, b: Ordinal) -> Bool { a.value < b.value }
  public static func + (a: Ordinal, count: Int) -> Ordinal { Ordinal(a.value + UInt64(count)) }
  public var description: String { String(value) }
}

/// Names a record wherever a copy of its segment is.
public struct Position: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var segment: SegmentName
  public var ordinal: Ordinal
  public init(segment: SegmentName, ordinal: Ordinal) {
    self.segment = segment
    self.ordinal = ordinal
  }
  public static func < (a: Position, b: Position) -> Bool {
    (a.segment, a.ordinal) < (b.segment, b.ordinal)
  }
  public var description: String { "\(segment)#\(ordinal)" }
}

/// What a record is. 0 to 15 are LogStore's own; the layer above owns the others.
public struct RecordKind: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt16
  public init(_ value: UInt16) { self.value = value }
  public static func < (a: RecordKind, b: RecordKind) -> Bool { a.value < b.value }
  public var description: String { String(value) }
}

/// XXH64 of a frame or a header: the chain that makes an equal (offset, checksum) an equal prefix.
public struct Checksum: Hashable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public var description: String { hex(value) }
}

/// Counts this process's changes to one log (an append of a batch, an ingest). It orders what
/// happened with what became durable; it means nothing on another node or after a restart.
public struct LogSequence: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static let zero = LogSequence(0)
  public static func < (a: LogSequence, b: LogSequence) -> Bool { a.value < b.value }
  public var next: LogSequence { LogSequence(value + 1) }
  public var description: String { String(value) }
}

/// How far one holder knows one segment: an element of its vector.
public struct SegmentEnd: Hashable, Sendable {
  public var name: SegmentName
  /// After the last byte written here; a frame boundary.
  public var end: Offset
  /// The checksum of the frame that ends there (of the header, if no frame is there yet).
  public var chain: Checksum
  /// How many records stand before `end`.
  public var records: Ordinal
  /// After the last byte known to survive a power cut here.
  public var durableEnd: Offset
  public var durableRecords: Ordinal

  public init(
    name: SegmentName, end: Offset, chain: Checksum, records: Ordinal, durableEnd: Offset,
    durableRecords: Ordinal
  ) {
    self.name = name
    self.end = end
    self.chain = chain
    self.records = records
    self.durableEnd = durableEnd
    self.durableRecords = durableRecords
  }
}

/// A record as its writer stored it. Equal records are each other's covers.
public struct Record: Hashable, Sendable {
  public var kind: RecordKind
  public var payload: [UInt8]
  public init(kind: RecordKind, payload: [UInt8]) {
    self.kind = kind
    self.payload = payload
  }
}

/// 16 lower-case hexadecimal digits.
func hex(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}

func parseHex(_ text: some StringProtocol) -> UInt64? {
  guard text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
    return nil
  }
  return UInt64(text, radix: 16)
}
