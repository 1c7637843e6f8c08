import LogStore
import ReplicationCore

// What the coordinator has to look at again when time has passed, each thing once. It owns the
// instants; what is to be done at one is the coordinator's.

enum Alarm: Hashable, Comparable, Sendable {
  /// The start's grace ends: scheduling may begin without having caught up.
  case catchUp
  /// Servers had their time to report tasks of this node's earlier starts.
  case report
  /// Others want to see that this node lives.
  case alive
  /// A long poll's time is over.
  case poll(RequestToken)
  /// A server may be silent for too long.
  case server(NodeID)
  /// A call's back-off, or another coordinator's first right to it, ends.
  case call(CallKey)
  /// A collected result that is asked for was found nowhere.
  case missed(CallKey)
  /// None of those asked has the archive of a result.
  case absent(ArchiveID)
  /// Another coordinator's tasks are up for anybody.
  case owner(TaskOwner)
}

struct Agenda: Sendable {
  private struct Entry: Comparable, Sendable {
    var at: Instant
    var alarm: Alarm
    static func < (a: Entry, b: Entry) -> Bool {
      a.at != b.at ? a.at < b.at : a.alarm < b.alarm
    }
  }

  private var entries = SortedSet<Entry>()
  private var instants: [Alarm: Instant] = [:]

  var next: Instant? { entries.first?.at }
  var count: Int { entries.count }

  func instant(of alarm: Alarm) -> Instant? { instants[alarm] }

  /// Sets or moves it.
  mutating func set(_ alarm: Alarm, at instant: Instant) {
    if let old = instants.updateValue(instant, forKey: alarm) {
      if old == instant { return }
      entries.remove(Entry(at: old, alarm: alarm))
    }
    entries.insert(Entry(at: instant, alarm: alarm))
  }

  mutating func cancel(_ alarm: Alarm) {
    guard let old = instants.removeValue(forKey: alarm) else { return }
    entries.remove(Entry(at: old, alarm: alarm))
  }

  mutating func popDue(at now: Instant) -> Alarm? {
    guard let first = entries.first, first.at <= now else { return nil }
    entries.remove(first)
    instants[first.alarm] = nil
    return first.alarm
  }
}
