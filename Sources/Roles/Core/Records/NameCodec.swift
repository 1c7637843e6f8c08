import LogStore
import ReplicationCore

// How names stand in protobuf: ids and hashes as bytes of exactly 16 and 32 (big-endian, so that
// the order of bytes is the order of values), names as small messages whose length is known
// beforehand. Decoding refuses other lengths and counters outside 1...2^63-1.

extension ProtoWriter {
  mutating func header(_ number: Int, length: Int) {
    varint(UInt64(number) << 3 | 2)
    varint(UInt64(length))
  }

  mutating func field(_ number: Int, id: ID128) {
    withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { element(number, raw: $0) }
  }

  mutating func field(_ number: Int, hash: Hash256) {
    let words = (hash.a.bigEndian, hash.b.bigEndian, hash.c.bigEndian, hash.d.bigEndian)
    withUnsafeBytes(of: words) { element(number, raw: $0) }
  }

  mutating func field(_ number: Int, optional hash: Hash256?) {
    if let hash { field(number, hash: hash) }
  }

  mutating func field(_ number: Int, session: SessionName) {
    header(number, length: 36)
    field(1, id: session.user.value)
    field(2, id: session.session.value)
  }

  mutating func field(_ number: Int, call: CallName) {
    header(number, length: 36 + scalarLength(call.counter.value))
    field(1, id: call.session.user.value)
    field(2, id: call.session.session.value)
    field(3, varint: call.counter.value)
  }

  mutating func field(_ number: Int, task: TaskName) {
    let start = task.start.value == 0 ? 0 : 9
    header(number, length: 18 + start + scalarLength(task.counter))
    field(1, id: task.node.value)
    field(2, fixed64: task.start.value)
    field(3, varint: task.counter)
  }

  mutating func field(_ number: Int, ranges: [ClosedRange<CallCounter>]) {
    for range in ranges {
      let (first, last) = (range.lowerBound.value, range.upperBound.value)
      header(number, length: scalarLength(first) + scalarLength(last))
      field(1, varint: first)
      field(2, varint: last)
    }
  }

  /// Bytes that a scalar field with a number below 16 takes: none if it is zero.
  private func scalarLength(_ value: UInt64) -> Int {
    value == 0 ? 0 : 1 + varintLength(value)
  }
}

func varintLength(_ value: UInt64) -> Int {
  (max(1, UInt64.bitWidth - value.leadingZeroBitCount) + 6) / 7
}

extension ProtoReader.Value {
  func id(_ number: Int) throws(ProtoError) -> ID128 {
    let (bytes, _) = try raw(number)
    guard bytes.count == 16 else {
      throw .badField(number: number, reason: "an id has 16 bytes, not \(bytes.count)")
    }
    return ID128(
      high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
      low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  func hash(_ number: Int) throws(ProtoError) -> Hash256 {
    let (bytes, _) = try raw(number)
    guard let hash = Hash256(raw: bytes) else {
      throw .badField(number: number, reason: "a hash has 32 bytes, not \(bytes.count)")
    }
    return hash
  }

  func bool(_ number: Int) throws(ProtoError) -> Bool { try unsigned(number) != 0 }

  func byte(_ number: Int) throws(ProtoError) -> UInt8 {
    let value = try unsigned(number)
    guard value <= 255 else { throw .badField(number: number, reason: "\(value) is above 255") }
    return UInt8(value)
  }

  func counter(_ number: Int) throws(ProtoError) -> CallCounter {
    let counter = CallCounter(try unsigned(number))
    guard counter <= .greatest else {
      throw .badField(number: number, reason: "counter \(counter) is above 2^63-1")
    }
    return counter
  }

  func session(_ number: Int) throws(ProtoError) -> SessionName {
    var user: ID128?
    var session: ID128?
    var fields = try reader(number)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1: user = try value.id(1)
      case 2: session = try value.id(2)
      default: break
      }
    }
    return SessionName(
      user: UserID(try require(user, number, "no user id")),
      session: SessionID(try require(session, number, "no session id")))
  }

  func call(_ number: Int) throws(ProtoError) -> CallName {
    var user: ID128?
    var session: ID128?
    var counter = CallCounter.zero
    var fields = try reader(number)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1: user = try value.id(1)
      case 2: session = try value.id(2)
      case 3: counter = try value.counter(3)
      default: break
      }
    }
    guard counter > .zero else {
      throw .badField(number: number, reason: "a call's counter starts at 1")
    }
    let name = SessionName(
      user: UserID(try require(user, number, "no user id")),
      session: SessionID(try require(session, number, "no session id")))
    return CallName(session: name, counter: counter)
  }

  func task(_ number: Int) throws(ProtoError) -> TaskName {
    var node: ID128?
    var start: UInt64 = 0
    var counter: UInt64 = 0
    var fields = try reader(number)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1: node = try value.id(1)
      case 2: start = try value.unsigned(2)
      case 3: counter = try value.unsigned(3)
      default: break
      }
    }
    return TaskName(
      node: NodeID(try require(node, number, "no node id")), start: Nonce(start), counter: counter)
  }

  /// One more range of a list that must ascend without touching. An open one, which must be the
  /// last, may end at any number.
  func append(
    _ number: Int, to ranges: inout [ClosedRange<CallCounter>], mayBeOpen: Bool = false
  ) throws(ProtoError) {
    var first = CallCounter.zero
    var last = CallCounter.zero
    var fields = try reader(number)
    while let (inner, value) = try fields.next() {
      switch inner {
      case 1: first = try value.counter(1)
      case 2: last = mayBeOpen ? CallCounter(try value.unsigned(2)) : try value.counter(2)
      default: break
      }
    }
    guard first > .zero, first <= last else {
      throw .badField(number: number, reason: "\(first)...\(last) is no range of counters")
    }
    if let before = ranges.last?.upperBound, before >= .greatest || before.next >= first {
      throw .badField(number: number, reason: "range \(first)...\(last) does not ascend")
    }
    ranges.append(first...last)
  }
}

/// What a message can't do without.
func require<Value>(
  _ value: Value?, _ number: Int, _ reason: @autoclosure () -> String
) throws(ProtoError) -> Value {
  guard let value else { throw .badField(number: number, reason: reason()) }
  return value
}
