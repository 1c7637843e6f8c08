import LogStore
import ReplicationCore
import RolesCore
import Testing

@testable import RolesNode

/// Which archives are looked at: those of which there may be news, however many are held.
@Suite struct ArchiveNewsTests {
  private let lostAfter = Duration.seconds(600)
  private let start = Instant(nanoseconds: 1_000_000_000)
  private let segment = SegmentName(
    node: NodeID(ID128(high: 1, low: 1)), log: .archives, serial: Serial(1), nonce: Nonce(1))

  private func id(_ number: Int) -> ArchiveID { .of([UInt8(number >> 8), UInt8(number & 255)]) }

  private func position(_ number: Int) -> Position {
    Position(segment: segment, ordinal: Ordinal(UInt64(number)))
  }

  private func due(
    _ news: inout ArchiveNews, touched: Set<ArchiveID> = [], after: Duration = .zero
  ) -> [ArchiveID] {
    news.takeDue(touched: touched, at: start + after, lostAfter: lostAfter)
  }

  private func judge(
    _ news: inout ArchiveNews, _ number: Int, _ state: ArchiveState, unmet: Int? = nil,
    after: Duration = .zero
  ) -> ArchiveState {
    let state = news.judge(
      id(number), state, unmet: unmet.map(position), at: start + after, lostAfter: lostAfter)
    _ = news.tell(id(number), state)
    return state
  }

  /// A thousand archives, durable here, each waiting for another coordinator's word.
  private func waiting() -> ArchiveNews {
    var news = ArchiveNews()
    for number in 0..<1_000 {
      let isNew = news.watch(id(number))
      #expect(isNew)
      #expect(due(&news) == [id(number)])
      #expect(judge(&news, number, .durable, unmet: number) == .durable)
    }
    return news
  }

  @Test func nothingIsLookedAtTwiceWithoutNews() {
    var news = waiting()
    #expect(due(&news).isEmpty)
    #expect(due(&news, touched: [id(7), id(5_000)]) == [id(7)])
    #expect(due(&news).isEmpty)
  }

  @Test func anothersWordIsAboutWhatItTookSince() {
    var news = waiting()
    let first = news.peerHolds(segment, Ordinal(10))
    #expect(first)
    #expect(Set(due(&news)) == Set((0..<10).map(id)))
    let again = news.peerHolds(segment, Ordinal(10))
    #expect(!again)
    let more = news.peerHolds(segment, Ordinal(12))
    #expect(more)
    #expect(Set(due(&news)) == [id(10), id(11)])
    #expect(news.unmet([position(3), position(11)]) == nil)
    #expect(news.unmet([position(3), position(12)]) == position(12))
  }

  @Test func whatWaitsForTheDiskIsLookedAtUntilItIsThere() {
    var news = ArchiveNews()
    _ = news.watch(id(1))
    _ = due(&news)
    #expect(judge(&news, 1, .held) == .held)
    #expect(due(&news) == [id(1)])
    #expect(due(&news) == [id(1)])
    #expect(judge(&news, 1, .safe) == .safe)
    #expect(due(&news, touched: [id(1)]).isEmpty)
  }

  @Test func aDeletedSegmentAndAnotherRingAreNews() {
    var news = waiting()
    news.forget(segment)
    #expect(Set(due(&news)).count == 1_000)
    news.lookAtAll()
    #expect(Set(due(&news)).count == 1_000)
    news.unwatch(id(3))
    news.lookAtAll()
    let rest = due(&news)
    #expect(!rest.contains(id(3)))
    #expect(rest.count == 999)
  }

  @Test func missingForLongIsLostUntilItTurnsUp() {
    var news = ArchiveNews()
    _ = news.watch(id(1))
    _ = due(&news)
    #expect(judge(&news, 1, .missing) == .missing)
    #expect(due(&news, after: .seconds(599)).isEmpty)
    #expect(due(&news, after: .seconds(600)) == [id(1)])
    #expect(judge(&news, 1, .missing, after: .seconds(600)) == .lost)
    #expect(due(&news, after: .seconds(9_999)).isEmpty)
    #expect(due(&news, touched: [id(1)], after: .seconds(10_000)) == [id(1)])
    #expect(judge(&news, 1, .durable, unmet: 0, after: .seconds(10_000)) == .durable)
    // Gone again: its time begins anew.
    news.forget(segment)
    #expect(due(&news, after: .seconds(10_001)) == [id(1)])
    #expect(judge(&news, 1, .missing, after: .seconds(10_001)) == .missing)
    #expect(due(&news, after: .seconds(10_600)).isEmpty)
    #expect(due(&news, after: .seconds(10_601)) == [id(1)])
  }

  @Test func whoWatchesAnewWaitsAnew() {
    var news = ArchiveNews()
    _ = news.watch(id(1))
    _ = due(&news)
    _ = judge(&news, 1, .missing)
    news.unwatch(id(1))
    _ = news.watch(id(1))
    #expect(due(&news, after: .seconds(500)) == [id(1)])
    #expect(judge(&news, 1, .missing, after: .seconds(500)) == .missing)
    #expect(due(&news, after: .seconds(600)).isEmpty)
    #expect(due(&news, after: .seconds(1_100)) == [id(1)])
  }
}
