// The two messages of the transport itself (transport.proto).

import ReplicationCore

struct Preface: Hashable, ProtoMessage {
  /// Before the preface nothing longer is taken from a stranger.
  static let frameLimit = 1024

  var protocolVersion: UInt64 = 0
  var software = ""

  init(protocolVersion: UInt64, software: String) {
    self.protocolVersion = protocolVersion
    self.software = software
  }

  func encode(into writer: inout ProtoWriter) {
    writer.field(1, varint: protocolVersion)
    writer.field(2, string: software)
  }

  init(from reader: inout ProtoReader) throws(ProtoError) {
    while let (number, value) = try reader.next() {
      switch number {
      case 1: protocolVersion = try value.unsigned(number)
      case 2: software = try value.string(number)
      default: break
      }
    }
  }
}

struct Refused: Hashable, ProtoMessage {
  var reason = ""

  init(reason: String) { self.reason = reason }

  func encode(into writer: inout ProtoWriter) { writer.field(1, string: reason) }

  init(from reader: inout ProtoReader) throws(ProtoError) {
    while let (number, value) = try reader.next() {
      if number == 1 { reason = try value.string(number) }
    }
  }
}
