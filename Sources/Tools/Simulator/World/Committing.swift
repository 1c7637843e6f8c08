import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// The log writers of all nodes: what gathered is written a moment after it was appended, and
// synced some time after that. Between the two a power cut may take it, and others may have it.

extension World {
  func commitSoon(_ node: Int, _ kind: LogKind) {
    guard nodes[node].committing.insert(kind).inserted else {
      nodes[node].commitAgain.insert(kind)
      return
    }
    let delay = dice.span(20...400)
    queue.add(.write(node, life: nodes[node].life, kind), at: now + delay)
  }

  func write(_ node: Int, _ life: Int, _ kind: LogKind) {
    guard nodes[node].life == life, let log = log(kind, of: node) else { return }
    nodes[node].commitAgain.remove(kind)
    guard onDisk(of: node, { _ = try? log.write() }) != nil else { return }
    // F8: now and then a disk takes seconds.
    let latency =
      dice.chance(network.rates.slowSync)
      ? dice.span(500_000...3_000_000) : dice.skewed(100...20_000)
    queue.add(.commit(node, life: life, kind), at: now + latency)
    // What is written may be shipped before it is durable.
    if dice.chance(0.3) { feed(node, .tick) }
  }

  func commit(_ node: Int, _ life: Int, _ kind: LogKind) {
    guard nodes[node].life == life, let log = log(kind, of: node) else { return }
    guard let error = onDisk(of: node, { Self.commit(log) }) else { return }
    if let error { return violate("I10", "\(nodes[node].name) can't commit: \(error)") }
    nodes[node].committing.remove(kind)
    feed(node, .committed)
    guard nodes[node].life == life else { return }
    if nodes[node].commitAgain.remove(kind) != nil { commitSoon(node, kind) }
    queue.add(
      .idle(node, life: life, kind, log.sequence), at: now + .milliseconds(100))
  }

  private static func commit(_ log: Log) -> LogError? {
    do throws(LogError) {
      try log.commit()
      return nil
    } catch { return error }
  }

  /// A log that was idle for a while testifies its durable end.
  func idle(_ node: Int, _ life: Int, _ kind: LogKind, _ sequence: LogSequence) {
    guard nodes[node].life == life, let log = log(kind, of: node), log.sequence == sequence,
      !nodes[node].committing.contains(kind)
    else { return }
    guard onDisk(of: node, { _ = try? log.idle() }) != nil else { return }
    feed(node, .committed)
  }

  func log(_ kind: LogKind, of node: Int) -> Log? {
    kind == .facts ? nodes[node].engine?.facts : nodes[node].engine?.archives.log
  }
}
