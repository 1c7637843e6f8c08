import LogStore

/// All that is known of one session. Kept for ever, but a session whose calls are released is a few
/// ranges and its Opened.
public struct SessionEntry: Sendable {
  public let name: SessionName
  public private(set) var userText = ""
  public private(set) var sessionText = ""
  /// Calls that nobody will ask for again.
  public private(set) var released = CounterSet()
  /// The greatest n so that every counter from 1 to n is known as Submitted, Collected or Released.
  public private(set) var knownThrough = CallCounter.zero

  /// The least Opened record, whose texts count.
  private(set) var opened: Kept?
  private var openedMode = SessionMode.keep
  /// The least Opened record that says `keep`.
  private(set) var keeping: Kept?
  /// Released records that no other one covers.
  private(set) var releases = ReleaseList()
  private(set) var calls = CounterMap<[CallVersion]>()
  /// By CallState's raw value, of calls that are not released.
  private var counts = [UInt64](repeating: 0, count: CallState.allCases.count)

  init(name: SessionName) { self.name = name }

  public var isOpened: Bool { opened != nil }

  /// Of several Opened that differ, one that keeps results wins: nothing is released that somebody
  /// may want. `keep` also while none is known.
  public var mode: SessionMode { keeping == nil ? openedMode : .keep }

  /// How many calls are in a state; two digests of one counter are two calls, a released counter is
  /// one.
  public func count(of state: CallState) -> UInt64 {
    state == .released ? released.count : counts[Int(state.rawValue)]
  }

  /// How many counters have calls that are not released.
  public var liveCalls: Int { calls.count }
}

/// The fold's rules for one session. Each returns whether anything but evidence changed.
extension SessionEntry {
  /// Changes what is known of one call; a released call is left alone.
  mutating func update(
    _ counter: CallCounter, _ digest: Digest, bugs: LedgerBugs,
    _ body: (inout CallVersion) -> Bool
  ) -> Bool {
    if released.contains(counter) { return false }
    var before: CallState?
    var after = CallState.pending
    let changed = calls.update(counter, default: []) { versions in
      var index = 0
      while index < versions.count && versions[index].digest < digest { index += 1 }
      if index == versions.count || versions[index].digest != digest {
        versions.insert(CallVersion(digest: digest), at: index)
      } else {
        before = versions[index].state
      }
      let changed = body(&versions[index])
      after = versions[index].state
      return changed
    }
    if before != after {
      if let before { counts[Int(before.rawValue)] -= 1 }
      counts[Int(after.rawValue)] += 1
    }
    if counter == knownThrough.next { advance(bugs) }
    return changed
  }

  mutating func open(_ fact: Opened, _ payload: [UInt8], _ arrival: Arrival) -> Bool {
    var changed = false
    if fact.mode == .keep {
      if keeping == nil {
        keeping = Kept(payload, arrival.place)
        changed = true
      } else if keeping?.merge(payload, arrival) == true {
        changed = true
      }
    }
    if opened == nil {
      opened = Kept(payload, arrival.place)
    } else if opened?.merge(payload, arrival) != true {
      return changed
    }
    (userText, sessionText, openedMode) = (fact.userText, fact.sessionText, fact.mode)
    return true
  }

  /// `dropped` is told every call that the release ends.
  mutating func release(
    _ ranges: CounterSet, _ payload: [UInt8], _ arrival: Arrival, bugs: LedgerBugs,
    _ dropped: (CallCounter) -> Void
  ) -> Bool {
    let isNew = !released.isSuperset(of: ranges)
    let changed = releases.insert(ranges, payload, arrival, mayBeCovered: !isNew)
    guard isNew else { return changed }
    for range in ranges.ranges where released.insert(range) {
      calls.remove(range) { counter, versions in
        for version in versions { counts[Int(version.state.rawValue)] -= 1 }
        dropped(counter)
      }
    }
    advance(bugs)
    return true
  }

  private mutating func advance(_ bugs: LedgerBugs) {
    knownThrough = known(
      after: knownThrough, countsAll: !bugs.contains(.contiguityCountsSubmittedOnly))
  }

  /// The end of the counters after this one that are known without a gap: as submitted, collected
  /// or released.
  func known(after counter: CallCounter, countsAll: Bool = true) -> CallCounter {
    var through = counter
    while through < .greatest {
      let next = through.next
      if countsAll, let range = released.range(containing: next) {
        through = range.upperBound
        continue
      }
      let isKnown = calls[next]?.contains {
        $0.submitted != nil || countsAll && $0.isCollected
      }
      guard isKnown == true else { break }
      through = next
    }
    return through
  }
}
