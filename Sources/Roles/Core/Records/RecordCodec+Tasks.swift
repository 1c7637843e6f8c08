import LogStore
import ReplicationCore

// What coordinators and servers say about tasks.

extension Assigned: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, task: task)
    writer.field(2, call: call)
    writer.field(3, hash: digest)
    writer.field(4, id: server.value)
    writer.field(5, varint: wallTime)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    var wallTime: UInt64 = 0
    while let (number, value) = try reader.next() {
      if try common.take(number, value) { continue }
      if number == 5 { wallTime = try value.unsigned(5) }
    }
    self.init(
      task: try common.requireTask(), call: try common.requireCall(),
      digest: try common.requireDigest(), server: try common.requireServer(), wallTime: wallTime)
  }
}

extension Finished: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, task: task)
    writer.field(2, call: call)
    writer.field(3, hash: digest)
    writer.field(4, id: server.value)
    writer.message(5) { result.encode(into: &$0) }
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    var result: CallResult?
    while let (number, value) = try reader.next() {
      if try common.take(number, value) { continue }
      if number == 5 {
        var fields = try value.reader(5)
        result = try CallResult(from: &fields)
      }
    }
    self.init(
      task: try common.requireTask(), call: try common.requireCall(),
      digest: try common.requireDigest(), server: try common.requireServer(),
      result: try require(result, 5, "no result"))
  }
}

extension CallResult: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: UInt64(exitStatus))
    writer.field(2, varint: UInt64(signal))
    writer.field(3, blob: stdout)
    writer.field(4, blob: stderr)
    writer.field(5, blob: files)
    writer.field(6, hash: hash)
    writer.field(7, varint: started)
    writer.field(8, varint: duration)
    writer.field(9, string: host)
    writer.field(10, varint: leftovers)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init(hash: .zero)
    var hash: Hash256?
    while let (number, value) = try reader.next() {
      switch number {
      case 1: exitStatus = try value.byte(1)
      case 2: signal = try value.byte(2)
      case 3: stdout = try value.blob(3)
      case 4: stderr = try value.blob(4)
      case 5: files = try value.blob(5)
      case 6: hash = try value.hash(6)
      case 7: started = try value.unsigned(7)
      case 8: duration = try value.unsigned(8)
      case 9: host = try value.string(9)
      case 10: leftovers = try value.unsigned(10)
      default: break
      }
    }
    self.hash = try require(hash, 6, "no hash of the result")
  }
}

extension Failed: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, task: task)
    writer.field(2, call: call)
    writer.field(3, hash: digest)
    writer.field(4, id: server.value)
    writer.field(5, varint: reason.rawValue)
    writer.field(6, string: detail)
  }

  /// A reason that a newer version gives reads as `unknown`; the detail says it in words.
  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    var reason = FailureReason.unknown
    var detail = ""
    while let (number, value) = try reader.next() {
      if try common.take(number, value) { continue }
      switch number {
      case 5: reason = FailureReason(rawValue: try value.unsigned(5)) ?? .unknown
      case 6: detail = try value.string(6)
      default: break
      }
    }
    self.init(
      task: try common.requireTask(), call: try common.requireCall(),
      digest: try common.requireDigest(), server: try common.requireServer(), reason: reason,
      detail: detail)
  }
}

extension Lost: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, task: task)
    writer.field(2, call: call)
    writer.field(3, hash: digest)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    while let (number, value) = try reader.next() { _ = try common.take(number, value) }
    self.init(
      task: try common.requireTask(), call: try common.requireCall(),
      digest: try common.requireDigest())
  }
}
