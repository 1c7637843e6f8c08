import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// Where records are held, what need not be appended again, and how far a session is known.

private struct Fixture {
  var world = LedgerWorld(seed: 1)
  var ledger = Ledger()
  var ordinals: [UInt64: Int] = [:]
  var session: SessionName { world.sessions[0] }

  mutating func fold(_ facts: [Fact], segment: UInt64 = 0, sequence: UInt64 = 0) {
    fold(facts.map { Record($0) }, segment: segment, sequence: sequence)
  }

  mutating func fold(_ records: [Record], segment: UInt64, sequence: UInt64) {
    _ = ledger.fold(
      FactBatch(
        segment: world.segment(segment), firstOrdinal: .zero + ordinals[segment, default: 0],
        records: records, sequence: LogSequence(sequence)))
    ordinals[segment, default: 0] += records.count
  }

  func call(_ counter: UInt64) -> CallName {
    CallName(session: session, counter: CallCounter(counter))
  }

  func submitted(_ counter: UInt64, wallTime: UInt64 = 0, digest: Int = 0) -> Fact {
    .submitted(
      Submitted(
        call: call(counter), digest: world.digests[digest], spec: CallSpec(), wallTime: wallTime))
  }

  func released(_ ranges: ClosedRange<UInt64>...) -> Fact {
    .released(
      Released(
        session: session,
        ranges: ranges.map { CallCounter($0.lowerBound)...CallCounter($0.upperBound) }))
  }

  func collected(_ counter: UInt64) -> Fact {
    .collected(Collected(call: call(counter), digest: world.digests[0], result: world.results[0]))
  }

  func finished(_ counter: UInt64, result: Int = 0, duration: UInt64 = 0) -> Finished {
    var value = CallResult(hash: world.results[result])
    value.duration = duration
    return Finished(
      task: world.tasks[0], call: call(counter), digest: world.digests[0], server: world.nodes[0],
      result: value)
  }

  func position(_ segment: UInt64, _ ordinal: Int) -> Position {
    Position(segment: world.segment(segment), ordinal: .zero + ordinal)
  }

  func through(durable: UInt64) -> UInt64 {
    ledger.contiguous(in: session, after: .zero) { $2.sequence <= LogSequence(durable) }.value
  }
}

@Suite struct LedgerEvidenceTests {
  /// What a damaged part of a segment leaves to memory alone.
  @Test func givesTheRecordsThatStandNowhereElse() {
    var f = Fixture()
    let facts = [f.submitted(1), f.submitted(2), .finished(f.finished(2)), f.submitted(3)]
    f.fold(facts, segment: 1, sequence: 1)
    f.fold([facts[3]], segment: 2, sequence: 2)
    let wanted = f.ledger.records(onlyIn: f.world.segment(1), from: .zero + 1)
    #expect(Set(wanted) == Set([facts[1], facts[2]].map { Record($0) }))
    #expect(f.ledger.records(onlyIn: f.world.segment(2), from: .zero).isEmpty)
    // Released calls are worth no record, but their release is.
    f.fold([f.released(1...3)], segment: 1, sequence: 3)
    #expect(
      f.ledger.records(onlyIn: f.world.segment(1), from: .zero) == [Record(f.released(1...3))])
  }

  @Test func remembersEverySegmentAndTheLeastSequence() throws {
    var fixture = Fixture()
    let record = Record(fixture.submitted(1))
    #expect(fixture.ledger.standing(of: record) == .new)
    fixture.fold([fixture.submitted(2), fixture.submitted(1)], segment: 1, sequence: 9)
    fixture.fold([record, record], segment: 2, sequence: 4)
    fixture.fold([record], segment: 1, sequence: 3)
    fixture.fold([record], segment: 3, sequence: 12)
    let evidence = try #require(fixture.ledger.holds(record))
    #expect(evidence.sequence == LogSequence(4))
    #expect(
      evidence.positions == [
        fixture.position(2, 0), fixture.position(1, 1), fixture.position(3, 0),
      ])
  }

  @Test func forgetsDeletedSegments() throws {
    var fixture = Fixture()
    let record = Record(fixture.submitted(1))
    fixture.fold([record], segment: 1, sequence: 0)
    fixture.fold([record], segment: 2, sequence: 5)
    fixture.fold([record], segment: 3, sequence: 6)
    fixture.ledger.forget(fixture.world.segment(1))
    fixture.ledger.forget(fixture.world.segment(3))
    let evidence = try #require(fixture.ledger.holds(record))
    // It was durable before: a cover was, or the segment could not have been deleted.
    #expect(evidence.sequence == .zero)
    #expect(evidence.positions == [fixture.position(2, 0)])
    fixture.fold([record], segment: 4, sequence: 7)
    #expect(
      fixture.ledger.holds(record)?.positions == [fixture.position(2, 0), fixture.position(4, 0)])
  }

  @Test func tellsWhatNeedNotBeAppended() throws {
    var fixture = Fixture()
    let finished = fixture.finished(1)
    fixture.fold([fixture.submitted(1, wallTime: 5), .finished(finished)], segment: 1, sequence: 3)
    func standing(_ fact: Fact) -> Standing { fixture.ledger.standing(of: Record(fact)) }
    func at(_ ordinal: Int) -> Evidence {
      Evidence(sequence: LogSequence(3), position: fixture.position(1, ordinal), others: [])
    }

    #expect(standing(fixture.submitted(1, wallTime: 5)) == .held(at(0)))
    #expect(standing(fixture.submitted(1, wallTime: 9)) == .superseded(at(0)))
    #expect(standing(fixture.submitted(1, wallTime: 1)) == .superseded(at(0)))
    #expect(standing(fixture.submitted(1, digest: 1)) == .new)
    #expect(standing(.finished(finished)) == .held(at(1)))
    #expect(standing(.finished(fixture.finished(1, duration: 7))) == .superseded(at(1)))
    let lost = Lost(task: finished.task, call: finished.call, digest: finished.digest)
    #expect(standing(.lost(lost)) == .new)
    let failed = Failed(
      task: finished.task, call: finished.call, digest: finished.digest, server: finished.server,
      reason: .killed, detail: "")
    #expect(standing(.failed(failed)) == .superseded(at(1)))
    // Of two results of one task the lesser record counts; the greater says nothing new.
    let other = fixture.finished(1, result: 1)
    let isLess = precedes(Record(.finished(other)).payload, Record(.finished(finished)).payload)
    #expect(standing(.finished(other)) == (isLess ? .new : .superseded(at(1))))

    #expect(fixture.ledger.standing(of: Record(kind: .finished, payload: [8])) != .new)
    #expect(
      fixture.ledger.standing(of: Record(kind: RecordKind(999), payload: [])) == .unknownKind)
  }

  @Test func releasedCallsAnswerWithTheirRelease() throws {
    var fixture = Fixture()
    fixture.fold([fixture.submitted(1), fixture.submitted(2)], segment: 1, sequence: 1)
    fixture.fold([fixture.released(1...1)], segment: 2, sequence: 8)
    let record = Record(fixture.submitted(1))
    #expect(fixture.ledger.holds(record) == nil)
    let evidence = Evidence(
      sequence: LogSequence(8), position: fixture.position(2, 0), others: [])
    #expect(fixture.ledger.standing(of: record) == .released(evidence))
    #expect(fixture.ledger.entry(of: fixture.call(1)) == nil)
    #expect(
      fixture.ledger.state(of: fixture.call(1), digest: fixture.world.digests[0]) == .released)
    #expect(fixture.ledger.standing(of: Record(fixture.released(1...1))) == .held(evidence))
    fixture.fold([fixture.released(1...2)], segment: 2, sequence: 9)
    let greater = Evidence(
      sequence: LogSequence(9), position: fixture.position(2, 1), others: [])
    #expect(fixture.ledger.standing(of: Record(fixture.released(1...1))) == .superseded(greater))
    #expect(fixture.ledger.isDeadForEver(Record(fixture.released(1...1))))
    #expect(!fixture.ledger.isDeadForEver(Record(fixture.released(1...2))))
  }

  @Test func contiguityCountsWhatIsHeldWithoutAGap() {
    var fixture = Fixture()
    fixture.fold([fixture.submitted(1), fixture.submitted(2)], segment: 1, sequence: 1)
    fixture.fold([fixture.collected(3), fixture.released(4...6)], segment: 1, sequence: 2)
    fixture.fold([fixture.submitted(8)], segment: 1, sequence: 3)
    #expect(fixture.ledger.session(fixture.session)?.knownThrough == CallCounter(6))
    #expect(fixture.through(durable: 0) == 0)
    #expect(fixture.through(durable: 1) == 2)
    #expect(fixture.through(durable: 2) == 6)
    fixture.fold([fixture.submitted(7)], segment: 1, sequence: 4)
    #expect(fixture.through(durable: 3) == 6)
    #expect(fixture.through(durable: 4) == 8)
    // A collection that is held stands in for a submission that is not yet.
    fixture.fold([fixture.submitted(9)], segment: 1, sequence: 9)
    fixture.fold([fixture.collected(9)], segment: 1, sequence: 5)
    #expect(fixture.through(durable: 5) == 9)
  }

  /// A range that two Released records make together is known as far as the held ones reach.
  @Test func contiguityAsksEachReleasedRecord() {
    var fixture = Fixture()
    fixture.fold([fixture.released(1...3)], segment: 1, sequence: 2)
    fixture.fold([fixture.released(3...9)], segment: 1, sequence: 6)
    #expect(fixture.ledger.session(fixture.session)?.released.ranges.count == 1)
    #expect(fixture.through(durable: 2) == 3)
    #expect(fixture.through(durable: 6) == 9)
  }

  /// B24: a coordinator whose disk died hears only what the client still has.
  @Test func aClientGoesOnAfterACoordinatorsDiskDied() {
    for bugs in [LedgerBugs(), .contiguityCountsSubmittedOnly] {
      var fixture = Fixture()
      fixture.ledger = Ledger(plantedBugs: bugs)
      fixture.fold([fixture.released(1...10)], segment: 1, sequence: 1)
      fixture.fold([fixture.collected(11), fixture.submitted(12)], segment: 1, sequence: 1)
      let expected: UInt64 = bugs.isEmpty ? 12 : 0
      #expect(fixture.through(durable: 1) == expected)
    }
  }
}
