import LogStore
import Testing

@testable import ReplicationCore

@Suite struct OutboxTests {
  private func name(_ number: UInt64, _ log: LogKind = .facts) -> SegmentName {
    SegmentName(
      node: NodeID(ID128(high: 0, low: number)), log: log, serial: Serial(1), nonce: Nonce(1))
  }

  private func outbox(window: Int = 400, chunk: Int = 100, ships: Int = 64) -> Outbox {
    var settings = ReplicationSettings()
    settings.windowLimit = window
    settings.windowFloor = window
    settings.chunkLimit = chunk
    settings.shipLimit = ships
    return Outbox(settings, generation: 1)
  }

  /// Reads and sends the next piece.
  private func ship(_ outbox: inout Outbox) -> ShipContext? {
    guard let read = outbox.nextRead() else { return nil }
    let (send, more) = outbox.didRead(read, count: read.reserved)
    guard send else { return nil }
    return ShipContext(
      segment: read.segment, offset: read.offset, count: read.reserved, generation: 1,
      epoch: read.epoch, more: more)
  }

  private func accept(_ outbox: inout Outbox, _ ship: ShipContext) {
    outbox.returned(ship)
    outbox.accepted(ship.segment, upTo: ship.offset + ship.count)
  }

  @Test func piecesFollowEachOtherAndTheLastSaysSo() {
    var outbox = outbox()
    outbox.want(name(1), from: Offset(64), to: Offset(264), priority: .facts)
    let first = ship(&outbox)
    let second = ship(&outbox)
    #expect(first?.offset == Offset(64) && first?.more == true)
    #expect(second?.offset == Offset(164) && second?.more == false)
    expect(outbox.nextRead(), equals: nil)
    if let first, let second {
      accept(&outbox, first)
      accept(&outbox, second)
    }
    #expect(outbox.isEmpty && outbox.bytesUnderWay == 0)
  }

  @Test func urgentFirstThenFactsThenArchives() {
    var outbox = outbox(window: 10_000)
    outbox.want(name(1, .archives), from: .zero, to: Offset(100), priority: .archives)
    outbox.want(name(2), from: .zero, to: Offset(200), priority: .facts)
    outbox.want(name(3), from: .zero, to: Offset(100), priority: .facts)
    outbox.want(name(4), from: .zero, to: Offset(200), priority: .urgent)
    var order: [UInt64] = []
    while let ship = ship(&outbox) { order.append(ship.segment.node.value.low) }
    #expect(order == [4, 4, 2, 3, 2, 1])
  }

  @Test func windowAndCountBindAndAnswersFreeThem() {
    var outbox = outbox(window: 250, chunk: 100)
    outbox.want(name(1), from: .zero, to: Offset(1_000), priority: .facts)
    let ships = [ship(&outbox), ship(&outbox), ship(&outbox)].compactMap { $0 }
    #expect(ships.map(\.count) == [100, 100, 50])
    expect(outbox.nextRead(), equals: nil)
    accept(&outbox, ships[0])
    expect(ship(&outbox)?.offset, equals: Offset(250))
    var few = self.outbox(ships: 2)
    few.want(name(1), from: .zero, to: Offset(300), priority: .facts)
    _ = ship(&few)
    _ = ship(&few)
    expect(few.nextRead(), equals: nil)
  }

  @Test func oneRefusalRewindsOnce() {
    var outbox = outbox()
    outbox.want(name(1), from: .zero, to: Offset(300), priority: .facts)
    let ships = [ship(&outbox), ship(&outbox), ship(&outbox)].compactMap { $0 }
    outbox.returned(ships[1])
    expect(outbox.refused(ships[1], end: Offset(50)), equals: 1)
    let again = ship(&outbox)
    #expect(again?.offset == Offset(50))
    // What was sent before the rewind says nothing new.
    outbox.returned(ships[2])
    expect(outbox.refused(ships[2], end: Offset(50)), equals: 0)
    // The first one arrived after all, late: what it brought is not sent again.
    accept(&outbox, ships[0])
    if let again { accept(&outbox, again) }
    expect(ship(&outbox)?.offset, equals: Offset(150))
  }

  @Test func refusalsAtOneEndAreCounted() {
    var outbox = outbox()
    outbox.want(name(1), from: .zero, to: Offset(100), priority: .facts)
    for times in 1...4 {
      guard let ship = ship(&outbox) else {
        Issue.record("nothing to ship")
        return
      }
      outbox.returned(ship)
      expect(outbox.refused(ship, end: .zero), equals: times)
    }
    outbox.rest(name(1), until: Instant(nanoseconds: 100))
    expect(outbox.nextRead(), equals: nil)
    outbox.resume(name(1), at: Instant(nanoseconds: 99))
    expect(outbox.nextRead(), equals: nil)
    outbox.resume(name(1), at: Instant(nanoseconds: 100))
    expect(ship(&outbox) != nil)
  }

  @Test func aReadThatWasOvertakenIsNotSent() {
    var outbox = outbox()
    outbox.want(name(1), from: .zero, to: Offset(300), priority: .facts)
    guard let first = ship(&outbox), let read = outbox.nextRead() else {
      Issue.record("nothing to ship")
      return
    }
    outbox.returned(first)
    _ = outbox.refused(first, end: .zero)
    expect(!outbox.didRead(read, count: 100).send)
    #expect(outbox.bytesUnderWay == 0)
    expect(ship(&outbox)?.offset, equals: .zero)
  }

  @Test func removalForgetsTheLaneButNotTheBytes() {
    var outbox = outbox()
    outbox.want(name(1), from: .zero, to: Offset(300), priority: .facts)
    guard let first = ship(&outbox), let read = outbox.nextRead() else {
      Issue.record("nothing to ship")
      return
    }
    outbox.remove(name(1))
    #expect(outbox.bytesUnderWay == 200)
    // A lane of the same name is another one.
    outbox.want(name(1), from: Offset(100), to: Offset(300), priority: .facts)
    expect(!outbox.didRead(read, count: 100).send)
    outbox.returned(first)
    expect(outbox.refused(first, end: .zero), equals: 0)
    #expect(outbox.lanes[name(1)]?.shipsUnderWay == 0)
    expect(ship(&outbox)?.offset, equals: Offset(100))
  }

  @Test func aChangedPriorityMovesTheLane() {
    var outbox = outbox()
    outbox.want(name(1), from: .zero, to: Offset(100), priority: .urgent)
    outbox.want(name(2), from: .zero, to: Offset(100), priority: .facts)
    outbox.want(name(1), from: .zero, to: Offset(100), priority: .facts)
    expect(ship(&outbox)?.segment, equals: name(2))
    expect(ship(&outbox)?.segment, equals: name(1))
    expect(outbox.nextRead(), equals: nil)
  }

  /// I9: whatever comes back in whatever order, the window holds, and all is shipped in the end.
  @Test(arguments: UInt64(0)..<20)
  func anyOrderOfAnswersKeepsTheWindow(seed: UInt64) {
    var dice = Dice(seed: seed)
    var outbox = outbox(window: 300, chunk: 64, ships: 7)
    var held: [SegmentName: Offset] = [:]
    let names = (1...5).map { name(UInt64($0)) }
    for name in names { outbox.want(name, from: .zero, to: Offset(900), priority: .facts) }
    var underWay: [ShipContext] = []
    for _ in 0..<20_000 where !outbox.isEmpty {
      if Bool.random(using: &dice), let sent = ship(&outbox) { underWay.append(sent) }
      #expect(outbox.bytesUnderWay <= 300 && underWay.count <= 7, "seed \(seed)")
      guard let index = underWay.indices.randomElement(using: &dice), Bool.random(using: &dice)
      else { continue }
      let ship = underWay.remove(at: index)
      outbox.returned(ship)
      let end = held[ship.segment] ?? .zero
      let fate = Int.random(in: 0..<10, using: &dice)
      if fate == 0 {
        outbox.lost(ship, end: end)
      } else if ship.offset > end {
        _ = outbox.refused(ship, end: end)
      } else {
        held[ship.segment] = max(end, ship.offset + ship.count)
        outbox.accepted(ship.segment, upTo: max(end, ship.offset + ship.count))
      }
    }
    #expect(outbox.isEmpty && outbox.bytesUnderWay == 0, "seed \(seed)")
    for name in names { #expect(held[name] == Offset(900), "seed \(seed)") }
  }
}

@Suite struct FlowWindowTests {
  @Test func growsWhileAnswersComeSoonAndShrinksOnceForOneDelay() {
    var window = FlowWindow(limit: 1_000, floor: 100, period: .seconds(1))
    let now = Instant(nanoseconds: 1_000_000_000)
    #expect(window.size == 250)
    for _ in 0..<20 { window.answered(bytes: 100, after: .milliseconds(5), at: now) }
    #expect(window.size == 1_000)
    for _ in 0..<9 { window.answered(bytes: 100, after: .seconds(5), at: now) }
    #expect(window.size == 500)
    for second in 1...60 { window.failed(at: now + .seconds(second)) }
    #expect(window.size == 100)
  }
}
