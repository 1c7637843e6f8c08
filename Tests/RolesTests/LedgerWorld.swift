import LogStore
import ReplicationCore

@testable import RolesCore

// Random facts about few calls, tasks, sessions and nodes, so that they collide: same task under
// two calls, two digests of a counter, two records that say one fact in other bytes, records that
// can't be read. Everything follows from the seed.

struct LedgerWorld {
  var dice: Dice
  let sessions: [SessionName]
  let digests: [Digest]
  let results: [Hash256]
  let nodes: [NodeID]
  let tasks: [TaskName]
  /// Chances in 100 of the kinds, in the order of `fact`.
  var weights = [16, 16, 18, 10, 6, 4, 8, 3, 6, 1, 2]
  var counters: UInt64 = 4

  init(seed: UInt64) {
    var dice = Dice(seed: seed)
    sessions = (0..<2).map { _ in
      SessionName(
        user: UserID(.random(using: &dice)), session: SessionID(.random(using: &dice)))
    }
    digests = (0..<2).map { Hash256.of([1, $0]) }
    results = (0..<2).map { Hash256.of([2, $0]) }
    nodes = (0..<2).map { _ in NodeID.random(using: &dice) }
    let nodes = self.nodes
    tasks = (0..<4).map { TaskName(node: nodes[$0 & 1], start: Nonce(7), counter: UInt64($0 / 2)) }
    self.dice = dice
  }

  mutating func upTo(_ count: Int) -> Int { Int.random(in: 0..<count, using: &dice) }

  mutating func pick<T>(_ values: [T]) -> T { values[upTo(values.count)] }

  mutating func call() -> CallName {
    CallName(
      session: pick(sessions), counter: CallCounter(UInt64(upTo(Int(counters))) + 1))
  }

  /// Mostly the first, so that facts meet.
  mutating func digest() -> Digest { upTo(5) == 0 ? digests[1] : digests[0] }

  mutating func fact() -> Fact {
    var throwOf = upTo(weights.reduce(0, +))
    var kind = 0
    while throwOf >= weights[kind] {
      throwOf -= weights[kind]
      kind += 1
    }
    switch kind {
    case 0:
      var spec = CallSpec()
      spec.failureLimit = UInt64(upTo(4))
      return .submitted(
        Submitted(call: call(), digest: digest(), spec: spec, wallTime: UInt64(upTo(2))))
    case 1:
      return .assigned(
        Assigned(
          task: pick(tasks), call: call(), digest: digest(), server: pick(nodes),
          wallTime: UInt64(upTo(2))))
    case 2:
      var result = CallResult(hash: pick(results))
      result.duration = UInt64(upTo(2))
      return .finished(
        Finished(
          task: pick(tasks), call: call(), digest: digest(), server: pick(nodes), result: result))
    case 3:
      return .failed(
        Failed(
          task: pick(tasks), call: call(), digest: digest(), server: pick(nodes),
          reason: pick(FailureReason.allCases), detail: ""))
    case 4: return .lost(Lost(task: pick(tasks), call: call(), digest: digest()))
    case 5: return .cancelled(Cancelled(call: call(), digest: digest()))
    case 6: return .collected(Collected(call: call(), digest: digest(), result: pick(results)))
    case 7:
      return .opened(
        Opened(
          session: pick(sessions), userText: pick(["ada", ""]), sessionText: pick(["x", "y"]),
          mode: pick([.keep, .releaseOnCollection])))
    case 8: return .released(Released(session: pick(sessions), ranges: ranges().ranges))
    case 9: return .removed(Removed(node: pick(nodes)))
    default: return .alive(Alive(node: pick(nodes), count: UInt64(upTo(3))))
    }
  }

  mutating func ranges() -> CounterSet {
    var set = CounterSet()
    for _ in 0..<upTo(3) {
      let first = UInt64(upTo(Int(counters))) + 1
      let last = min(first + UInt64(upTo(2)), counters)
      set.insert(CallCounter(first)...CallCounter(max(first, last)))
    }
    return set
  }

  /// Now and then with an unknown field, or garbage.
  mutating func record() -> Record {
    var record = Record(fact())
    switch upTo(40) {
    case 0, 1: record.payload += [0xa0, 0x06, UInt8(upTo(2) + 1)]
    case 2: record.payload = (0..<upTo(12)).map { _ in UInt8(truncatingIfNeeded: upTo(256)) }
    case 3: record.kind = RecordKind(UInt16(4000 + upTo(3)))
    default: break
    }
    return record
  }

  mutating func records(_ count: Int) -> [Record] { (0..<count).map { _ in record() } }

  func segment(_ number: UInt64) -> SegmentName {
    SegmentName(
      node: nodes[Int(number & 1)], log: .facts, serial: Serial(number), nonce: Nonce(number * 31))
  }

  /// The same records in any order, some twice, in batches of any size in any segments.
  mutating func batches(of records: [Record]) -> [FactBatch] {
    var all = records + records.filter { _ in upTo(3) == 0 }
    all.shuffle(using: &dice)
    var batches: [FactBatch] = []
    var ordinals: [UInt64: Int] = [:]
    var rest = all[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(upTo(5) + 1))
      rest = rest.dropFirst(part.count)
      let number = UInt64(upTo(5))
      batches.append(
        FactBatch(
          segment: segment(number), firstOrdinal: .zero + ordinals[number, default: 0],
          records: part, sequence: LogSequence(UInt64(upTo(100)))))
      ordinals[number, default: 0] += part.count
    }
    return batches
  }
}

extension Ledger {
  init(folding records: [Record], in world: LedgerWorld, bugs: LedgerBugs = []) {
    self.init(plantedBugs: bugs)
    fold(records, in: world)
  }

  @discardableResult
  mutating func fold(_ records: [Record], in world: LedgerWorld) -> [CallName] {
    fold(
      FactBatch(
        segment: world.segment(0), firstOrdinal: .zero, records: records, sequence: .zero))
  }

  func isDeadForEver(_ record: Record) -> Bool {
    record.payload.withUnsafeBytes { isDeadForEver(record.kind, $0) }
  }
}
