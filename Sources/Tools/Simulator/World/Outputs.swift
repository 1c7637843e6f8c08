import LogStore
import ReplicationCore
import RolesCore
import RolesNode

// Carries out what an engine asks for, as the production shell does.

extension World {
  func carryOut(_ outputs: [NodeOutput], of node: Int) {
    let life = nodes[node].life
    for output in outputs {
      guard nodes[node].life == life, violation == nil else { return }
      switch output {
      case .send(let token, let address, let payload, let timeout):
        send(node, token, to: address, payload, timeout)
      case .abandon(let token): abandon(node, token)
      case .reply(let token, let payload): reply(node, token, payload)
      case .commitSoon(let kind): commitSoon(node, kind)
      case .startTask(let task, let submitted): startTask(node, task, submitted)
      case .killTask(let task): killTask(node, task)
      case .wake(let instant):
        nodes[node].wakeAt = instant
        queue.add(.wake(node, life: life), at: max(instant, now))
      case .client(let news): hear(news, node)
      case .note(let text), .warning(let text): noted(text, node)
      case .identityConflict(let reason): renew(node, reason)
      case .poisoned(let reason):
        violate("I10", "\(nodes[node].name) is poisoned without a failing disk: \(reason)")
      }
    }
  }

  private func noted(_ text: String, _ node: Int) {
    say("\(nodes[node].name) notes: \(text)")
    if text.hasSuffix("is suspected: it does not answer") { statistics.suspicions += 1 }
  }
}
