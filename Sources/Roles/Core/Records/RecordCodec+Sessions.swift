import LogStore
import ReplicationCore

// Sessions and nodes.

extension Opened: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, session: session)
    writer.field(2, string: userText)
    writer.field(3, string: sessionText)
    writer.field(4, varint: mode.rawValue)
  }

  /// A mode that this version doesn't know keeps results: nothing is released on a guess.
  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var session: SessionName?
    var userText = ""
    var sessionText = ""
    var mode = SessionMode.keep
    while let (number, value) = try reader.next() {
      switch number {
      case 1: session = try value.session(1)
      case 2: userText = try value.string(2)
      case 3: sessionText = try value.string(3)
      case 4: mode = SessionMode(rawValue: try value.unsigned(4)) ?? .keep
      default: break
      }
    }
    self.init(
      session: try require(session, 1, "no session"), userText: userText,
      sessionText: sessionText, mode: mode)
  }
}

extension Released: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, session: session)
    writer.field(2, ranges: ranges)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var session: SessionName?
    var ranges: [ClosedRange<CallCounter>] = []
    while let (number, value) = try reader.next() {
      switch number {
      case 1: session = try value.session(1)
      case 2: try value.append(2, to: &ranges)
      default: break
      }
    }
    self.init(session: try require(session, 1, "no session"), ranges: ranges)
  }
}

extension Removed: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, id: node.value)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var node: ID128?
    while let (number, value) = try reader.next() {
      if number == 1 { node = try value.id(1) }
    }
    self.init(node: NodeID(try require(node, 1, "no node")))
  }
}

extension Alive: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, id: node.value)
    writer.field(2, varint: count)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var node: ID128?
    var count: UInt64 = 0
    while let (number, value) = try reader.next() {
      switch number {
      case 1: node = try value.id(1)
      case 2: count = try value.unsigned(2)
      default: break
      }
    }
    self.init(node: NodeID(try require(node, 1, "no node")), count: count)
  }
}
