import LogStore
import ReplicationCore

/// What a record is about, read without decoding the rest: enough to tell whether it is dead for
/// ever or released. Allocates nothing, but for a Released's ranges.
enum RecordKey {
  case submitted(CallName, Digest)
  case task(TaskName, CallName, Digest)
  case cancelled(CallName, Digest)
  case collected(CallName, Digest)
  case released(SessionName, CounterSet)
  case alive(NodeID, UInt64)
  /// Opened and Removed, which never die.
  case permanent

  /// Nil for a kind that this version doesn't know.
  static func scan(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer
  ) throws(ProtoError) -> RecordKey? {
    var reader = ProtoReader(payload)
    switch kind {
    case .submitted:
      let fields = try common(&reader)
      return .submitted(try fields.requireCall(), try fields.requireDigest())
    case .assigned, .finished, .failed, .lost:
      let fields = try common(&reader)
      return .task(
        try fields.requireTask(), try fields.requireCall(), try fields.requireDigest())
    case .cancelled:
      let fields = try common(&reader)
      return .cancelled(try fields.requireCall(), try fields.requireDigest())
    case .collected:
      let fields = try common(&reader)
      return .collected(try fields.requireCall(), try fields.requireDigest())
    case .released:
      let fact = try Released(from: &reader)
      return .released(fact.session, CounterSet(fact.ranges))
    case .alive:
      let fact = try Alive(from: &reader)
      return .alive(fact.node, fact.count)
    case .opened, .removed: return .permanent
    default: return nil
    }
  }

  /// The call that a record is about, if it is about one.
  var call: CallName? {
    switch self {
    case .submitted(let call, _), .cancelled(let call, _), .collected(let call, _): call
    case .task(_, let call, _): call
    case .released, .alive, .permanent: nil
    }
  }

  private static func common(_ reader: inout ProtoReader) throws(ProtoError) -> CallFields {
    var fields = CallFields()
    while let (number, value) = try reader.next() {
      if number < 5 { _ = try fields.take(number, value) }
    }
    return fields
  }
}
