import Foundation
import Testing

// `rpcv map` ended at any moment, by kill -9 or Ctrl-C, with a grid of its own or on one of
// processes: the same words go on, and every line is printed at least once.

@Suite(.serialized) struct InterruptTests {
  @Test(arguments: [SIGKILL, SIGINT], [true, false])
  func endedAtAnyMomentItGoesOn(_ signal: Int32, isEmbedded: Bool) throws {
    let grid = try TestGrid(coordinators: isEmbedded ? 0 : 2, servers: isEmbedded ? 0 : 2)
    let count = 300
    let words = ["map", "--session", "ended", "-j8", "sleep 0.05; echo result-{}"]
    let input = (1...count).map(String.init).joined(separator: "\n") + "\n"
    var printed: [String] = []
    for round in 0..<12 {
      let run = try grid.start(words, input: input)
      // In the start, in recovery, while it submits, while results come.
      Span.pass(milliseconds: [1, 3, 6, 10, 15, 25, 40, 60, 90, 130, 180, 250][round])
      run.signal(signal)
      let ended = try run.end(within: 20)
      // Before the program has begun, the signal ends it in the system's own way.
      let statuses: [Int32] = signal == SIGKILL ? [SIGKILL] : [130, SIGINT]
      #expect(statuses.contains(ended.status), "round \(round): \(ended)")
      if ended.status == 130 {
        #expect(ended.errors.contains("nothing is lost. Go on with the same words"), "\(ended)")
      }
      printed += ended.lines
    }
    let last = try grid.run(words, input: input, within: 60)
    #expect(last.status == 0, "\(last.errors)")
    let expected = Set((1...count).map { "result-\($0)" })
    #expect(Set(printed + last.lines).intersection(expected) == expected)
    let again = try grid.run(words, input: input, within: 30)
    #expect(again.status == 0 && again.output == "", "\(again.errors)")
    // Nobody is left running, and nobody holds the session's directory.
    let other = try grid.run(["map", "--session", "other", "echo {}", ":::", "x"], within: 30)
    #expect(other.output == "x\n")
  }
}
