// Archives that the present coordinator lacks for submissions that it holds: each is put once, a
// few at a time, in the order in which they were asked for.

import DequeModule

struct ArchivePuts: Sendable {
  private var waiting: Deque<ArchiveID> = []
  private var known: Set<ArchiveID> = []
  private(set) var underWay: Set<ArchiveID> = []

  private static var limit: Int { 100_000 }

  mutating func want(_ archives: [ArchiveID]) {
    for archive in archives where known.count < Self.limit {
      if known.insert(archive).inserted { waiting.append(archive) }
    }
  }

  /// The next to put, if fewer than `limit` are under way.
  mutating func next(limit: Int) -> ArchiveID? {
    guard underWay.count < limit, let archive = waiting.popFirst() else { return nil }
    underWay.insert(archive)
    return archive
  }

  /// It ended, well or not: it may be asked for again. False if it wasn't under way here.
  mutating func ended(_ archive: ArchiveID) -> Bool {
    known.remove(archive)
    return underWay.remove(archive) != nil
  }

  /// Another coordinator has its own wants.
  mutating func restart() { self = ArchivePuts() }
}
