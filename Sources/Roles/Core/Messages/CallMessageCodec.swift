import LogStore
import ReplicationCore

// The one top-level payload of the wire, and what its messages share: optional and repeated fields,
// records, refusals. Nothing is allocated by an announced length: every list grows with the bytes
// that are there, and lists of text are bounded besides.

/// Every request and response. The transport moves its encoding and looks at nothing in it.
public enum Message: Hashable, Sendable {
  case clientRequest(ClientRequest)
  case clientResponse(ClientResponse)
  case serverRequest(ServerRequest)
  case serverResponse(ServerResponse)
  case resultsRequest(ResultsRequest)
  case resultsResponse(ResultsResponse)
  case archiveOffer(ArchiveOffer)
  case archiveOfferReply(ArchiveOfferReply)
  case archivePut(ArchivePut)
  case archivePutReply(ArchivePutReply)
  case archiveGet(ArchiveGet)
  case archiveGetReply(ArchiveGetReply)
  case operatorRequest(OperatorRequest)
  case operatorResponse(OperatorResponse)
  /// Between coordinators: an encoded message of ReplicationCore.
  case peerRequest([UInt8])
  case peerResponse([UInt8])
}

extension Message: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch self {
    case .clientRequest(let message): writer.field(1, message: message)
    case .clientResponse(let message): writer.field(2, message: message)
    case .serverRequest(let message): writer.field(3, message: message)
    case .serverResponse(let message): writer.field(4, message: message)
    case .resultsRequest(let message): writer.field(5, message: message)
    case .resultsResponse(let message): writer.field(6, message: message)
    case .archiveOffer(let message): writer.field(7, message: message)
    case .archiveOfferReply(let message): writer.field(8, message: message)
    case .archivePut(let message): writer.field(9, message: message)
    case .archivePutReply(let message): writer.field(10, message: message)
    case .archiveGet(let message): writer.field(11, message: message)
    case .archiveGetReply(let message): writer.field(12, message: message)
    case .operatorRequest(let message): writer.field(13, message: message)
    case .operatorResponse(let message): writer.field(14, message: message)
    case .peerRequest(let bytes): writer.element(15, bytes: bytes)
    case .peerResponse(let bytes): writer.element(16, bytes: bytes)
    }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var message: Message?
    while let (number, value) = try reader.next() {
      message = try Self.decode(number, value) ?? message
    }
    self = try require(message, 0, "no message that this version knows")
  }

  private static func decode(
    _ number: Int, _ value: ProtoReader.Value
  ) throws(ProtoError) -> Message? {
    switch number {
    case 1: .clientRequest(try value.message(1))
    case 2: .clientResponse(try value.message(2))
    case 3: .serverRequest(try value.message(3))
    case 4: .serverResponse(try value.message(4))
    case 5: .resultsRequest(try value.message(5))
    case 6: .resultsResponse(try value.message(6))
    case 7: .archiveOffer(try value.message(7))
    case 8: .archiveOfferReply(try value.message(8))
    case 9: .archivePut(try value.message(9))
    case 10: .archivePutReply(try value.message(10))
    case 11: .archiveGet(try value.message(11))
    case 12: .archiveGetReply(try value.message(12))
    case 13: .operatorRequest(try value.message(13))
    case 14: .operatorResponse(try value.message(14))
    case 15: .peerRequest(try value.bytes(15))
    case 16: .peerResponse(try value.bytes(16))
    default: nil
    }
  }
}

extension Refusal: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: code.rawValue)
    writer.field(2, string: text)
  }

  /// A code that a newer version gives reads as `unknown`; the text says it in words.
  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init(.unknown, "")
    while let (number, value) = try reader.next() {
      switch number {
      case 1: code = Code(rawValue: try value.unsigned(1)) ?? .unknown
      case 2: text = try value.string(2)
      default: break
      }
    }
  }
}

extension ProtoWriter {
  mutating func field(_ number: Int, message: some ProtoMessage) {
    self.message(number) { message.encode(into: &$0) }
  }

  mutating func field(_ number: Int, optional message: (some ProtoMessage)?) {
    if let message { field(number, message: message) }
  }

  /// A number whose presence says something: written even if zero.
  mutating func field(_ number: Int, optional value: UInt64?) {
    guard let value else { return }
    varint(UInt64(number) << 3)
    varint(value)
  }

  mutating func field(_ number: Int, record: Record) {
    let kind = UInt64(record.kind.value)
    var length = kind == 0 ? 0 : 1 + varintLength(kind)
    if !record.payload.isEmpty {
      length += 1 + varintLength(UInt64(record.payload.count)) + record.payload.count
    }
    header(number, length: length)
    field(1, varint: kind)
    field(2, bytes: record.payload)
  }

  mutating func field(_ number: Int, records: [Record]) {
    for record in records { field(number, record: record) }
  }

  mutating func field(_ number: Int, strings: [String]) {
    for string in strings { element(number, string: string) }
  }

  mutating func field(_ number: Int, tasks: [TaskName]) {
    for task in tasks { field(number, task: task) }
  }

  mutating func field(_ number: Int, hashes: [Hash256]) {
    for hash in hashes { field(number, hash: hash) }
  }

  mutating func field(_ number: Int, messages: [some ProtoMessage]) {
    for message in messages { field(number, message: message) }
  }

  /// Packed, as proto3 writes repeated numbers.
  mutating func field(_ number: Int, packed values: [UInt64]) {
    guard !values.isEmpty else { return }
    header(number, length: values.reduce(0) { $0 + varintLength($1) })
    for value in values { varint(value) }
  }
}

extension ProtoReader.Value {
  /// Lists of addresses, services and the like are no longer than this.
  static let longestTextList = 4096

  func message<M: ProtoMessage>(_ number: Int) throws(ProtoError) -> M {
    var fields = try reader(number)
    return try M(from: &fields)
  }

  func record(_ number: Int) throws(ProtoError) -> Record {
    var kind: UInt64 = 0
    var payload: [UInt8] = []
    var fields = try reader(number)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1: kind = try value.unsigned(1)
      case 2: payload = try value.bytes(2)
      default: break
      }
    }
    guard kind > 0, let kind = UInt16(exactly: kind) else {
      throw .badField(number: number, reason: "\(kind) is no kind of record")
    }
    return Record(kind: RecordKind(kind), payload: payload)
  }

  func append(_ number: Int, to list: inout [String]) throws(ProtoError) {
    guard list.count < Self.longestTextList else {
      throw .badField(number: number, reason: "more than \(Self.longestTextList) elements")
    }
    list.append(try string(number))
  }

  /// Packed or not: readers must take both.
  func append(_ number: Int, to list: inout [UInt64]) throws(ProtoError) {
    guard case .bytes(let bytes, let base) = self else {
      list.append(try unsigned(number))
      return
    }
    var value: UInt64 = 0
    var shift: UInt64 = 0
    for (offset, byte) in bytes.enumerated() {
      if shift > 63 || shift == 63 && byte > 1 { throw .varintTooLong(offset: base + offset) }
      value |= UInt64(byte & 0x7f) << shift
      shift += 7
      if byte < 0x80 {
        list.append(value)
        (value, shift) = (0, 0)
      }
    }
    guard shift == 0 else { throw .truncated(offset: base + bytes.count) }
  }
}
