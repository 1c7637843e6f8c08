// Calls, tasks and servers that the coordinator's tests are made of.

import LogStore
import ReplicationCore

@testable import RolesCore

/// A server as far as the coordinator sees it.
struct FakeServer {
  var id: NodeID
  var incarnation: UInt64 = 1
  var sequence: UInt64 = 0
  var seen: UInt64 = 0
  var slots: UInt64 = 4
  var services = ["exec"]
  var running: [TaskName] = []
  var holding: [TaskName] = []

  init(_ number: UInt64) { id = NodeID(ID128(high: 0x5e, low: number)) }

  func request(wants: UInt64, poll: UInt64) -> ServerRequest {
    var request = ServerRequest(server: id)
    request.incarnation = incarnation
    request.sequence = sequence
    request.seen = seen
    request.host = "host\(id.value.low)"
    request.slots = slots
    request.wants = wants
    request.services = services
    request.running = running
    request.holding = holding
    request.poll = poll
    return request
  }

  /// The next heartbeat, the last answer taken.
  mutating func next() -> FakeServer {
    seen = sequence
    sequence += 1
    return self
  }
}

enum CallSample {
  static let session = SessionName(
    user: UserID(ID128(high: 1, low: 2)), session: SessionID(ID128(high: 3, low: 4)))

  static func call(_ counter: UInt64) -> CallName {
    CallName(session: session, counter: CallCounter(counter))
  }

  static func spec(_ counter: UInt64, _ edit: (inout CallSpec) -> Void = { _ in }) -> CallSpec {
    var spec = CallSpec()
    spec.service = "exec"
    spec.arguments = [Array("true".utf8), Array(String(counter).utf8)]
    edit(&spec)
    return spec
  }

  static func digest(_ counter: UInt64, _ edit: (inout CallSpec) -> Void = { _ in }) -> Digest {
    Digest.of(spec: spec(counter, edit))
  }

  static func submitted(
    _ counter: UInt64, wallTime: UInt64 = 7, _ edit: (inout CallSpec) -> Void = { _ in }
  ) -> Record {
    let spec = spec(counter, edit)
    return Record(
      .submitted(
        Submitted(
          call: call(counter), digest: .of(spec: spec), spec: spec, wallTime: wallTime)))
  }

  static func result(_ output: String, files: ArchiveID? = nil) -> CallResult {
    var result = CallResult(hash: .zero)
    result.stdout = .inline(Array(output.utf8))
    result.files = files.map { .archive($0, size: 1) } ?? .empty
    result.host = "somewhere"
    result.hash = result.computedHash
    return result
  }

  static func finished(_ task: Assigned, _ output: String, files: ArchiveID? = nil) -> Record {
    Record(
      .finished(
        Finished(
          task: task.task, call: task.call, digest: task.digest, server: task.server,
          result: result(output, files: files))))
  }

  static func released(_ range: ClosedRange<UInt64>) -> Record {
    Record(
      .released(
        Released(
          session: session,
          ranges: [CallCounter(range.lowerBound)...CallCounter(range.upperBound)])))
  }

  static func cancelled(_ counter: UInt64) -> Record {
    Record(.cancelled(Cancelled(call: call(counter), digest: digest(counter))))
  }

  static func collected(_ counter: UInt64, _ output: String = "ok") -> Record {
    Record(
      .collected(
        Collected(call: call(counter), digest: digest(counter), result: result(output).hash)))
  }

  static func archive(_ number: UInt8) -> ArchiveID { .of([number]) }

  /// A task that the other coordinator gave out.
  static func foreignTask(_ counter: UInt64, start: Nonce = Nonce(0x77), number: UInt64 = 1)
    -> TaskName
  {
    TaskName(node: CoordinatorHarness.peer, start: start, counter: number)
  }

  static func assigned(_ task: TaskName, _ counter: UInt64, to server: NodeID) -> Assigned {
    Assigned(
      task: task, call: call(counter), digest: digest(counter), server: server, wallTime: 0)
  }
}

extension ClientRequest {
  static func with(_ records: [Record]) -> ClientRequest {
    var request = ClientRequest(session: CallSample.session)
    request.records = records
    return request
  }

  /// A long poll for results.
  static func poll(
    _ milliseconds: UInt64 = 10_000, have: [ClosedRange<UInt64>] = [],
    wanted: [ClosedRange<UInt64>] = []
  ) -> ClientRequest {
    var request = ClientRequest(session: CallSample.session)
    request.wantsResults = true
    request.poll = milliseconds
    request.have = have.map { CallCounter($0.lowerBound)...CallCounter($0.upperBound) }
    request.wanted = wanted.map { CallCounter($0.lowerBound)...CallCounter($0.upperBound) }
    return request
  }
}

extension ClientResponse {
  /// The counters of the results, in their order.
  var resultCounters: [UInt64] {
    (results + exhausted).compactMap {
      switch try? Fact.decode($0) {
      case .finished(let finished)?: finished.call.counter.value
      case .failed(let failed)?: failed.call.counter.value
      default: nil
      }
    }
  }
}
