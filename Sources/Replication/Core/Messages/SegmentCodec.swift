import LogStore

// The parts that several peer messages share: peers, owners, names, ends, records. It owns their
// field numbers and the bounds that keep arithmetic on them from overflowing.

enum WireLimits {
  /// Offsets, counts and serials stay below it, so that sums of them can't overflow.
  static let number: UInt64 = 1 << 62
  /// Segments or digests in one message: 131,072 segments are 8 TiB of log.
  static let segments = 1 << 17
  static let members = 1024
  static let addressBytes = 255
}

extension ProtoReader.Value {
  func bounded(_ number: Int) throws(ProtoError) -> UInt64 {
    let value = try unsigned(number)
    guard value < WireLimits.number else {
      throw .badField(number: number, reason: "\(value) is out of range")
    }
    return value
  }
}

extension PeerInfo: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, fixed64: node.value.high)
    writer.field(2, fixed64: node.value.low)
    writer.field(3, string: address)
    writer.field(4, fixed64: incarnation)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var id = ID128(high: 0, low: 0)
    var address = ""
    var incarnation: UInt64 = 0
    while let (number, value) = try reader.next() {
      switch number {
      case 1: id.high = try value.unsigned(1)
      case 2: id.low = try value.unsigned(2)
      case 3:
        guard try value.raw(3).0.count <= WireLimits.addressBytes else {
          throw .badField(number: 3, reason: "an address of more than 255 bytes")
        }
        address = try value.string(3)
      case 4: incarnation = try value.unsigned(4)
      default: break
      }
    }
    self.init(node: NodeID(id), address: address, incarnation: incarnation)
  }
}

extension LogOwner {
  func encode(into writer: inout ProtoWriter) {
    writer.field(1, fixed64: node.value.high)
    writer.field(2, fixed64: node.value.low)
    writer.field(3, varint: UInt64(log.rawValue))
  }

  /// Nil for a log that this version doesn't know.
  static func decode(_ reader: inout ProtoReader) throws(ProtoError) -> LogOwner? {
    var id = ID128(high: 0, low: 0)
    var log: UInt64 = 0
    while let (number, value) = try reader.next() {
      switch number {
      case 1: id.high = try value.unsigned(1)
      case 2: id.low = try value.unsigned(2)
      case 3: log = try value.unsigned(3)
      default: break
      }
    }
    guard let raw = UInt8(exactly: log), let kind = LogKind(rawValue: raw) else { return nil }
    return LogOwner(node: NodeID(id), log: kind)
  }
}

extension SegmentName: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.message(1) { owner.encode(into: &$0) }
    writer.field(2, varint: serial.value)
    writer.field(3, fixed64: nonce.value)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var owner: LogOwner?
    var serial = Serial(0)
    var nonce = Nonce(0)
    while let (number, value) = try reader.next() {
      switch number {
      case 1:
        var inner = try value.reader(1)
        owner = try LogOwner.decode(&inner)
      case 2: serial = Serial(try value.bounded(2))
      case 3: nonce = Nonce(try value.unsigned(3))
      default: break
      }
    }
    guard let owner else { throw .badField(number: 1, reason: "a segment of an unknown log") }
    self.init(node: owner.node, log: owner.log, serial: serial, nonce: nonce)
  }
}

extension SegmentEnd {
  /// Inside an OwnerVector the owner is left out.
  func encode(into writer: inout ProtoWriter, withOwner: Bool) {
    writer.field(1, varint: name.serial.value)
    writer.field(2, fixed64: name.nonce.value)
    writer.field(3, varint: end.value)
    writer.field(4, fixed64: chain.value)
    writer.field(5, varint: records.value)
    writer.field(6, varint: durableEnd.value)
    writer.field(7, varint: durableRecords.value)
    if withOwner { writer.message(8) { name.owner.encode(into: &$0) } }
  }

  /// Nil if neither the message nor `owner` names a log that this version knows.
  static func decode(
    _ reader: inout ProtoReader, owner: LogOwner?
  ) throws(ProtoError) -> SegmentEnd? {
    var owner = owner
    var numbers: (serial: UInt64, end: UInt64, records: UInt64) = (0, 0, 0)
    var durable: (end: UInt64, records: UInt64) = (0, 0)
    var nonce: UInt64 = 0
    var chain: UInt64 = 0
    while let (number, value) = try reader.next() {
      switch number {
      case 1: numbers.serial = try value.bounded(1)
      case 2: nonce = try value.unsigned(2)
      case 3: numbers.end = try value.bounded(3)
      case 4: chain = try value.unsigned(4)
      case 5: numbers.records = try value.bounded(5)
      case 6: durable.end = try value.bounded(6)
      case 7: durable.records = try value.bounded(7)
      case 8:
        var inner = try value.reader(8)
        owner = try LogOwner.decode(&inner)
      default: break
      }
    }
    guard let owner else { return nil }
    let name = SegmentName(
      node: owner.node, log: owner.log, serial: Serial(numbers.serial), nonce: Nonce(nonce))
    return SegmentEnd(
      name: name, end: Offset(numbers.end), chain: Checksum(chain),
      records: Ordinal(numbers.records), durableEnd: Offset(min(durable.end, numbers.end)),
      durableRecords: Ordinal(min(durable.records, numbers.records)))
  }
}

extension Record {
  func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: UInt64(kind.value))
    writer.field(2, bytes: payload)
  }

  static func decode(_ reader: inout ProtoReader) throws(ProtoError) -> Record {
    var record = Record(kind: RecordKind(0), payload: [])
    while let (number, value) = try reader.next() {
      switch number {
      case 1:
        guard let kind = UInt16(exactly: try value.unsigned(1)) else {
          throw .badField(number: 1, reason: "a record kind above 65535")
        }
        record.kind = RecordKind(kind)
      case 2: record.payload = try value.bytes(2)
      default: break
      }
    }
    return record
  }
}

extension OwnerVector {
  func encode(into writer: inout ProtoWriter) {
    writer.message(1) { owner.encode(into: &$0) }
    writer.field(2, varint: floor.value)
    for end in ends { writer.message(3) { end.encode(into: &$0, withOwner: false) } }
  }

  /// Nil for a log that this version doesn't know. `room` is what the message may still hold.
  static func decode(
    _ reader: inout ProtoReader, room: inout Int
  ) throws(ProtoError) -> OwnerVector? {
    var owner: LogOwner?
    var floor = Serial(0)
    var ends: [SegmentEnd] = []
    while let (number, value) = try reader.next() {
      switch number {
      case 1:
        var inner = try value.reader(1)
        owner = try LogOwner.decode(&inner)
      case 2: floor = Serial(try value.bounded(2))
      case 3:
        guard let owner else { continue }
        room -= 1
        guard room >= 0 else { throw .badField(number: 3, reason: "too many segments") }
        var inner = try value.reader(3)
        if let end = try SegmentEnd.decode(&inner, owner: owner) { ends.append(end) }
      default: break
      }
    }
    guard let owner else { return nil }
    ends.removeAll { $0.name.owner != owner }
    ends.sort { $0.name < $1.name }
    return OwnerVector(owner: owner, floor: floor, ends: ends)
  }
}
