import LogStore
import ReplicationCore

// Facts to records and back, as records.proto says. Decoding ignores unknown fields (they stay in
// the record's bytes, which travel unchanged) and refuses what the ledger could not stand on:
// hashes of other lengths, counters of zero, ranges that don't ascend. A singular field that occurs
// twice counts as its last occurrence.

extension Record {
  /// The record that a node appends for a fact of its own.
  public init(_ fact: Fact) {
    switch fact {
    case .submitted(let value): self.init(.submitted, value, reserving: 256)
    case .assigned(let value): self.init(.assigned, value)
    case .finished(let value): self.init(.finished, value, reserving: 320)
    case .failed(let value): self.init(.failed, value)
    case .lost(let value): self.init(.lost, value)
    case .cancelled(let value): self.init(.cancelled, value)
    case .collected(let value): self.init(.collected, value)
    case .opened(let value): self.init(.opened, value)
    case .released(let value): self.init(.released, value)
    case .removed(let value): self.init(.removed, value)
    case .alive(let value): self.init(.alive, value)
    }
  }

  private init(_ kind: RecordKind, _ value: some ProtoMessage, reserving capacity: Int = 160) {
    var writer = ProtoWriter(reserving: capacity)
    value.encode(into: &writer)
    self.init(kind: kind, payload: writer.bytes)
  }
}

extension Fact {
  /// What a record says; nil for a kind that this version doesn't know.
  public static func decode(_ record: Record) throws(ProtoError) -> Fact? {
    let payload = record.payload
    switch record.kind {
    case .submitted: return .submitted(try Submitted(decoding: payload))
    case .assigned: return .assigned(try Assigned(decoding: payload))
    case .finished: return .finished(try Finished(decoding: payload))
    case .failed: return .failed(try Failed(decoding: payload))
    case .lost: return .lost(try Lost(decoding: payload))
    case .cancelled: return .cancelled(try Cancelled(decoding: payload))
    case .collected: return .collected(try Collected(decoding: payload))
    case .opened: return .opened(try Opened(decoding: payload))
    case .released: return .released(try Released(decoding: payload))
    case .removed: return .removed(try Removed(decoding: payload))
    case .alive: return .alive(try Alive(decoding: payload))
    default: return nil
    }
  }
}

/// Fields that facts about calls and tasks share, under the same numbers in each.
struct CallFields {
  var task: TaskName?
  var call: CallName?
  var digest: Digest?
  var server: ID128?

  /// Takes fields 1 to 4; false for others.
  mutating func take(_ number: Int, _ value: ProtoReader.Value) throws(ProtoError) -> Bool {
    switch number {
    case 1: task = try value.task(1)
    case 2: call = try value.call(2)
    case 3: digest = try value.hash(3)
    case 4: server = try value.id(4)
    default: return false
    }
    return true
  }

  func requireTask() throws(ProtoError) -> TaskName { try require(task, 1, "no task") }
  func requireCall() throws(ProtoError) -> CallName { try require(call, 2, "no call") }
  func requireDigest() throws(ProtoError) -> Digest { try require(digest, 3, "no digest") }
  func requireServer() throws(ProtoError) -> NodeID {
    NodeID(try require(server, 4, "no server"))
  }
}
