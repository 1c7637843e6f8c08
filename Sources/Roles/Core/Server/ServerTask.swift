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
  var archives: [ArchiveID] { submitted.spec.archives }
}
