import LogStore
import ReplicationCore
import Testing

@testable import RolesCore

// A fold's cost doesn't depend on how many calls there are. Times are compared with each other, in
// one run, with much room: a scan over the calls would be off by a factor of the calls' number.

@Suite(.serialized) struct LedgerScaleTests {
  /// Submitted, Assigned, Finished and Collected of so many calls, as a coordinator meets them.
  private func batches(calls: Int) -> [FactBatch] {
    let world = LedgerWorld(seed: 1)
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = [Array("/bin/true".utf8)]
    let digest = Digest.of(spec: spec)
    let result = CallResult(hash: world.results[0])
    var records: [[Record]] = [[], [], [], []]
    for counter in 1...UInt64(calls) {
      let call = CallName(session: world.sessions[0], counter: CallCounter(counter))
      let task = TaskName(node: world.nodes[0], start: Nonce(1), counter: counter)
      let server = world.nodes[1]
      records[0].append(
        Record(.submitted(Submitted(call: call, digest: digest, spec: spec, wallTime: counter))))
      records[1].append(
        Record(
          .assigned(
            Assigned(task: task, call: call, digest: digest, server: server, wallTime: counter))))
      records[2].append(
        Record(
          .finished(
            Finished(task: task, call: call, digest: digest, server: server, result: result))))
      records[3].append(
        Record(.collected(Collected(call: call, digest: digest, result: result.hash))))
    }
    var batches: [FactBatch] = []
    var ordinal = Ordinal.zero
    for kind in records {
      for start in stride(from: 0, to: calls, by: 64) {
        let part = Array(kind[start..<min(start + 64, calls)])
        batches.append(
          FactBatch(
            segment: world.segment(0), firstOrdinal: ordinal, records: part, sequence: .zero))
        ordinal = ordinal + part.count
      }
    }
    return batches
  }

  private func nanosecondsAFact(_ batches: [FactBatch], _ calls: Int) -> Double {
    var best = Double.infinity
    for _ in 0..<3 {
      var ledger = Ledger()
      let clock = ContinuousClock()
      let time = clock.measure { for batch in batches { _ = ledger.fold(batch) } }
      #expect(ledger.session(ledger.sessionNames[0])?.count(of: .collected) == UInt64(calls))
      best = min(best, Double(time.wholeNanoseconds) / Double(calls * 4))
    }
    return best
  }

  @Test func foldsCostTheSameAmongManyCalls() {
    let few = nanosecondsAFact(batches(calls: 2_000), 2_000)
    let many = nanosecondsAFact(batches(calls: 100_000), 100_000)
    print("fold: \(Int(few)) ns a fact among 2,000 calls, \(Int(many)) ns among 100,000")
    #expect(many < few * 8)
  }

  /// The release of all of a session, and of one call after the other.
  @Test func releasesCostWhatTheyRelease() {
    let calls = 50_000
    let world = LedgerWorld(seed: 1)
    var full = Ledger()
    for batch in batches(calls: calls) { _ = full.fold(batch) }
    func release(_ ranges: ClosedRange<UInt64>) -> Record {
      let range = CallCounter(ranges.lowerBound)...CallCounter(ranges.upperBound)
      return Record(.released(Released(session: world.sessions[0], ranges: [range])))
    }
    let clock = ContinuousClock()
    var ledger = full
    let atOnce = clock.measure {
      ledger.fold([release(1...UInt64(calls))], in: world)
    }
    #expect(ledger.session(world.sessions[0])?.liveCalls == 0)
    var other = full
    let singly = clock.measure {
      for counter in 1...UInt64(calls) { other.fold([release(counter...counter)], in: world) }
    }
    #expect(other.session(world.sessions[0])?.liveCalls == 0)
    other.fold([release(1...UInt64(calls))], in: world)
    #expect(other.fingerprint() == ledger.fingerprint())
    print("release of \(calls) calls: at once \(atOnce), singly \(singly)")
    #expect(singly < .seconds(20))
  }

  /// Contiguity from where it stopped looks at each call once.
  @Test func contiguityGoesOnFromWhereItStopped() {
    let calls = 50_000
    var ledger = Ledger()
    for batch in batches(calls: calls) { _ = ledger.fold(batch) }
    var looks = 0
    var through = CallCounter.zero
    for limit in stride(from: 0, through: calls + 500, by: 500) {
      through = ledger.contiguous(in: ledger.sessionNames[0], after: through) { counter, _, _ in
        looks += 1
        return counter.value <= UInt64(limit)
      }
    }
    #expect(through == CallCounter(UInt64(calls)))
    // One more look a stop, at the Submitted and the Collected of the call that was not held.
    #expect(looks <= calls + 2 * calls / 500 + 10)
  }
}
