import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// Tasks on the servers: they take drawn virtual time and give what their spec says; sometimes the
// machine fails them. A call whose first argument is `dice` gives another result each time it runs,
// so that it shows which run a client was given.

extension World {
  func startTask(_ node: Int, _ task: TaskName, _ submitted: Submitted) {
    statistics.tasksRun += 1
    let number = draw()
    nodes[node].running[task] = number
    let long = dice.chance(0.05)
    let span = long ? dice.span(1_000_000...4_000_000) : dice.skewed(1_000...400_000)
    specs[task] = submitted
    queue.add(.taskEnds(node, life: nodes[node].life, task, number: number), at: now + span)
  }

  func killTask(_ node: Int, _ task: TaskName) {
    guard nodes[node].running.removeValue(forKey: task) != nil else { return }
    feed(node, .server(.taskEnded(task, .failed(.killed, detail: "killed on request"))))
  }

  func taskEnds(_ node: Int, _ life: Int, _ task: TaskName, _ number: Int) {
    guard nodes[node].life == life, nodes[node].running[task] == number,
      let submitted = specs[task]
    else { return }
    nodes[node].running[task] = nil
    if !isCalm, dice.chance(network.rates.taskFailure) {
      statistics.tasksFailed += 1
      feed(node, .server(.taskEnded(task, .failed(.killed, detail: "the machine failed it"))))
      return
    }
    guard let result = onDisk(of: node, { self.result(of: submitted, task, node) }) else { return }
    switch result {
    case .success(let result):
      truth.ran(submitted.call, submitted.digest, result.hash)
      feed(node, .server(.taskEnded(task, .finished(result))))
    case .failure(let error):
      violate("I10", "\(nodes[node].name) can't store files of a task: \(error)")
    }
  }

  private func result(
    of submitted: Submitted, _ task: TaskName, _ node: Int
  ) -> Result<CallResult, LogError> {
    let spec = submitted.spec
    var result = CallResult(hash: Hash256.of([]))
    result.exitStatus = UInt8(truncatingIfNeeded: spec.arguments.count)
    result.stdout = .inline(Self.output(of: spec, task))
    do throws(LogError) {
      if spec.collectsFiles, let store = nodes[node].engine?.archives {
        statistics.archives += 1
        let bytes = (spec.arguments.last ?? []) + Array("files of the result".utf8)
        result.files = .archive(
          try Self.keep(bytes, in: store, at: now), size: UInt64(bytes.count))
      }
    } catch { return .failure(error) }
    result.hash = result.computedHash
    return .success(result)
  }

  static func output(of spec: CallSpec, _ task: TaskName) -> [UInt8] {
    var bytes = Array("out:".utf8)
    for argument in spec.arguments { bytes += argument }
    if spec.isDice { bytes += Array(task.description.utf8) }
    return bytes
  }

  /// Stores an archive durably, as the task runner does before it tells of a result.
  static func keep(
    _ bytes: [UInt8], in store: ArchiveStore, at now: Instant
  ) throws(LogError) -> ArchiveID {
    var writer = ArchiveWriter(into: store)
    try bytes.withUnsafeBufferPointer { raw throws(LogError) in
      try writer.write(UnsafeRawBufferPointer(raw))
    }
    let manifest = try writer.finish(at: now.nanoseconds)
    try store.log.commit()
    return manifest.id
  }
}

extension CallSpec {
  /// Its results differ from run to run.
  var isDice: Bool { arguments.first == Array("dice".utf8) }
}
