import LogStore
import ReplicationCore

@testable import RolesCore

// Random values of everything that stands in a record. Numbers are drawn at the boundaries of
// varints, texts with and without letters beyond ASCII, lists often empty.

struct Random {
  var dice: Dice

  init(seed: UInt64) { dice = Dice(seed: seed) }

  mutating func upTo(_ count: Int) -> Int { Int.random(in: 0..<count, using: &dice) }
  mutating func bool() -> Bool { upTo(2) == 0 }

  mutating func number() -> UInt64 {
    let edges: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, 1 << 32, 1 << 62, 1 << 63, .max]
    return upTo(3) == 0 ? dice.next() >> UInt64(upTo(64)) : edges[upTo(edges.count)]
  }

  mutating func counter() -> CallCounter {
    CallCounter(max(1, min(number(), CallCounter.greatest.value)))
  }

  mutating func text() -> String {
    ["", "a", "grid.example:7000", "λ→∞", "nul\u{0}inside", String(repeating: "x", count: 200)][
      upTo(6)]
  }

  mutating func bytes(upTo limit: Int = 300) -> [UInt8] {
    let count = bool() ? upTo(4) : upTo(limit)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
  }

  mutating func list<Element>(_ make: (inout Random) -> Element) -> [Element] {
    (0..<upTo(4)).map { _ in make(&self) }
  }

  mutating func optional<Value>(_ make: (inout Random) -> Value) -> Value? {
    bool() ? make(&self) : nil
  }

  mutating func id() -> ID128 { ID128(high: number(), low: number()) }
  mutating func node() -> NodeID { NodeID(id()) }
  mutating func hash() -> Hash256 { Hash256(a: number(), b: number(), c: number(), d: number()) }
  mutating func session() -> SessionName {
    SessionName(user: UserID(id()), session: SessionID(id()))
  }
  mutating func call() -> CallName { CallName(session: session(), counter: counter()) }
  mutating func task() -> TaskName {
    TaskName(node: node(), start: Nonce(number()), counter: number())
  }

  mutating func ranges() -> [ClosedRange<CallCounter>] {
    var set = CounterSet()
    for _ in 0..<upTo(4) {
      let (a, b) = (counter(), counter())
      set.insert(min(a, b)...max(a, b))
      set.insert(CallCounter(UInt64(upTo(30) + 1)))
    }
    return set.ranges
  }

  mutating func blob() -> Blob {
    switch upTo(4) {
    case 0: .empty
    case 1: .archive(hash(), size: number())
    case 2: .inline(bytes())
    default: .inline([UInt8](repeating: 7, count: Blob.inlineLimit))
    }
  }

  mutating func spec() -> CallSpec {
    var spec = CallSpec()
    spec.service = text()
    spec.version = text()
    spec.arguments = list { $0.bytes() }
    spec.stdin = blob()
    spec.executable = optional { $0.hash() }
    spec.input = blob()
    spec.environment = list { EnvironmentVariable(name: $0.text(), value: $0.text()) }
    spec.collectsFiles = bool()
    spec.priority = Int64(bitPattern: number())
    spec.timeLimit = number()
    spec.memoryLimit = number()
    spec.failureLimit = number()
    return spec
  }

  mutating func result() -> CallResult {
    var result = CallResult(hash: hash())
    result.exitStatus = UInt8(truncatingIfNeeded: dice.next())
    result.signal = UInt8(truncatingIfNeeded: dice.next())
    result.stdout = blob()
    result.stderr = blob()
    result.files = blob()
    result.started = number()
    result.duration = number()
    result.host = text()
    result.leftovers = number()
    return result
  }

  mutating func submitted() -> Submitted {
    Submitted(call: call(), digest: hash(), spec: spec(), wallTime: number())
  }
  mutating func assigned() -> Assigned {
    Assigned(task: task(), call: call(), digest: hash(), server: node(), wallTime: number())
  }
  mutating func finished() -> Finished {
    Finished(task: task(), call: call(), digest: hash(), server: node(), result: result())
  }
  mutating func failed() -> Failed {
    Failed(
      task: task(), call: call(), digest: hash(), server: node(),
      reason: FailureReason.allCases[upTo(FailureReason.allCases.count)], detail: text())
  }
  mutating func lost() -> Lost { Lost(task: task(), call: call(), digest: hash()) }
  mutating func cancelled() -> Cancelled { Cancelled(call: call(), digest: hash()) }
  mutating func collected() -> Collected {
    Collected(call: call(), digest: hash(), result: hash())
  }
  mutating func opened() -> Opened {
    Opened(session: session(), userText: text(), sessionText: text(), mode: mode())
  }
  mutating func mode() -> SessionMode { bool() ? .keep : .releaseOnCollection }
  mutating func released() -> Released { Released(session: session(), ranges: ranges()) }
  mutating func removed() -> Removed { Removed(node: node()) }
  mutating func alive() -> Alive { Alive(node: node(), count: number()) }

  mutating func record() -> Record {
    Record(kind: RecordKind(UInt16(upTo(65_535) + 1)), payload: bytes())
  }
}
