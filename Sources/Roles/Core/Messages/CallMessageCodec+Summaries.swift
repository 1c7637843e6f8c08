import LogStore
import ReplicationCore

// What an operator is shown.

extension SessionSummary: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, session: name)
    writer.field(2, string: userText)
    writer.field(3, string: sessionText)
    writer.field(4, varint: mode.rawValue)
    writer.field(5, varint: pending)
    writer.field(6, varint: assigned)
    writer.field(7, varint: finished)
    writer.field(8, varint: failed)
    writer.field(9, varint: cancelled)
    writer.field(10, varint: collected)
    writer.field(11, varint: released)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var name: SessionName?
    var summary = SessionSummary(name: .none)
    while let (number, value) = try reader.next() {
      switch number {
      case 1: name = try value.session(1)
      case 2: summary.userText = try value.string(2)
      case 3: summary.sessionText = try value.string(3)
      case 4: summary.mode = SessionMode(rawValue: try value.unsigned(4)) ?? .keep
      case 5: summary.pending = try value.unsigned(5)
      case 6: summary.assigned = try value.unsigned(6)
      case 7: summary.finished = try value.unsigned(7)
      case 8: summary.failed = try value.unsigned(8)
      case 9: summary.cancelled = try value.unsigned(9)
      case 10: summary.collected = try value.unsigned(10)
      case 11: summary.released = try value.unsigned(11)
      default: break
      }
    }
    summary.name = try require(name, 1, "no session")
    self = summary
  }
}

extension CallSummary: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, call: call)
    writer.field(2, hash: digest)
    writer.field(3, varint: state.rawValue)
    writer.field(4, string: command)
    writer.field(5, varint: tasks)
    writer.field(6, varint: failures)
    writer.field(7, varint: exitStatus)
    writer.field(8, varint: signal)
    writer.field(9, varint: duration)
    writer.field(10, string: host)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var call: CallName?
    var digest: Digest?
    var summary = CallSummary(
      call: CallName(session: .none, counter: .zero), digest: .zero, state: .pending)
    while let (number, value) = try reader.next() {
      switch number {
      case 1: call = try value.call(1)
      case 2: digest = try value.hash(2)
      case 3:
        let raw = try value.unsigned(3)
        summary.state = try require(CallState(rawValue: raw), 3, "\(raw) is no state")
      case 4: summary.command = try value.string(4)
      case 5: summary.tasks = try value.unsigned(5)
      case 6: summary.failures = try value.unsigned(6)
      case 7: summary.exitStatus = try value.unsigned(7)
      case 8: summary.signal = try value.unsigned(8)
      case 9: summary.duration = try value.unsigned(9)
      case 10: summary.host = try value.string(10)
      default: break
      }
    }
    summary.call = try require(call, 1, "no call")
    summary.digest = try require(digest, 2, "no digest")
    self = summary
  }
}

extension CoordinatorSummary: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, string: address)
    if let node { writer.field(2, id: node.value) }
    writer.field(3, bool: isSelf)
    writer.field(4, bool: suspected)
    writer.field(5, bool: isSuccessor)
    writer.field(6, bool: isPredecessor)
    writer.field(7, varint: lagBytes)
    writer.field(8, optional: lastHeard)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init(address: "")
    while let (number, value) = try reader.next() {
      switch number {
      case 1: address = try value.string(1)
      case 2: node = NodeID(try value.id(2))
      case 3: isSelf = try value.bool(3)
      case 4: suspected = try value.bool(4)
      case 5: isSuccessor = try value.bool(5)
      case 6: isPredecessor = try value.bool(6)
      case 7: lagBytes = try value.unsigned(7)
      case 8: lastHeard = try value.unsigned(8)
      default: break
      }
    }
  }
}

extension ServerSummary: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, id: server.value)
    writer.field(2, string: host)
    writer.field(3, varint: slots)
    writer.field(4, varint: running)
    writer.field(5, bool: suspected)
    writer.field(6, varint: lastHeard)
    writer.field(7, strings: services)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var server: ID128?
    var summary = ServerSummary(server: .none)
    while let (number, value) = try reader.next() {
      switch number {
      case 1: server = try value.id(1)
      case 2: summary.host = try value.string(2)
      case 3: summary.slots = try value.unsigned(3)
      case 4: summary.running = try value.unsigned(4)
      case 5: summary.suspected = try value.bool(5)
      case 6: summary.lastHeard = try value.unsigned(6)
      case 7: try value.append(7, to: &summary.services)
      default: break
      }
    }
    summary.server = NodeID(try require(server, 1, "no server"))
    self = summary
  }
}

extension GridSummary: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, messages: coordinators)
    writer.field(2, messages: servers)
    writer.field(3, strings: warnings)
    writer.field(4, varint: segments)
    writer.field(5, varint: bytes)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: coordinators.append(try value.message(1))
      case 2: servers.append(try value.message(2))
      case 3: try value.append(3, to: &warnings)
      case 4: segments = try value.unsigned(4)
      case 5: bytes = try value.unsigned(5)
      default: break
      }
    }
  }
}
