import LogStore
import ReplicationCore

// A client's exchange.

extension ClientRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, session: session)
    writer.field(2, fixed64: incarnation)
    writer.field(3, records: records)
    writer.field(4, varint: poll)
    writer.field(5, bool: wantsResults)
    writer.field(6, ranges: have)
    writer.field(7, ranges: wanted)
    writer.field(8, varint: resultBytes)
    writer.field(9, strings: coordinators)
    writer.field(10, bool: wantsHash)
    writer.field(11, varint: digestsFrom.value)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var session: SessionName?
    var request = ClientRequest(session: .none)
    while let (number, value) = try reader.next() {
      switch number {
      case 1: session = try value.session(1)
      case 2: request.incarnation = try value.unsigned(2)
      case 3: request.records.append(try value.record(3))
      case 4: request.poll = try value.unsigned(4)
      case 5: request.wantsResults = try value.bool(5)
      case 6: try value.append(6, to: &request.have)
      case 7: try value.append(7, to: &request.wanted, mayBeOpen: true)
      case 8: request.resultBytes = try value.unsigned(8)
      case 9: try value.append(9, to: &request.coordinators)
      case 10: request.wantsHash = try value.bool(10)
      case 11: request.digestsFrom = try value.counter(11)
      default: break
      }
    }
    request.session = try require(session, 1, "no session")
    self = request
  }
}

extension ClientResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: acceptedThrough.value)
    writer.field(2, varint: safeThrough.value)
    writer.field(3, bool: controlsSafe)
    writer.field(4, varint: hashFrom.value)
    writer.field(5, optional: digestsHash)
    writer.field(6, records: results)
    writer.field(7, records: exhausted)
    writer.field(8, ranges: released)
    writer.field(9, hashes: missingArchives)
    writer.field(10, strings: coordinators)
    writer.field(11, bool: conflictingIncarnation)
    writer.field(12, optional: refusal)
    writer.field(13, messages: digests)
    writer.field(14, varint: digestsThrough.value)
    writer.field(15, ranges: missingSubmissions)
    writer.field(16, bool: logFull)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: acceptedThrough = try value.counter(1)
      case 2: safeThrough = try value.counter(2)
      case 3: controlsSafe = try value.bool(3)
      case 4: hashFrom = try value.counter(4)
      case 5: digestsHash = try value.hash(5)
      case 6: results.append(try value.record(6))
      case 7: exhausted.append(try value.record(7))
      case 8: try value.append(8, to: &released)
      case 9: missingArchives.append(try value.hash(9))
      case 10: try value.append(10, to: &coordinators)
      case 11: conflictingIncarnation = try value.bool(11)
      case 12: refusal = try value.message(12) as Refusal
      case 13: digests.append(try value.message(13))
      case 14: digestsThrough = try value.counter(14)
      case 15: try value.append(15, to: &missingSubmissions)
      case 16: logFull = try value.bool(16)
      default: break
      }
    }
  }
}

extension CallDigest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: counter.value)
    writer.field(2, hash: digest)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var counter = CallCounter.zero
    var digest: Digest?
    while let (number, value) = try reader.next() {
      switch number {
      case 1: counter = try value.counter(1)
      case 2: digest = try value.hash(2)
      default: break
      }
    }
    guard counter > .zero else {
      throw .badField(number: 1, reason: "a call's counter starts at 1")
    }
    self.init(counter: counter, digest: try require(digest, 2, "no digest"))
  }
}

extension SessionName {
  /// Stands in while a message is read that must bring one.
  static let none = SessionName(
    user: UserID(ID128(high: 0, low: 0)), session: SessionID(ID128(high: 0, low: 0)))
}

extension NodeID {
  /// Stands in while a message is read that must bring one.
  static let none = NodeID(ID128(high: 0, low: 0))
}
