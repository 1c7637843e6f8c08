import LogStore
import RolesCore

// What stands in the facts log of a disk, read from its bytes and kept in the plainest sets: what
// promises are held against. It trusts no core and no log that is running.

struct DiskFacts {
  struct Held {
    var submitted = false
    var cancelled = false
    /// Results that a client has seen.
    var collected: [Hash256] = []
    /// Results of its tasks.
    var finished: Set<Hash256> = []
    /// A result of a task is given up.
    var isLost = false

    /// The result that its collection fixes; nil if none does, or may be given up.
    var fixed: Hash256? { isLost ? nil : collected.filter { finished.contains($0) }.min() }
  }

  private(set) var records: Set<Record> = []
  private(set) var held: [CallName: Held] = [:]
  private(set) var released: [SessionName: CounterSet] = [:]
  private(set) var opened: Set<SessionName> = []
  /// Kinds of the records about a task.
  private(set) var tasks: [TaskName: Set<RecordKind>] = [:]
  /// Each with where it stands.
  private(set) var places: [(position: Position, record: Record)] = []

  /// Everything readable of the log in `directory`, up to where each segment is intact.
  static func read(
    _ directory: String, node: NodeID?, on disk: SimulatedDisk
  ) throws(LogError) -> DiskFacts {
    var facts = DiskFacts()
    let inspection = try LogInspection.read(directory, node: node, on: disk)
    for segment in inspection.segments {
      try inspection.walk(
        segment, frame: { _ in },
        record: { position, kind, payload in
          facts.add(position, Record(kind: kind, payload: [UInt8](payload)))
        })
    }
    return facts
  }

  private mutating func add(_ position: Position, _ record: Record) {
    places.append((position, record))
    guard records.insert(record).inserted, let fact = try? Fact.decode(record) else { return }
    switch fact {
    case .submitted(let value): held[value.call, default: Held()].submitted = true
    case .cancelled(let value): held[value.call, default: Held()].cancelled = true
    case .collected(let value):
      held[value.call, default: Held()].collected.append(value.result)
    case .released(let value):
      for range in value.ranges { released[value.session, default: CounterSet()].insert(range) }
    case .opened(let value): opened.insert(value.session)
    case .finished(let value):
      tasks[value.task, default: []].insert(record.kind)
      held[value.call, default: Held()].finished.insert(value.result.hash)
    case .failed(let value): tasks[value.task, default: []].insert(record.kind)
    case .lost(let value):
      tasks[value.task, default: []].insert(record.kind)
      held[value.call, default: Held()].isLost = true
    case .assigned, .removed, .alive: break
    }
  }

  func isReleased(_ call: CallName) -> Bool {
    released[call.session]?.contains(call.counter) ?? false
  }

  /// Whether what makes a counter accepted is here.
  func accepts(_ call: CallName) -> Bool {
    if let known = held[call], known.submitted || !known.collected.isEmpty { return true }
    return isReleased(call)
  }

  /// The first counter up to `last` that is not.
  func firstGap(in session: SessionName, through last: CallCounter) -> CallCounter? {
    var counter = CallCounter(1)
    while counter <= last {
      let call = CallName(session: session, counter: counter)
      if let range = released[session]?.range(containing: counter) {
        guard range.upperBound < last else { return nil }
        counter = range.upperBound.next
      } else if accepts(call) {
        counter = counter.next
      } else {
        return counter
      }
    }
    return nil
  }

  /// Whether the record is here, or what makes it needless.
  func has(_ record: Record) -> Bool { records.contains(record) || makesNeedless(record) }

  /// Whether another record is here under which this one need not be kept.
  func makesNeedless(_ record: Record) -> Bool {
    guard let fact = try? Fact.decode(record) else { return false }
    switch fact {
    case .submitted(let value):
      return isReleased(value.call) || held[value.call]?.submitted ?? false
    case .cancelled(let value):
      return isReleased(value.call) || held[value.call]?.cancelled ?? false
    case .collected(let value):
      return isReleased(value.call) || held[value.call]?.collected.contains(value.result) ?? false
    case .opened(let value): return opened.contains(value.session)
    case .released(let value):
      let here = released[value.session] ?? CounterSet()
      return value.ranges.allSatisfy { here.contains($0) }
    case .finished(let value): return hasEnd(of: value.task, value.call, as: .finished)
    case .failed(let value): return hasEnd(of: value.task, value.call, as: .failed)
    case .assigned, .lost, .removed, .alive: return false
    }
  }

  /// Whether a task's end is here, or a fact under which it is dead for ever.
  private func hasEnd(of task: TaskName, _ call: CallName, as kind: RecordKind) -> Bool {
    if isReleased(call) { return true }
    let kinds = tasks[task] ?? []
    if kinds.contains(.lost) { return true }
    guard kind == .failed else { return false }
    return kinds.contains(.finished) || held[call]?.cancelled ?? false
  }
}
