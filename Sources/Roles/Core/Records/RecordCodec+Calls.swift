import LogStore
import ReplicationCore

// Submissions and what clients say about calls.

extension Submitted: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(2, call: call)
    writer.field(3, hash: digest)
    writer.message(5) { spec.encode(into: &$0) }
    writer.field(6, varint: wallTime)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    var spec: CallSpec?
    var wallTime: UInt64 = 0
    while let (number, value) = try reader.next() {
      if try common.take(number, value) { continue }
      switch number {
      case 5:
        var fields = try value.reader(5)
        spec = try CallSpec(from: &fields)
      case 6: wallTime = try value.unsigned(6)
      default: break
      }
    }
    self.init(
      call: try common.requireCall(), digest: try common.requireDigest(),
      spec: try require(spec, 5, "no specification"), wallTime: wallTime)
  }
}

extension CallSpec: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, string: service)
    writer.field(2, string: version)
    for argument in arguments { writer.element(3, bytes: argument) }
    writer.field(4, blob: stdin)
    writer.field(5, optional: executable)
    writer.field(6, blob: input)
    for variable in environment {
      writer.message(7) {
        $0.field(1, string: variable.name)
        $0.field(2, string: variable.value)
      }
    }
    writer.field(8, bool: collectsFiles)
    writer.field(9, zigzag: priority)
    writer.field(10, varint: timeLimit)
    writer.field(11, varint: memoryLimit)
    writer.field(12, varint: failureLimit)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: service = try value.string(1)
      case 2: version = try value.string(2)
      case 3: arguments.append(try value.bytes(3))
      case 4: stdin = try value.blob(4)
      case 5: executable = try value.hash(5)
      case 6: input = try value.blob(6)
      case 7: environment.append(try Self.variable(value))
      case 8: collectsFiles = try value.bool(8)
      case 9: priority = try value.zigzag(9)
      case 10: timeLimit = try value.unsigned(10)
      case 11: memoryLimit = try value.unsigned(11)
      case 12: failureLimit = try value.unsigned(12)
      default: break
      }
    }
  }

  private static func variable(
    _ value: ProtoReader.Value
  ) throws(ProtoError) -> EnvironmentVariable {
    var variable = EnvironmentVariable(name: "", value: "")
    var fields = try value.reader(7)
    while let (number, value) = try fields.next() {
      switch number {
      case 1: variable.name = try value.string(1)
      case 2: variable.value = try value.string(2)
      default: break
      }
    }
    return variable
  }
}

extension ProtoWriter {
  /// Empty bytes are an absent field.
  mutating func field(_ number: Int, blob: Blob) {
    switch blob {
    case .inline(let bytes):
      guard !bytes.isEmpty else { return }
      header(number, length: 1 + varintLength(UInt64(bytes.count)) + bytes.count)
      field(1, bytes: bytes)
    case .archive(let id, let size):
      message(number) {
        $0.message(2) {
          $0.field(1, hash: id)
          $0.field(2, varint: size)
        }
      }
    }
  }
}

extension ProtoReader.Value {
  func blob(_ number: Int) throws(ProtoError) -> Blob {
    var blob = Blob.empty
    var fields = try reader(number)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1:
        let (bytes, _) = try value.raw(1)
        guard bytes.count <= Blob.inlineLimit else {
          throw .badField(
            number: number, reason: "\(bytes.count) bytes in a record; an archive takes so many")
        }
        blob = .inline([UInt8](bytes))
      case 2:
        var id: Hash256?
        var size: UInt64 = 0
        var archive = try value.reader(2)
        while let (field, value) = try archive.next() {
          switch field {
          case 1: id = try value.hash(1)
          case 2: size = try value.unsigned(2)
          default: break
          }
        }
        blob = .archive(try require(id, number, "an archive without its hash"), size: size)
      default: break
      }
    }
    return blob
  }
}

extension Cancelled: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(2, call: call)
    writer.field(3, hash: digest)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    while let (number, value) = try reader.next() { _ = try common.take(number, value) }
    self.init(call: try common.requireCall(), digest: try common.requireDigest())
  }
}

extension Collected: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(2, call: call)
    writer.field(3, hash: digest)
    writer.field(5, hash: result)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var common = CallFields()
    var result: Hash256?
    while let (number, value) = try reader.next() {
      if try common.take(number, value) { continue }
      if number == 5 { result = try value.hash(5) }
    }
    self.init(
      call: try common.requireCall(), digest: try common.requireDigest(),
      result: try require(result, 5, "no result hash"))
  }
}
