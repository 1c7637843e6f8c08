import LogStore
import ReplicationCore

// A server's exchanges.

extension ServerRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, id: server.value)
    writer.field(2, fixed64: incarnation)
    writer.field(3, varint: sequence)
    writer.field(4, varint: seen)
    writer.field(5, string: host)
    writer.field(6, varint: slots)
    writer.field(7, varint: wants)
    writer.field(8, strings: services)
    writer.field(9, tasks: running)
    writer.field(10, tasks: holding)
    writer.field(11, varint: poll)
    writer.field(12, strings: coordinators)
    if let holdingAfter { writer.field(13, task: holdingAfter) }
    if let holdingThrough { writer.field(14, task: holdingThrough) }
    writer.field(15, bool: leaving)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var server: ID128?
    var request = ServerRequest(server: .none)
    while let (number, value) = try reader.next() {
      switch number {
      case 1: server = try value.id(1)
      case 2: request.incarnation = try value.unsigned(2)
      case 3: request.sequence = try value.unsigned(3)
      case 4: request.seen = try value.unsigned(4)
      case 5: request.host = try value.string(5)
      case 6: request.slots = try value.unsigned(6)
      case 7: request.wants = try value.unsigned(7)
      case 8: try value.append(8, to: &request.services)
      case 9: request.running.append(try value.task(9))
      case 10: request.holding.append(try value.task(10))
      case 11: request.poll = try value.unsigned(11)
      case 12: try value.append(12, to: &request.coordinators)
      case 13: request.holdingAfter = try value.task(13)
      case 14: request.holdingThrough = try value.task(14)
      case 15: request.leaving = try value.bool(15)
      default: break
      }
    }
    request.server = NodeID(try require(server, 1, "no server"))
    self = request
  }
}

extension Assignment: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, record: assigned)
    writer.field(2, record: submitted)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var assigned: Record?
    var submitted: Record?
    while let (number, value) = try reader.next() {
      switch number {
      case 1: assigned = try value.record(1)
      case 2: submitted = try value.record(2)
      default: break
      }
    }
    self.init(
      assigned: try require(assigned, 1, "no assignment"),
      submitted: try require(submitted, 2, "no submission"))
  }
}

extension ServerResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: sequence)
    writer.field(2, messages: assignments)
    writer.field(3, tasks: cancel)
    writer.field(4, tasks: send)
    writer.field(5, tasks: safe)
    writer.field(6, strings: coordinators)
    writer.field(7, bool: conflictingIncarnation)
    writer.field(8, optional: refusal)
    writer.field(9, bool: logFull)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: sequence = try value.unsigned(1)
      case 2: assignments.append(try value.message(2))
      case 3: cancel.append(try value.task(3))
      case 4: send.append(try value.task(4))
      case 5: safe.append(try value.task(5))
      case 6: try value.append(6, to: &coordinators)
      case 7: conflictingIncarnation = try value.bool(7)
      case 8: refusal = try value.message(8) as Refusal
      case 9: logFull = try value.bool(9)
      default: break
      }
    }
  }
}

extension ResultsRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, id: server.value)
    writer.field(2, records: records)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var server: ID128?
    var records: [Record] = []
    while let (number, value) = try reader.next() {
      switch number {
      case 1: server = try value.id(1)
      case 2: records.append(try value.record(2))
      default: break
      }
    }
    self.init(server: NodeID(try require(server, 1, "no server")))
    self.records = records
  }
}

extension ResultsResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, tasks: held)
    writer.field(2, tasks: safe)
    writer.field(3, hashes: missingArchives)
    writer.field(4, optional: refusal)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: held.append(try value.task(1))
      case 2: safe.append(try value.task(2))
      case 3: missingArchives.append(try value.hash(3))
      case 4: refusal = try value.message(4) as Refusal
      default: break
      }
    }
  }
}
