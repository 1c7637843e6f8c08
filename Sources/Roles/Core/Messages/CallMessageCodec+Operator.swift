import LogStore
import ReplicationCore

// A person's questions and orders, and their answers.

extension OperatorRequest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch self {
    case .sessions(let session):
      writer.message(1) { if let session { $0.field(1, session: session) } }
    case .calls(let session, let from, let limit):
      writer.message(2) {
        $0.field(1, session: session)
        $0.field(2, varint: from.value)
        $0.field(3, varint: limit)
      }
    case .why(let call): writer.field(3, call: call)
    case .grid: writer.message(4) { _ in }
    case .remove(let node): writer.field(5, id: node.value)
    }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var request: OperatorRequest?
    while let (number, value) = try reader.next() {
      switch number {
      case 1:
        var session: SessionName?
        var fields = try value.reader(1)
        while let (inner, value) = try fields.next() {
          if inner == 1 { session = try value.session(1) }
        }
        request = .sessions(session)
      case 2: request = try Self.calls(value)
      case 3: request = .why(try value.call(3))
      case 4:
        _ = try value.reader(4)
        request = .grid
      case 5: request = .remove(NodeID(try value.id(5)))
      default: break
      }
    }
    self = try require(request, 0, "no question that this version knows")
  }

  private static func calls(_ value: ProtoReader.Value) throws(ProtoError) -> OperatorRequest {
    var session: SessionName?
    var from = CallCounter.zero
    var limit: UInt64 = 0
    var fields = try value.reader(2)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1: session = try value.session(1)
      case 2: from = try value.counter(2)
      case 3: limit = try value.unsigned(3)
      default: break
      }
    }
    return .calls(try require(session, 1, "no session"), from: from, limit: limit)
  }
}

extension OperatorResponse: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    switch self {
    case .sessions(let sessions): writer.message(1) { $0.field(1, messages: sessions) }
    case .calls(let calls): writer.message(2) { $0.field(1, messages: calls) }
    case .why(let lines): writer.message(3) { $0.field(1, strings: lines) }
    case .grid(let grid): writer.field(4, message: grid)
    case .done(let text): writer.element(5, string: text)
    case .refused(let refusal): writer.field(6, message: refusal)
    }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var response: OperatorResponse?
    while let (number, value) = try reader.next() {
      switch number {
      case 1: response = .sessions(try Self.list(value, number))
      case 2: response = .calls(try Self.list(value, number))
      case 3:
        var lines: [String] = []
        var fields = try value.reader(3)
        while let (inner, value) = try fields.next() {
          if inner == 1 { try value.append(1, to: &lines) }
        }
        response = .why(lines)
      case 4: response = .grid(try value.message(4))
      case 5: response = .done(try value.string(5))
      case 6: response = .refused(try value.message(6))
      default: break
      }
    }
    self = try require(response, 0, "no answer that this version knows")
  }

  private static func list<Element: ProtoMessage>(
    _ value: ProtoReader.Value, _ number: Int
  ) throws(ProtoError) -> [Element] {
    var list: [Element] = []
    var fields = try value.reader(number)
    while let (inner, value) = try fields.next() {
      if inner == 1 { list.append(try value.message(1)) }
    }
    return list
  }
}
