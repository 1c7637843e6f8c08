import LogStore
import ReplicationCore

@testable import RolesCore

/// Judges a coordinator's answers by the log and nothing else: it has no ledger and knows no cores.
final class CoordinatorOracle {
  private(set) var violations: [String] = []
  private(set) var answers = 0
  private(set) var trace: [String] = []
  /// Accepted once; durable for ever from then on.
  private var promised: UInt64 = 0
  private var drawn: Set<TaskName> = []
  /// What the other coordinator holds durably.
  var peerDurable: [SegmentName: Ordinal] = [:]
  var copies = 2

  func judge(_ h: CoordinatorHarness, _ token: RequestToken, _ reply: Coordinator.Reply) {
    answers += 1
    trace.append("\(token): \(reply)")
    switch reply {
    case .client(let response): judge(response, h.clientRequests[token], Facts(h, self))
    case .server(let response): judge(response, Facts(h, self))
    case .results(let response): judge(response, h.resultsRequests[token], Facts(h, self))
    case .operation: return
    }
  }

  private func fail(_ text: String) { violations.append(text) }

  // MARK: Answers

  private func judge(_ response: ClientResponse, _ request: ClientRequest?, _ facts: Facts) {
    let through = response.acceptedThrough.value
    if facts.contiguous(facts.durable) < through {
      fail("accepted through \(through), durable through \(facts.contiguous(facts.durable))")
    }
    if response.safeThrough > response.acceptedThrough {
      fail("safe through \(response.safeThrough), accepted through \(through)")
    }
    if facts.contiguous(facts.safe) < response.safeThrough.value {
      fail("safe through \(response.safeThrough), really \(facts.contiguous(facts.safe))")
    }
    if facts.contiguous(facts.durable) < promised {
      fail("call \(promised) was accepted and is not durable")
    }
    promised = max(promised, through)
    for record in response.results {
      guard case .finished(let finished)? = try? Fact.decode(record) else { continue }
      let counter = finished.call.counter.value
      if facts.all.released.contains(counter) { fail("released call \(counter) is delivered") }
      let isCancelled = facts.all.cancelled.contains(finished.call)
      if isCancelled && !facts.all.collected.contains(counter) {
        fail("cancelled call \(counter) is delivered")
      }
    }
    guard response.refusal == nil, let request else { return }
    for record in request.records {
      if !facts.stands(record, facts.durable) { fail("answered before a record is durable") }
      if response.controlsSafe, record.kind != .submitted, !facts.stands(record, facts.safe) {
        fail("controls are called safe and are not")
      }
      // Accepted may be less while what lies between is not durable; a hole it must not be.
      if case .submitted(let submitted)? = try? Fact.decode(record),
        submitted.call.counter.value > facts.contiguous(facts.all)
      {
        fail("call \(submitted.call.counter) is taken and leaves a gap")
      }
    }
  }

  private func judge(_ response: ServerResponse, _ facts: Facts) {
    for assignment in response.assignments {
      guard case .assigned(let assigned)? = try? Fact.decode(assignment.assigned) else { continue }
      if facts.all.finished.contains(assigned.call) {
        fail("finished call \(assigned.call.counter) is scheduled")
      }
      if facts.all.cancelled.contains(assigned.call)
        || facts.all.released.contains(assigned.call.counter.value)
      {
        fail("cancelled or released call \(assigned.call.counter) is scheduled")
      }
      if !drawn.insert(assigned.task).inserted { fail("task \(assigned.task) is drawn twice") }
    }
    for task in response.safe where !facts.safe.ends.contains(task) {
      fail("task \(task) is called safe and is not")
    }
  }

  private func judge(_ response: ResultsResponse, _ request: ResultsRequest?, _ facts: Facts) {
    for record in request?.records ?? [] {
      guard let (task, counter) = Self.end(record) else { continue }
      if response.held.contains(task), !facts.durable.ends.contains(task),
        !facts.durable.isDead(record, counter)
      {
        fail("task \(task) is called held and is not durable")
      }
      // What is dead for ever need not be held anywhere.
      if response.safe.contains(task), !facts.safe.ends.contains(task),
        !facts.durable.isDead(record, counter)
      {
        fail("task \(task) is called safe and is not")
      }
    }
  }

  static func end(_ record: Record) -> (TaskName, CallName)? {
    switch try? Fact.decode(record) {
    case .finished(let finished)?: (finished.task, finished.call)
    case .failed(let failed)?: (failed.task, failed.call)
    default: nil
    }
  }
}

/// The log's facts, as sets: all, the durable ones, the safe ones.
private struct Facts {
  struct Subset {
    var submitted: Set<UInt64> = []
    var collected: Set<UInt64> = []
    var released: Set<UInt64> = []
    var cancelled: Set<CallName> = []
    var finished: Set<CallName> = []
    /// Finished or failed.
    var ends: Set<TaskName> = []
    var records: Set<Record> = []

    mutating func add(_ record: Record) {
      guard records.insert(record).inserted, let fact = try? Fact.decode(record) else { return }
      switch fact {
      case .submitted(let value): submitted.insert(value.call.counter.value)
      case .collected(let value): collected.insert(value.call.counter.value)
      case .cancelled(let value): cancelled.insert(value.call)
      case .finished(let value):
        finished.insert(value.call)
        ends.insert(value.task)
      case .failed(let value): ends.insert(value.task)
      case .released(let value):
        for range in value.ranges {
          released.formUnion(range.lowerBound.value...range.upperBound.value)
        }
      default: return
      }
    }

    func isDead(_ record: Record, _ call: CallName) -> Bool {
      released.contains(call.counter.value) || record.kind == .failed && cancelled.contains(call)
    }
  }

  var all = Subset()
  var durable = Subset()
  var safe = Subset()

  init(_ h: CoordinatorHarness, _ oracle: CoordinatorOracle) {
    for entry in h.log {
      all.add(entry.record)
      guard entry.sequence <= h.durable else { continue }
      durable.add(entry.record)
      let elsewhere = oracle.peerDurable[entry.position.segment] ?? .zero
      if oracle.copies == 1 || elsewhere > entry.position.ordinal { safe.add(entry.record) }
    }
  }

  func contiguous(_ facts: Subset) -> UInt64 {
    var through: UInt64 = 0
    while facts.submitted.contains(through + 1) || facts.collected.contains(through + 1)
      || facts.released.contains(through + 1)
    {
      through += 1
    }
    return through
  }

  /// The record or one that stands for it.
  func stands(_ record: Record, _ facts: Subset) -> Bool {
    if facts.records.contains(record) { return true }
    switch try? Fact.decode(record) {
    case .submitted(let value)?:
      let counter = value.call.counter.value
      return facts.submitted.contains(counter) || facts.released.contains(counter)
    case .collected(let value)?: return facts.released.contains(value.call.counter.value)
    case .cancelled(let value)?: return facts.released.contains(value.call.counter.value)
    case .released(let value)?:
      return value.ranges.allSatisfy { range in
        (range.lowerBound.value...range.upperBound.value).allSatisfy(facts.released.contains)
      }
    default: return false
    }
  }
}
