import LogStore

// PeerMessages to the protobuf bytes that wire.proto describes, and back. Unknown fields are
// skipped; counts are checked before anything grows; nothing of the protocol's meaning is known.

extension SyncRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.message(1) { from.encode(into: &$0) }
    writer.field(2, varint: purpose.rawValue)
    for member in members { writer.element(3, string: member) }
    for digest in digests {
      writer.message(4) { writer in
        writer.message(1) { digest.owner.encode(into: &$0) }
        writer.field(2, fixed64: digest.digest)
      }
    }
    writer.field(5, bool: archives)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var from: PeerInfo?
    // An unknown purpose is answered like a probe: that costs nobody anything.
    var purpose = SyncPurpose.probe
    var members: [String] = []
    var digests: [OwnerDigest] = []
    var archives = false
    while let (number, value) = try reader.next() {
      switch number {
      case 1: from = try PeerInfo(nestedIn: value, number)
      case 2: purpose = SyncPurpose(rawValue: try value.unsigned(2)) ?? .probe
      case 3: try decodeMember(value, number, into: &members)
      case 4:
        guard digests.count < WireLimits.segments else {
          throw .badField(number: 4, reason: "too many digests")
        }
        var inner = try value.reader(4)
        if let digest = try OwnerDigest.decode(&inner) { digests.append(digest) }
      case 5: archives = try value.unsigned(5) != 0
      default: break
      }
    }
    guard let from else { throw .badField(number: 1, reason: "a sender was expected") }
    self.init(
      from: from, purpose: purpose, members: members, digests: digests, archives: archives)
  }
}

extension OwnerDigest {
  /// Nil for a log that this version doesn't know.
  static func decode(_ reader: inout ProtoReader) throws(ProtoError) -> OwnerDigest? {
    var owner: LogOwner?
    var digest: UInt64 = 0
    while let (number, value) = try reader.next() {
      switch number {
      case 1:
        var inner = try value.reader(1)
        owner = try LogOwner.decode(&inner)
      case 2: digest = try value.unsigned(2)
      default: break
      }
    }
    return owner.map { OwnerDigest(owner: $0, digest: digest) }
  }
}

extension SyncResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.message(1) { from.encode(into: &$0) }
    for member in members { writer.element(2, string: member) }
    for owner in owners { writer.message(3) { owner.encode(into: &$0) } }
    for end in lagging { writer.message(4) { end.encode(into: &$0, withOwner: true) } }
    for owner in omitted { writer.message(5) { owner.encode(into: &$0) } }
    writer.field(6, bool: archives)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var from: PeerInfo?
    var result = SyncResponse(
      from: PeerInfo(node: NodeID(ID128(high: 0, low: 0)), address: "", incarnation: 0))
    var room = WireLimits.segments
    while let (number, value) = try reader.next() {
      switch number {
      case 1: from = try PeerInfo(nestedIn: value, number)
      case 2: try decodeMember(value, number, into: &result.members)
      case 3, 4, 5:
        room -= 1
        guard room >= 0 else { throw .badField(number: number, reason: "too many segments") }
        var inner = try value.reader(number)
        if number == 3, let owner = try OwnerVector.decode(&inner, room: &room) {
          result.owners.append(owner)
        } else if number == 4, let end = try SegmentEnd.decode(&inner, owner: nil) {
          result.lagging.append(end)
        } else if number == 5, let owner = try LogOwner.decode(&inner) {
          result.omitted.append(owner)
        }
      case 6: result.archives = try value.unsigned(6) != 0
      default: break
      }
    }
    guard let from else { throw .badField(number: 1, reason: "a sender was expected") }
    result.from = from
    self = result
  }
}

extension ShipRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.message(1) { from.encode(into: &$0) }
    writer.message(2) { segment.encode(into: &$0) }
    writer.field(3, varint: offset.value)
    writer.field(4, bool: more)
    writer.field(15, bytes: bytes)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var from: PeerInfo?
    var segment: SegmentName?
    var offset = Offset.zero
    var more = false
    var bytes: [UInt8] = []
    while let (number, value) = try reader.next() {
      switch number {
      case 1: from = try PeerInfo(nestedIn: value, number)
      case 2: segment = try SegmentName(nestedIn: value, number)
      case 3: offset = Offset(try value.bounded(3))
      case 4: more = try value.unsigned(4) != 0
      case 15: bytes = try value.bytes(15)
      default: break
      }
    }
    guard let from else { throw .badField(number: 1, reason: "a sender was expected") }
    guard let segment else { throw .badField(number: 2, reason: "a segment was expected") }
    self.init(from: from, segment: segment, offset: offset, more: more, bytes: bytes)
  }
}

extension ShipResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch outcome {
    case .accepted: writer.field(1, varint: 1)
    case .gap: writer.field(1, varint: 2)
    case .damaged: writer.field(1, varint: 3)
    case .diverged: writer.field(1, varint: 4)
    case .retired(let record):
      writer.field(1, varint: 5)
      writer.message(3) { record.encode(into: &$0) }
    case .refused(let reason):
      writer.field(1, varint: 6)
      writer.field(4, string: reason)
    }
    if let end { writer.message(2) { end.encode(into: &$0, withOwner: true) } }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    let answer = try Answer(from: &reader)
    switch answer.outcome {
    case 1: self.init(.accepted, end: answer.end)
    case 2: self.init(.gap, end: answer.end)
    case 3: self.init(.damaged, end: answer.end)
    case 4: self.init(.diverged, end: answer.end)
    case 5:
      guard let record = answer.retired else {
        throw .badField(number: 3, reason: "the record that retires was expected")
      }
      self.init(.retired(record), end: answer.end)
    case 6: self.init(.refused(answer.reason), end: answer.end)
    default:
      self.init(.refused("an unknown outcome (\(answer.outcome))"), end: answer.end)
    }
  }
}

extension FetchRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.message(1) { from.encode(into: &$0) }
    writer.message(2) { segment.encode(into: &$0) }
    writer.field(3, varint: offset.value)
    writer.field(4, varint: maxBytes)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var from: PeerInfo?
    var segment: SegmentName?
    var offset = Offset.zero
    var maxBytes: UInt64 = 0
    while let (number, value) = try reader.next() {
      switch number {
      case 1: from = try PeerInfo(nestedIn: value, number)
      case 2: segment = try SegmentName(nestedIn: value, number)
      case 3: offset = Offset(try value.bounded(3))
      case 4: maxBytes = try value.unsigned(4)
      default: break
      }
    }
    guard let from else { throw .badField(number: 1, reason: "a sender was expected") }
    guard let segment else { throw .badField(number: 2, reason: "a segment was expected") }
    self.init(from: from, segment: segment, offset: offset, maxBytes: maxBytes)
  }
}

extension FetchResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch outcome {
    case .bytes: writer.field(1, varint: 1)
    case .absent: writer.field(1, varint: 2)
    case .retired(let record):
      writer.field(1, varint: 3)
      writer.message(3) { record.encode(into: &$0) }
    case .refused(let reason):
      writer.field(1, varint: 4)
      writer.field(4, string: reason)
    }
    if let end { writer.message(2) { end.encode(into: &$0, withOwner: true) } }
    if case .bytes(let bytes) = outcome { writer.field(15, bytes: bytes) }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    let answer = try Answer(from: &reader)
    switch answer.outcome {
    case 1: self.init(.bytes(answer.bytes), end: answer.end)
    case 2: self.init(.absent, end: answer.end)
    case 3:
      guard let record = answer.retired else {
        throw .badField(number: 3, reason: "the record that retires was expected")
      }
      self.init(.retired(record), end: answer.end)
    case 4: self.init(.refused(answer.reason), end: answer.end)
    default:
      self.init(.refused("an unknown outcome (\(answer.outcome))"), end: answer.end)
    }
  }
}

/// The fields that both answers share.
private struct Answer {
  var outcome: UInt64 = 0
  var end: SegmentEnd?
  var retired: Record?
  var reason = ""
  var bytes: [UInt8] = []

  init(from reader: inout ProtoReader) throws(ProtoError) {
    while let (number, value) = try reader.next() {
      switch number {
      case 1: outcome = try value.unsigned(1)
      case 2:
        var inner = try value.reader(2)
        end = try SegmentEnd.decode(&inner, owner: nil)
      case 3:
        var inner = try value.reader(3)
        retired = try Record.decode(&inner)
      case 4: reason = try value.string(4)
      case 15: bytes = try value.bytes(15)
      default: break
      }
    }
  }
}

extension PeerRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch self {
    case .sync(let request): writer.message(1) { request.encode(into: &$0) }
    case .ship(let request): writer.message(2) { request.encode(into: &$0) }
    case .fetch(let request): writer.message(3) { request.encode(into: &$0) }
    case .unsupported: break
    }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var result = PeerRequest.unsupported
    while let (number, value) = try reader.next() {
      switch number {
      case 1: result = .sync(try SyncRequest(nestedIn: value, number))
      case 2: result = .ship(try ShipRequest(nestedIn: value, number))
      case 3: result = .fetch(try FetchRequest(nestedIn: value, number))
      default: break
      }
    }
    self = result
  }
}

extension PeerResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch self {
    case .sync(let response): writer.message(1) { response.encode(into: &$0) }
    case .ship(let response): writer.message(2) { response.encode(into: &$0) }
    case .fetch(let response): writer.message(3) { response.encode(into: &$0) }
    case .unsupported(let reason): writer.element(4, string: reason)
    }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var result = PeerResponse.unsupported("an unknown kind of response")
    while let (number, value) = try reader.next() {
      switch number {
      case 1: result = .sync(try SyncResponse(nestedIn: value, number))
      case 2: result = .ship(try ShipResponse(nestedIn: value, number))
      case 3: result = .fetch(try FetchResponse(nestedIn: value, number))
      case 4: result = .unsupported(try value.string(4))
      default: break
      }
    }
    self = result
  }
}

extension ProtoMessage {
  fileprivate init(nestedIn value: ProtoReader.Value, _ number: Int) throws(ProtoError) {
    var inner = try value.reader(number)
    try self.init(from: &inner)
  }
}

/// Members beyond the limit, and addresses that can't be one, are left out.
private func decodeMember(
  _ value: ProtoReader.Value, _ number: Int, into members: inout [String]
) throws(ProtoError) {
  let length = try value.raw(number).0.count
  guard members.count < WireLimits.members, (1...WireLimits.addressBytes).contains(length) else {
    return
  }
  members.append(try value.string(number))
}
