import Foundation

/// What the disk itself costs: the floor under every durable figure.
package enum SyncCost {
  package static func measure(in directory: String) throws -> Round {
    let path = directory + "/sync"
    let file = open(path, O_WRONLY | O_CREAT, 0o600)
    guard file >= 0 else { throw BenchError("can't write \(path)") }
    defer {
      close(file)
      unlink(path)
    }
    let page = [UInt8](repeating: 7, count: 4096)
    var round = Round()
    for _ in 0..<200 {
      let start = Clock.now()
      guard write(file, page, page.count) == page.count, fdatasync(file) == 0 else {
        throw BenchError("can't write \(path)")
      }
      round.latencies.append(Clock.now() - start)
    }
    return round
  }
}
