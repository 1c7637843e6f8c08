// A task on its way through a server, and the archives that it needs.

import LogStore

struct ServerTask: Sendable {
  enum Phase: Hashable, Sendable {
    /// Archives are on their way.
    case fetching
    case queued
    case running
    /// Nobody wants it; its end is awaited.
    case killed
  }

  var assigned: Assigned
  var submitted: Submitted
  var phase: Phase
  /// Archives that are not here yet.
  var lacking: Set<ArchiveID> = []

  /// What has to be here before it can start, each once, in a fixed order.
  var archives: [ArchiveID] {
    var needed: [ArchiveID] = []
    let spec = submitted.spec
    if let executable = spec.executable { needed.append(executable) }
    if let input = spec.input, !needed.contains(input) { needed.append(input) }
    if case .archive(let id, _) = spec.stdin, !needed.contains(id) { needed.append(id) }
    return needed
  }
}
