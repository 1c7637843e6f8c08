import Foundation
import Testing

// `rpcv grid` on a real grid: all coordinators' views put together, and one's own.

@Suite(.serialized) struct GridViewTests {
  @Test func allAreAskedThoughOneIsNamed() throws {
    let grid = try TestGrid(coordinators: 3, servers: 1)
    try grid.awaitWhole()
    let named = ["--coordinators", grid.addresses[0]]
    try eventually(within: 20, "all answer, and one hears the server") {
      let seen = try rows(grid.run(["grid", "--json"] + named, within: 10))
      return Set(seen.coordinators.compactMap { $0["address"] as? String }) == Set(grid.addresses)
        && seen.coordinators.allSatisfy { $0["answers"] as? Bool == true }
        && seen.servers.count == 1
    }
    grid.killCoordinator(2)
    try eventually(within: 20, "both others suspect it") {
      let seen = try rows(grid.run(["grid", "--json"] + named, within: 10))
      let lost = seen.coordinators.first { $0["address"] as? String == grid.addresses[2] }
      let tellers = lost?["suspectedBy"] as? [String] ?? []
      return Set(tellers) == Set(grid.addresses[..<2]) && lost?["answers"] as? Bool == false
    }
    let shown = try grid.run(["grid"] + named, within: 10)
    #expect(shown.status == 0 && shown.lines.first == "1 of 3 coordinators does not answer")
    #expect(shown.output.contains("no answer from \(grid.addresses[2]): "))
  }

  @Test func oneCoordinatorsOwnView() throws {
    let grid = try TestGrid(coordinators: 2, servers: 0)
    try grid.awaitWhole()
    let own = try grid.run(["grid", "--only", grid.addresses[1]], within: 10)
    #expect(own.lines.first?.hasPrefix("As \(grid.addresses[1]) sees it: ") == true)
    grid.killCoordinator(1)
    #expect(try grid.run(["grid", "--only", grid.addresses[1]], within: 20).status == 69)
    let wrong = try grid.run(["grid", "--only", "a:b:c"], within: 10)
    #expect(wrong.status == 64 && wrong.errors.contains("--only: 'a:b:c' is not an address"))
    grid.killCoordinator(0)
    let none = try grid.run(["grid"], within: 20)
    #expect(none.status == 69)
    for address in grid.addresses { #expect(none.errors.contains(address)) }
  }

  /// The suspicion time is longer than the test waits: only the farewell can have told.
  @Test func anOrderlyStopIsKnownAtOnceAndAStartAgain() throws {
    let grid = try TestGrid(coordinators: 3, servers: 0, suspicion: 120)
    try grid.awaitWhole()
    func suspected(_ index: Int, by other: Int) throws -> Bool {
      let seen = try rows(
        grid.run(["grid", "--json", "--only", grid.addresses[other]], within: 10))
      let row = seen.coordinators.first { $0["address"] as? String == grid.addresses[index] }
      return row?["suspected"] as? Bool == true
    }
    #expect(try grid.stopCoordinator(1)?.status == 0)
    for other in [0, 2] { #expect(try suspected(1, by: other)) }
    try grid.startCoordinator(1)
    try grid.awaitWhole()
  }

  private func rows(_ ended: Ended) throws -> (
    coordinators: [[String: Any]], servers: [[String: Any]]
  ) {
    let json = try JSONSerialization.jsonObject(with: Data(ended.output.utf8))
    let grid = try #require(json as? [String: Any])
    return (
      try #require(grid["coordinators"] as? [[String: Any]]),
      try #require(grid["servers"] as? [[String: Any]])
    )
  }
}
