import Foundation
import LogStore
import RolesCore
import Testing

@testable import rpcv

@Suite("The grid as all coordinators see it")
struct GridReportTests {
  private func node(_ number: UInt64) -> NodeID { NodeID(ID128(high: number << 32, low: 1)) }

  private func row(_ number: UInt64, suspected: Bool = false) -> CoordinatorSummary {
    var row = CoordinatorSummary(address: "\(number):1")
    row.node = node(number)
    row.suspected = suspected
    return row
  }

  /// The view of coordinator `number`, whose successor is the first of `others`.
  private func view(_ number: UInt64, _ others: [CoordinatorSummary], lag: UInt64 = 0)
    -> GridSummary
  {
    var own = row(number)
    own.isSelf = true
    var summary = GridSummary()
    summary.coordinators = [own] + others
    if others.count > 0 {
      summary.coordinators[1].isSuccessor = true
      summary.coordinators[1].lagBytes = lag
    }
    summary.segments = number
    summary.bytes = number << 10
    return summary
  }

  private func server(_ number: UInt64, heard: UInt64, suspected: Bool = false) -> ServerSummary {
    var server = ServerSummary(server: node(number))
    server.host = "lab\(number)"
    server.slots = 4
    server.running = heard
    server.suspected = suspected
    server.lastHeard = heard
    return server
  }

  @Test func whatIsSaidIsPutTogether() throws {
    var first = view(1, [row(2), row(3, suspected: true)], lag: 2048)
    first.servers = [server(9, heard: 9000, suspected: true), server(8, heard: 3)]
    first.warnings = ["the log is full"]
    var second = view(2, [row(1), row(3, suspected: true)])
    second.servers = [server(9, heard: 2)]
    let report = GridReport([
      GridSurvey.Answer(address: "localhost:1", view: first),
      GridSurvey.Answer(address: "2:1", view: second),
      GridSurvey.Answer(address: "3:1", reason: "connection refused"),
    ])
    #expect(report.isAnswered)
    #expect(
      report.text == """
        1 of 3 coordinators does not answer

        COORDINATOR  NODE      STATE      SUSPECTED BY  SUCCESSOR      LAG    BYTES
        1:1          00000001  answers                  2:1        2.0 KiB  1.0 KiB
        2:1          00000002  answers                  1:1            0 B  2.0 KiB
        3:1          00000003  no answer  1:1, 2:1

        SERVER    HOST  SLOTS  TASKS  STATE  COORDINATOR     HEARD
        00000008  lab8      4      3  alive  1:1          3 ms ago
        00000009  lab9      4      2  alive  2:1          2 ms ago

        no answer from 3:1: connection refused

        warning: 1:1: the log is full

        """)
    let json = try JSONSerialization.jsonObject(with: Data(report.json.line.utf8))
    let grid = try #require(json as? [String: [[String: Any]]])
    let rows = try #require(grid["coordinators"])
    #expect(rows.map { $0["answers"] as? Bool } == [true, true, false])
    #expect(rows.map { $0["suspectedBy"] as? [String] } == [[], [], ["1:1", "2:1"]])
    #expect(rows.map { $0["successor"] as? String } == ["2:1", "1:1", nil])
    #expect(rows.map { $0["lagBytes"] as? Int } == [2048, 0, nil])
    #expect(rows.map { $0["bytes"] as? Int } == [1024, 2048, nil])
    #expect(rows.map { $0["reason"] as? String } == [nil, nil, "connection refused"])
    let servers = try #require(grid["servers"])
    #expect(servers.map { $0["coordinator"] as? String } == ["1:1", "2:1"])
    #expect(servers.map { $0["suspected"] as? Bool } == [false, false])
    #expect(grid["warnings"]?.first?["coordinator"] as? String == "1:1")
  }

  @Test func oneThatIsAskedTwiceIsOne() {
    let only = view(1, [])
    let report = GridReport([
      GridSurvey.Answer(address: "localhost:1", view: only),
      GridSurvey.Answer(address: "1:1", view: only),
    ])
    #expect(report.coordinators.map(\.address) == ["1:1"])
    #expect(!report.text.contains("not answer"))
  }

  /// A coordinator whose disk was lost: the suspicion of the old node isn't the new one's.
  @Test func theFormerNodeOfAnAddressIsARowOfItsOwn() {
    var former = row(3, suspected: true)
    former.address = "2:1"
    let report = GridReport([
      GridSurvey.Answer(address: "1:1", view: view(1, [row(2), former])),
      GridSurvey.Answer(address: "2:1", view: view(2, [row(1)])),
    ])
    #expect(report.coordinators.map(\.node) == [node(1), node(2), node(3)])
    #expect(report.coordinators.map(\.suspectedBy) == [[], [], ["1:1"]])
    #expect(report.coordinators.last?.reason == "another node has its address")
  }

  /// An address that nobody has heard gets no node, and is no error if another one answers.
  @Test func silenceIsToldOnlyIfItIsWhole() {
    let silent = GridSurvey.Answer(address: "9:1", reason: "timeout")
    #expect(!GridReport([silent]).isAnswered)
    let report = GridReport([silent, GridSurvey.Answer(address: "1:1", view: view(1, []))])
    #expect(report.isAnswered)
    #expect(report.coordinators.first?.node == nil)
    #expect(report.text.contains("9:1          ?         no answer"))
  }
}
