import Testing

@testable import LogStore

/// Each rule of taking others' bytes.
struct IngestTests {
  /// A writer with ten frames and an empty receiver.
  private func pair() throws -> (writer: Log, receiver: Log, name: SegmentName, bytes: [UInt8]) {
    let writer = try openLog(SimulatedDisk(), node: otherNode).log
    try commitEach(writer, (0..<10).map { record($0) })
    let name = writer.openSegment
    let bytes = try writer.read(name, from: .zero, maxBytes: 1 << 20)
    return (writer, try openLog(SimulatedDisk(), seed: 9).log, name, bytes)
  }

  private let frameSize = 80 + 48

  @Test func aCopyIsByteIdenticalAndVisitedOnce() throws {
    let (writer, receiver, name, bytes) = try pair()
    var seen: [Visited] = []
    let (end, sequence) = try receiver.takeBytes(name, at: .zero, bytes) {
      seen.append(Visited(position: $0, record: Record(kind: $1, payload: [UInt8]($2))))
    }
    #expect(seen.map(\.record) == (0..<10).map { record($0) })
    #expect(seen.map(\.position.ordinal.value) == Array(0..<10))
    #expect(end.end == writer.end(of: name)?.end)
    #expect(end.chain == writer.end(of: name)?.chain)
    #expect(end.durableEnd == .zero)
    #expect(sequence > receiver.durable)
    try receiver.commit()
    #expect(receiver.end(of: name)?.durableEnd == end.end)
    #expect(receiver.durable >= sequence)
    #expect(try receiver.read(name, from: .zero, maxBytes: 1 << 20) == bytes)
    seen = []
    let again = try receiver.takeBytes(name, at: .zero, bytes) {
      seen.append(Visited(position: $0, record: Record(kind: $1, payload: [UInt8]($2))))
    }
    #expect(again.0.end == end.end)
    #expect(seen.isEmpty)
  }

  @Test func overlapsAreSkippedAndGapsRefused() throws {
    let (_, receiver, name, bytes) = try pair()
    let cut = 64 + 3 * frameSize
    #expect(throws: IngestError.gap(end: nil)) {
      try receiver.takeBytes(name, at: Offset(64), Array(bytes[64...]))
    }
    let (end, _) = try receiver.takeBytes(name, at: .zero, Array(bytes[..<cut]))
    #expect(throws: IngestError.gap(end: end)) {
      try receiver.takeBytes(
        name, at: Offset(UInt64(cut + frameSize)), Array(bytes[(cut + frameSize)...]))
    }
    let from = 64 + 2 * frameSize
    let (whole, _) = try receiver.takeBytes(name, at: Offset(UInt64(from)), Array(bytes[from...]))
    #expect(whole.end.value == UInt64(bytes.count))
    #expect(try receiver.read(name, from: .zero, maxBytes: 1 << 20) == bytes)
  }

  @Test func everyFlippedBitOfAnOfferIsRefusedAndNothingIsStored() throws {
    let (_, receiver, name, bytes) = try pair()
    let cut = 64 + frameSize
    let (end, _) = try receiver.takeBytes(name, at: .zero, Array(bytes[..<cut]))
    let offer = Array(bytes[cut..<(cut + frameSize)])
    for bit in 0..<(offer.count * 8) {
      var bad = offer
      bad[bit / 8] ^= 1 << (bit % 8)
      var refused = false
      do throws(IngestError) { _ = try receiver.takeBytes(name, at: end.end, bad) } catch {
        if case .damaged(let known, _) = error { refused = known == end }
      }
      #expect(refused, "bit \(bit)")
    }
    #expect(receiver.end(of: name) == end)
    for size in 0..<offer.count where size > 0 {
      #expect(throws: IngestError.self) {
        try receiver.takeBytes(name, at: end.end, Array(offer[..<size]))
      }
    }
    _ = try receiver.takeBytes(name, at: end.end, offer)
  }

  @Test func anotherHistoryIsDivergenceNotDamage() throws {
    let (_, receiver, name, bytes) = try pair()
    // The same node, serial and nonce (the dice are the same), other records: a clone.
    let twin = try openLog(SimulatedDisk(), node: otherNode).log
    #expect(twin.openSegment == name)
    try commitEach(twin, (100..<110).map { record($0) })
    let theirs = try twin.read(name, from: .zero, maxBytes: 1 << 20)
    let (end, _) = try receiver.takeBytes(name, at: .zero, Array(bytes[..<(64 + 5 * frameSize)]))
    #expect(throws: IngestError.diverged(end)) {
      try receiver.takeBytes(name, at: .zero, theirs)
    }
    let at = 64 + 5 * frameSize
    #expect(throws: IngestError.diverged(end)) {
      try receiver.takeBytes(name, at: end.end, Array(theirs[at...]))
    }
    #expect(receiver.end(of: name) == end)
  }

  @Test func ownBytesThatWereNeverWrittenAreRefused() throws {
    let disk = SimulatedDisk()
    let log = try openLog(disk).log
    try commitEach(log, [record(1)])
    let name = log.openSegment
    let twin = try openLog(
      disk.killImage(),
      options: smallOptions {
        $0.plantedBugs = .restartAppendsToLastSegment
      }
    ).log
    #expect(twin.openSegment == name)
    try commitEach(twin, [record(2)])
    let bytes = try twin.read(name, from: .zero, maxBytes: 1 << 20)
    #expect(throws: IngestError.ownAhead) { try log.takeBytes(name, at: .zero, bytes) }
    let foreign = SegmentName(
      node: testNode, log: .facts, serial: Serial(5), nonce: Nonce(77))
    #expect(throws: IngestError.ownAhead) { try log.takeBytes(foreign, at: .zero, bytes) }
  }

  @Test func aRetiredSegmentIsRefusedWithItsRecord() throws {
    let (_, receiver, name, bytes) = try pair()
    let retired = Retirement.retired(name).record
    try receiver.append(retired)
    #expect(throws: IngestError.retired(retired)) {
      try receiver.takeBytes(name, at: .zero, bytes)
    }
    #expect(receiver.retirements.isRetired(name) == retired)
  }
}
