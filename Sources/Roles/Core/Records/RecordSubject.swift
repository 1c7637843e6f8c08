import LogStore
import ReplicationCore

/// What a record is about and when that was, for tools that filter and sum up: read without
/// decoding the rest.
package struct RecordSubject: Sendable {
  package var session: SessionName?
  package var call: CallCounter?
  /// The calls that a release names.
  package var released: [ClosedRange<CallCounter>] = []
  /// Wall time in milliseconds since 1970, of the kinds that tell one; for people.
  package var time: UInt64?

  /// Empty for records of other kinds, and for what can't be read.
  package init(_ kind: RecordKind, _ payload: UnsafeRawBufferPointer) {
    do throws(ProtoError) {
      switch kind {
      case .opened:
        var reader = ProtoReader(payload)
        session = try Opened(from: &reader).session
      case .released:
        var reader = ProtoReader(payload)
        let fact = try Released(from: &reader)
        session = fact.session
        released = fact.ranges
      default:
        let name = try RecordKey.scan(kind, payload)?.call
        session = name?.session
        call = name?.counter
        time = try RecordSubject.time(kind, payload)
      }
    } catch {
      self = RecordSubject()
    }
  }

  private init() {}

  /// Whether it is about any of these calls.
  package func concerns(_ calls: ClosedRange<CallCounter>) -> Bool {
    if let call { return calls.contains(call) }
    return released.contains { $0.overlaps(calls) }
  }

  private static func time(
    _ kind: RecordKind, _ payload: UnsafeRawBufferPointer
  ) throws(ProtoError) -> UInt64? {
    switch kind {
    case .submitted: return try field(6, of: payload)?.unsigned(6)
    case .assigned: return try field(5, of: payload)?.unsigned(5)
    case .finished:
      guard let result = try field(5, of: payload)?.raw(5).0 else { return nil }
      return try field(7, of: result)?.unsigned(7)
    default: return nil
    }
  }

  private static func field(
    _ number: Int, of message: UnsafeRawBufferPointer
  ) throws(ProtoError) -> ProtoReader.Value? {
    var reader = ProtoReader(message)
    var found: ProtoReader.Value?
    while let (at, value) = try reader.next() {
      if at == number { found = value }
    }
    return found
  }
}
