import LogStore
import ReplicationCore

// Archives, chunk by chunk.

extension ArchiveManifest: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, hash: id)
    writer.field(2, varint: size)
    writer.field(3, hashes: chunks)
  }

  /// A manifest that can't be true is refused, so that nothing is planned by it.
  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var id: Hash256?
    var size: UInt64 = 0
    var chunks: [Hash256] = []
    while let (number, value) = try reader.next() {
      switch number {
      case 1: id = try value.hash(1)
      case 2: size = try value.unsigned(2)
      case 3: chunks.append(try value.hash(3))
      default: break
      }
    }
    self.init(id: try require(id, 1, "no archive"), size: size, chunks: chunks)
    guard isSound else {
      throw .badField(
        number: 3, reason: "\(chunks.count) chunks don't make an archive of \(size) bytes")
    }
  }
}

extension ArchiveOffer: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, message: manifest)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var manifest: ArchiveManifest?
    while let (number, value) = try reader.next() {
      if number == 1 { manifest = try value.message(1) as ArchiveManifest }
    }
    self.init(manifest: try require(manifest, 1, "no manifest"))
  }
}

extension ArchiveOfferReply: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, packed: missing)
    writer.field(2, bool: durable)
    writer.field(3, optional: refusal)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: try value.append(1, to: &missing)
      case 2: durable = try value.bool(2)
      case 3: refusal = try value.message(3) as Refusal
      default: break
      }
    }
  }
}

extension ArchivePut: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, hash: id)
    writer.field(2, varint: index)
    writer.field(3, bytes: bytes)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var id: Hash256?
    var index: UInt64 = 0
    var bytes: [UInt8] = []
    while let (number, value) = try reader.next() {
      switch number {
      case 1: id = try value.hash(1)
      case 2: index = try value.unsigned(2)
      case 3: bytes = try value.bytes(3)
      default: break
      }
    }
    self.init(id: try require(id, 1, "no archive"), index: index, bytes: bytes)
  }
}

extension ArchivePutReply: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, optional: refusal)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      if number == 1 { refusal = try value.message(1) as Refusal }
    }
  }
}

extension ArchiveGet: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, hash: id)
    writer.field(2, varint: index)
    writer.field(3, bool: wantsManifest)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    var id: Hash256?
    var index: UInt64 = 0
    var wantsManifest = false
    while let (number, value) = try reader.next() {
      switch number {
      case 1: id = try value.hash(1)
      case 2: index = try value.unsigned(2)
      case 3: wantsManifest = try value.bool(3)
      default: break
      }
    }
    self.init(id: try require(id, 1, "no archive"), index: index)
    self.wantsManifest = wantsManifest
  }
}

extension ArchiveGetReply: ProtoMessage {
  public func encode(into writer: inout ProtoWriter) {
    writer.field(1, optional: manifest)
    writer.field(2, bytes: bytes)
    writer.field(3, optional: refusal)
  }

  public init(from reader: inout ProtoReader) throws(ProtoError) {
    self.init()
    while let (number, value) = try reader.next() {
      switch number {
      case 1: manifest = try value.message(1) as ArchiveManifest
      case 2: bytes = try value.bytes(2)
      case 3: refusal = try value.message(3) as Refusal
      default: break
      }
    }
  }
}
