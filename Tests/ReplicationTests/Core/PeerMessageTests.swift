import LogStore
import Testing

@testable import ReplicationCore

@Suite struct PeerMessageTests {
  private func samples(_ dice: inout Dice) -> (requests: [PeerRequest], responses: [PeerResponse]) {
    let from = PeerInfo(
      node: .random(using: &dice), address: "höst:7000", incarnation: dice.next())
    let name = SegmentName(
      node: .random(using: &dice), log: .archives, serial: Serial(dice.next() >> 2),
      nonce: Nonce(dice.next()))
    let number = dice.next() >> 3
    let end = SegmentEnd(
      name: name, end: Offset(number), chain: Checksum(dice.next()), records: Ordinal(number / 9),
      durableEnd: Offset(number / 2), durableRecords: Ordinal(number / 20))
    let owner = OwnerVector(owner: name.owner, floor: Serial(3), ends: [end])
    let sync = SyncRequest(
      from: from, purpose: .pull, members: ["a:1", "b:2"],
      digests: [OwnerDigest(owner: name.owner, digest: dice.next())], archives: true)
    var answer = SyncResponse(from: from)
    answer.members = ["c:3"]
    answer.owners = [owner, OwnerVector(owner: LogOwner(node: from.node, log: .facts))]
    answer.lagging = [end]
    answer.omitted = [name.owner]
    answer.archives = true
    let record = Record(kind: RecordKind(2), payload: [1, 2, 3])
    let bytes = (0..<300).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
    return (
      [
        .sync(sync),
        .ship(ShipRequest(from: from, segment: name, offset: Offset(9), more: true, bytes: bytes)),
        .fetch(FetchRequest(from: from, segment: name, offset: Offset(64), maxBytes: 1 << 20)),
        .unsupported,
      ],
      [
        .sync(answer), .ship(ShipResponse(.accepted, end: end)), .ship(ShipResponse(.gap)),
        .ship(ShipResponse(.damaged, end: end)), .ship(ShipResponse(.diverged, end: end)),
        .ship(ShipResponse(.retired(record), end: end)),
        .ship(ShipResponse(.refused("full"), end: nil)),
        .fetch(FetchResponse(.bytes(bytes), end: end)), .fetch(FetchResponse(.bytes([]), end: end)),
        .fetch(FetchResponse(.absent)), .fetch(FetchResponse(.retired(record))),
        .fetch(FetchResponse(.refused("busy"), end: end)), .unsupported("what?"),
      ]
    )
  }

  @Test func everyMessageComesBackAsItWas() throws {
    var dice = Dice(seed: 1)
    for _ in 0..<50 {
      let (requests, responses) = samples(&dice)
      for request in requests { #expect(try PeerRequest(decoding: request.encoded()) == request) }
      for response in responses {
        #expect(try PeerResponse(decoding: response.encoded()) == response)
      }
    }
  }

  /// F17: fields and kinds of a later version.
  @Test func unknownThingsAreSkipped() throws {
    var dice = Dice(seed: 2)
    let (requests, _) = samples(&dice)
    for request in requests where request != .unsupported {
      var writer = ProtoWriter()
      writer.field(77, varint: 5)
      request.encode(into: &writer)
      writer.field(78, string: "later")
      #expect(try PeerRequest(decoding: writer.bytes) == request)
    }
    var later = ProtoWriter()
    later.message(9) { $0.field(1, varint: 3) }
    #expect(try PeerRequest(decoding: later.bytes) == .unsupported)
    guard case .unsupported = try PeerResponse(decoding: later.bytes) else {
      Issue.record("an unknown response was taken for a known one")
      return
    }
    var ship = ProtoWriter()
    ship.message(2) { $0.field(1, varint: 99) }
    guard case .ship(let response) = try PeerResponse(decoding: ship.bytes),
      case .refused = response.outcome
    else {
      Issue.record("an unknown outcome is no refusal")
      return
    }
  }

  @Test func logsOfALaterVersionAreLeftOut() throws {
    var response = ProtoWriter()
    response.message(1) { writer in
      writer.message(1) { $0.field(3, string: "a:1") }
      for log: UInt64 in [1, 9] {
        writer.message(3) { writer in
          writer.message(1) { writer in
            writer.field(2, fixed64: 4)
            writer.field(3, varint: log)
          }
          writer.message(3) { $0.field(1, varint: 1) }
        }
      }
    }
    guard case .sync(let sync) = try PeerResponse(decoding: response.bytes) else {
      Issue.record("no Sync")
      return
    }
    #expect(sync.owners.map(\.owner.log) == [.facts])
  }

  /// F15: numbers that would overflow sums, more elements than a bound allows, no sender.
  @Test func whatCannotBeIsRefused() {
    var dice = Dice(seed: 3)
    let (requests, _) = samples(&dice)
    guard case .ship(var ship) = requests[1], case .sync(let sync) = requests[0] else {
      Issue.record("samples")
      return
    }
    ship.offset = Offset(1 << 62)
    #expect(throws: ProtoError.self) {
      try PeerRequest(decoding: PeerRequest.ship(ship).encoded())
    }
    var many = ProtoWriter()
    many.message(1) { writer in
      sync.from.encodeNested(into: &writer)
      for _ in 0...WireLimits.segments { writer.message(4) { _ in } }
    }
    // Digests without a known log are skipped before they count.
    #expect(throws: Never.self) { try PeerRequest(decoding: many.bytes) }
    var ends = ProtoWriter()
    ends.message(1) { writer in
      sync.from.encodeNested(into: &writer)
      writer.message(3) { writer in
        writer.message(1) { writer in writer.field(3, varint: 1) }
        for _ in 0...WireLimits.segments { writer.message(3) { _ in } }
      }
    }
    #expect(throws: ProtoError.self) { try PeerResponse(decoding: ends.bytes) }
    var nobody = ProtoWriter()
    nobody.message(1) { $0.field(2, varint: 1) }
    #expect(throws: ProtoError.self) { try PeerRequest(decoding: nobody.bytes) }
  }

  @Test func addressesAreBounded() throws {
    var dice = Dice(seed: 4)
    guard case .sync(var sync) = samples(&dice).requests[0] else { return }
    sync.members = (0..<3_000).map { "host\($0):1" } + [String(repeating: "x", count: 256), ""]
    guard case .sync(let back) = try PeerRequest(decoding: PeerRequest.sync(sync).encoded()) else {
      Issue.record("no Sync")
      return
    }
    #expect(back.members.count == WireLimits.members)
    sync.from.address = String(repeating: "x", count: 256)
    #expect(throws: ProtoError.self) {
      try PeerRequest(decoding: PeerRequest.sync(sync).encoded())
    }
  }

  /// I10: cut anywhere, any bit flipped, random bytes: an error or a message, never a crash.
  @Test func garbageIsAnErrorOrAMessage() {
    var dice = Dice(seed: 5)
    let (requests, responses) = samples(&dice)
    let messages = requests.map { $0.encoded() } + responses.map { $0.encoded() }
    for message in messages {
      for length in 0..<message.count {
        _ = try? PeerRequest(decoding: Array(message.prefix(length)))
        _ = try? PeerResponse(decoding: Array(message.prefix(length)))
      }
      for bit in 0..<message.count * 8 {
        var flipped = message
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        _ = try? PeerRequest(decoding: flipped)
        _ = try? PeerResponse(decoding: flipped)
      }
    }
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<40, using: &dice)
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.next() & 0x3f) }
      _ = try? PeerRequest(decoding: bytes)
      _ = try? PeerResponse(decoding: bytes)
    }
  }
}

extension PeerInfo {
  fileprivate func encodeNested(into writer: inout ProtoWriter) {
    writer.message(1) { encode(into: &$0) }
  }
}
