import RolesCore
import Testing

@testable import rpcv

@Suite("How calls are named")
struct CallTargetTests {
  private func range(_ lower: UInt64, _ upper: UInt64) -> ClosedRange<CallCounter> {
    CallCounter(lower)...CallCounter(upper)
  }

  @Test func sessionsAndCalls() throws {
    #expect(try CallTarget.parse("night", session: nil) == CallTarget(session: "night"))
    #expect(
      try CallTarget.parse("night/17", session: nil)
        == CallTarget(session: "night", calls: [range(17, 17)]))
    #expect(
      try CallTarget.parse("a/b/9-12,1,4", session: nil)
        == CallTarget(session: "a/b", calls: [range(1, 1), range(4, 4), range(9, 12)]))
    #expect(
      try CallTarget.parse("3-7", session: "a/1")
        == CallTarget(session: "a/1", calls: [range(3, 7)]))
    #expect(try CallTarget.parse(nil, session: "x") == CallTarget(session: "x"))
  }

  @Test func overlapsAreJoined() throws {
    #expect(
      try CallTarget.parse("s/5-9,1-6,9", session: nil)
        == CallTarget(session: "s", calls: [range(1, 9)]))
  }

  /// What is no list of calls is part of the session's name.
  @Test(arguments: ["a/b", "a/0", "a/7-3", "a/", "a/1,", "a/1-2-3", "/5", "a/9223372036854775808"])
  func otherWordsAreSessions(_ word: String) throws {
    #expect(try CallTarget.parse(word, session: nil) == CallTarget(session: word))
  }

  @Test(arguments: ["x", "0", "1,,2", "", "-", "1-", "+1", "18446744073709551616"])
  func badNumbersAreRefused(_ word: String) {
    #expect(throws: CommandError.self) { try CallTarget.parse(word, session: "s") }
  }

  @Test func nothingIsRefused() {
    #expect(throws: CommandError.self) { try CallTarget.parse(nil, session: nil) }
    #expect(throws: CommandError.self) { try CallTarget.parse("", session: nil) }
    #expect(throws: CommandError.self) { try CallTarget.parse("5", session: "") }
  }

  @Test func whatATargetContains() throws {
    let some = try CallTarget.parse("s/2-3", session: nil)
    #expect([1, 2, 3, 4].map { some.contains(CallCounter($0)) } == [false, true, true, false])
    #expect(try CallTarget.parse("s", session: nil).contains(CallCounter(9)))
  }
}
