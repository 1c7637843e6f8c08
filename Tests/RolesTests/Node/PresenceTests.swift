import LogStore
import ReplicationCore
import Testing

@testable import RolesNode

/// Who is absent, in the observer's uptime, and whose turn it is to take over.
@Suite struct PresenceTests {
  private static let day = Duration.seconds(86_400)
  private static let start = Instant(nanoseconds: 1_000_000_000)

  private func node(_ number: UInt64) -> NodeID { NodeID(ID128(high: 0, low: number)) }

  private func presence(_ noted: Uptimes = Uptimes(), _ nodes: [UInt64] = [2]) -> Presence {
    Presence(noted, holding: nodes.map(node), adoptAfter: Self.day, at: Self.start)
  }

  @Test func silentForTheWholeTimeIsAbsent() {
    var presence = presence()
    presence.saw(node(2), at: Self.start + .seconds(100))
    #expect(presence.absent(at: Self.start + Self.day).isEmpty)
    #expect(presence.absent(at: Self.start + Self.day + .seconds(100)) == [node(2)])
    presence.saw(node(2), at: Self.start + Self.day + .seconds(101))
    #expect(presence.absent(at: Self.start + Self.day * 2).isEmpty)
  }

  /// A node that restarts every few hours finds out all the same.
  @Test func uptimeGoesOnOverRestarts() {
    var uptimes = Uptimes()
    var hours = 0
    while hours < 100 {
      var presence = presence(uptimes)
      var now = Self.start
      for _ in 0..<5 {
        now = now + .seconds(3_600)
        hours += 1
        guard let notes = presence.takeNotes(at: now) else { continue }
        uptimes.total = max(uptimes.total, notes.total)
        uptimes.seen.merge(notes.seen) { max($0, $1) }
      }
      if !presence.absent(at: now).isEmpty { break }
    }
    #expect(hours >= 24 && hours <= 30)
  }

  @Test func timeThatTheNodeWasNotUpDoesNotCount() {
    var first = presence()
    _ = first.takeNotes(at: Self.start + Self.day / 2)
    let notes = Uptimes(total: (Self.day / 2).wholeNanoseconds, seen: [node(2): 0])
    // The process's clock begins anew, however long the machine was off.
    let second = presence(notes)
    #expect(second.absent(at: Self.start + Self.day / 3).isEmpty)
    #expect(second.absent(at: Self.start + Self.day / 2) == [node(2)])
  }

  @Test func whatCouldNotBeSeenIsNotHeldAgainstAnybody() {
    var presence = presence()
    presence.sawNothing(until: Self.start + Self.day * 3)
    #expect(presence.absent(at: Self.start + Self.day * 3).isEmpty)
  }

  @Test func theNearestGoesFirstAndTheOthersLater() {
    let presence = presence(Uptimes(), [5])
    func adopters(_ days: Int, removed: Bool = false, living: [UInt64] = [2, 4, 7]) -> [UInt64] {
      living.filter { me in
        Adoption(
          me: node(me), living: Set(living.map(node)), removed: removed ? [node(5)] : []
        ).isMine(node(5), presence, at: Self.start + Self.day * days)
      }
    }
    #expect(adopters(0) == [])
    #expect(adopters(1) == [7])
    #expect(adopters(2) == [2, 7])
    #expect(adopters(3) == [2, 4, 7])
    #expect(adopters(0, removed: true) == [7])
    #expect(adopters(1, living: [2, 4]) == [2])
    #expect(adopters(1, living: [5, 9]) == [9])
  }
}
