import Foundation
import Measuring
import Synchronization

// What writers do in a measurement, and the threads that do it.

/// Each of `writers` threads does one operation after the other: a record set of each of `pools`,
/// durable before the next begins.
struct Load: Sendable {
  var title: String
  var writers: Int
  /// One for each set of an operation.
  var pools: [RecordPool]
  /// Records in a set.
  var count = 1
  /// Operations that a writer has under way before it waits for the oldest.
  var depth = 1
  /// The sets are facts about a job.
  var isJob = false

  var recordsAnOperation: Int { pools.count * count }
  var bytesAnOperation: Int { pools.reduce(0) { $0 + $1.size * count } }
}

/// What one contender did in one run.
struct Sample: Sendable {
  var operations = 0
  var seconds = 0.0
  /// Of operations, in nanoseconds.
  var latencies: [UInt64] = []
}

/// Carries out an operation, or begins it; when the one began that ended just now, nil if none did.
typealias Operation = (_ began: UInt64) throws -> UInt64?

enum Drive {
  private struct Gathered {
    var sample = Sample()
    var failure: (any Error)?
  }

  /// Runs `writers` threads until `isOver` says so; each makes its own operation first.
  static func threads(
    _ writers: Int, until isOver: @escaping @Sendable (_ now: UInt64) -> Bool,
    _ make: @escaping @Sendable (Int) throws -> Operation
  ) throws -> Sample {
    let gathered = Mutex(Gathered())
    let start = Clock.now()
    try join(writers) { writer in
      do {
        let sample = try loop(isOver, try make(writer))
        gathered.withLock {
          $0.sample.operations += sample.operations
          $0.sample.latencies += sample.latencies
        }
      } catch {
        gathered.withLock { $0.failure = error }
      }
    }
    let end = Clock.now()
    return try gathered.withLock {
      if let failure = $0.failure { throw failure }
      $0.sample.seconds = Double(end - start) / 1e9
      return $0.sample
    }
  }

  static func threads(
    _ writers: Int, seconds: Double, _ make: @escaping @Sendable (Int) throws -> Operation
  ) throws -> Sample {
    let end = Clock.now() + UInt64(seconds * 1e9)
    return try threads(writers, until: { $0 >= end }, make)
  }

  private static func loop(
    _ isOver: (UInt64) -> Bool, _ operation: Operation
  ) throws -> Sample {
    var sample = Sample()
    sample.latencies.reserveCapacity(1 << 16)
    var now = Clock.now()
    while !isOver(now) {
      let ended = try operation(now)
      now = Clock.now()
      if let ended {
        sample.latencies.append(now - ended)
        sample.operations += 1
      }
    }
    return sample
  }

  /// Runs `body` on so many threads and waits for all.
  static func join(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) throws {
    let group = DispatchGroup()
    for index in 0..<count {
      group.enter()
      let thread = Thread {
        body(index)
        group.leave()
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
    group.wait()
  }
}
