// LogStore's own records: kinds 1 Retired, 2 Floor, 3 Closed. It owns their protobuf payloads
// (docs/FORMAT.md); RetirementTable folds them. A payload that can't be read is nobody's
// retirement: it is kept and shipped like any unknown record.

extension RecordKind {
  public static let retired = RecordKind(1)
  public static let floor = RecordKind(2)
  public static let closed = RecordKind(3)
  /// Kinds up to this one are LogStore's, known or not.
  static let lastOfLogStore: UInt16 = 15
  /// Whether the log itself folds such records.
  public var isLogStores: Bool { value <= RecordKind.lastOfLogStore }
}

public enum Retirement: Hashable, Sendable {
  /// Everybody may drain this segment, and nobody needs to receive it.
  case retired(SegmentName)
  /// All of this writer's segments with a serial below are retired.
  case floor(NodeID, LogKind, below: Serial)
  /// The writer lost or never used this serial: nothing of it is to come.
  case closed(NodeID, LogKind, Serial)

  public var record: Record {
    var writer = VarintWriter()
    switch self {
    case .retired(let name):
      writer.segment(name.node, name.log, name.serial)
      writer.fixed64(5, name.nonce.value)
      return Record(kind: .retired, payload: writer.bytes)
    case .floor(let node, let log, let serial):
      writer.segment(node, log, serial)
      return Record(kind: .floor, payload: writer.bytes)
    case .closed(let node, let log, let serial):
      writer.segment(node, log, serial)
      return Record(kind: .closed, payload: writer.bytes)
    }
  }

  /// Nil for other kinds and for payloads that can't be read.
  public init?(kind: RecordKind, payload: UnsafeRawBufferPointer) {
    guard kind == .retired || kind == .floor || kind == .closed,
      let fields = RetirementFields(payload), let log = LogKind(rawValue: fields.log),
      fields.serial <= Format.largestSerial
    else { return nil }
    let node = NodeID(ID128(high: fields.high, low: fields.low))
    let serial = Serial(fields.serial)
    switch kind {
    case .retired:
      self = .retired(
        SegmentName(node: node, log: log, serial: serial, nonce: Nonce(fields.nonce)))
    case .floor: self = .floor(node, log, below: serial)
    default: self = .closed(node, log, serial)
    }
  }
}

/// The protobuf wire format as far as these records use it.
private struct VarintWriter {
  var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func fixed64(_ number: UInt64, _ value: UInt64) {
    guard value != 0 else { return }
    varint(number << 3 | 1)
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func field(_ number: UInt64, _ value: UInt64) {
    guard value != 0 else { return }
    varint(number << 3)
    varint(value)
  }

  mutating func segment(_ node: NodeID, _ log: LogKind, _ serial: Serial) {
    fixed64(1, node.value.high)
    fixed64(2, node.value.low)
    field(3, UInt64(log.rawValue))
    field(4, serial.value)
  }
}

private struct RetirementFields {
  var high: UInt64 = 0
  var low: UInt64 = 0
  var log: UInt8 = 0
  var serial: UInt64 = 0
  var nonce: UInt64 = 0

  init?(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count {
      guard let key = RetirementFields.varint(bytes, &at) else { return nil }
      var value: UInt64 = 0
      switch key & 7 {
      case 0:
        guard let read = RetirementFields.varint(bytes, &at) else { return nil }
        value = read
      case 1:
        guard bytes.count - at >= 8 else { return nil }
        value = bytes.little(at)
        at += 8
      case 2:
        guard let length = RetirementFields.varint(bytes, &at),
          length <= UInt64(bytes.count - at)
        else { return nil }
        at += Int(length)
      case 5:
        guard bytes.count - at >= 4 else { return nil }
        at += 4
      default:
        return nil
      }
      switch key {
      case 1 << 3 | 1: high = value
      case 2 << 3 | 1: low = value
      case 3 << 3: log = UInt8(truncatingIfNeeded: value)
      case 4 << 3: serial = value
      case 5 << 3 | 1: nonce = value
      default: break
      }
    }
  }

  private static func varint(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if shift == 63 && byte > 1 { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }
}
