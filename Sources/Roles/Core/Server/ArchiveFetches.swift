// Archives that tasks wait for: each is fetched once, a few at a time, in the order in which they
// were wanted, from one coordinator after another.

import ReplicationCore

struct ArchiveFetches: Sendable {
  private struct Fetch: Sendable {
    var tasks: [TaskName]
    var attempts = 0
    var absences = 0
    var isUnderWay = false
    var notBefore = Instant.zero
  }

  private var fetches: [ArchiveID: Fetch] = [:]
  /// A server holds as many tasks as it has places for, so this is short.
  private var order: [ArchiveID] = []
  private var underWay = 0

  mutating func want(_ archive: ArchiveID, for task: TaskName) {
    if fetches[archive] == nil {
      fetches[archive] = Fetch(tasks: [])
      order.append(archive)
    }
    fetches[archive]?.tasks.append(task)
  }

  /// The next to fetch now, and which coordinator after the preferred one to ask.
  mutating func next(at now: Instant, limit: Int) -> (ArchiveID, attempt: Int)? {
    guard underWay < limit else { return nil }
    for archive in order {
      guard let fetch = fetches[archive], !fetch.isUnderWay, fetch.notBefore <= now else {
        continue
      }
      fetches[archive]?.isUnderWay = true
      underWay += 1
      return (archive, fetch.attempts)
    }
    return nil
  }

  mutating func retry(_ archive: ArchiveID, at instant: Instant) {
    guard let fetch = fetches[archive] else { return }
    if fetch.isUnderWay { underWay -= 1 }
    fetches[archive]?.isUnderWay = false
    fetches[archive]?.notBefore = instant
  }

  /// How often coordinators said that they don't have it. The other coordinators are asked at once,
  /// the same one again at `retryAt`.
  mutating func failed(
    _ archive: ArchiveID, isAbsent: Bool, retryAt: Instant, others: Int
  ) -> Int {
    guard var fetch = fetches[archive], fetch.isUnderWay else { return 0 }
    fetch.attempts += 1
    if isAbsent { fetch.absences += 1 }
    fetches[archive] = fetch
    retry(archive, at: fetch.attempts % max(1, others) == 0 ? retryAt : .zero)
    return fetch.absences
  }

  /// It is here, or never will be: the tasks that waited.
  mutating func ended(_ archive: ArchiveID) -> [TaskName] {
    guard let fetch = fetches.removeValue(forKey: archive) else { return [] }
    if fetch.isUnderWay { underWay -= 1 }
    order.removeAll { $0 == archive }
    return fetch.tasks
  }

  /// When the next may be fetched, if that is not now.
  var nextRetry: Instant? {
    order.compactMap { fetches[$0] }.filter { !$0.isUnderWay }.map(\.notBefore).min()
  }
}
