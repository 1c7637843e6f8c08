import LogStore
import ReplicationCore
import RolesCore
import Testing

@testable import rpcv

@Suite("What a command waits for")
struct WaitNoticeTests {
  private let silent = GridSurvey.Answer(address: "a:1", reason: "connection refused")

  private func view(_ servers: Bool...) -> GridSurvey.Answer {
    var summary = GridSummary()
    for (index, isAlive) in servers.enumerated() {
      var row = ServerSummary(server: NodeID(ID128(high: 1, low: UInt64(index))))
      row.suspected = !isAlive
      summary.servers.append(row)
    }
    return GridSurvey.Answer(address: "b:1", view: summary)
  }

  @Test func onlyChangesAreTold() {
    var notice = WaitNotice(["a:1", "b:1"], wantsServers: true)
    #expect(notice.take([view(true), silent], calls: 3, "Safe.") == nil)
    #expect(
      notice.take([silent, silent], calls: 3, "Safe.")
        == "no coordinator answers at a:1, b:1; keeps trying. Safe.")
    #expect(notice.take([silent, silent], calls: 3, "Safe.") == nil)
    #expect(notice.take([view(true), silent], calls: 3, "Safe.") == "a coordinator answers again")
    #expect(
      notice.take([view(), silent], calls: 3, "Safe.")
        == "3 calls wait: no server is connected. Safe.")
    #expect(notice.take([view(false)], calls: 3, "Safe.") == nil)
    #expect(notice.take([view(false, true)], calls: 3, "Safe.") == "a server is connected")
    #expect(
      notice.take([view(false)], calls: 1, "Safe.")
        == "1 call waits: no server is connected (one was, and is gone). Safe.")
  }

  /// A server that any coordinator hears will do.
  @Test func oneCoordinatorsServersServeAll() {
    var notice = WaitNotice(["a:1", "b:1"], wantsServers: true)
    #expect(notice.take([view(), view(true)], calls: 3, "") == nil)
    #expect(notice.cause == .none)
  }

  @Test func whoNeedsNoServerIsToldOfNone() {
    var notice = WaitNotice(["b:1"], wantsServers: false)
    #expect(notice.take([view()], calls: 3, "") == nil)
    var idle = WaitNotice(["b:1"], wantsServers: true)
    #expect(idle.take([view()], calls: 0, "") == nil)
  }
}
