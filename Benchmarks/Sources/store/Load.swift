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
    var end: UInt64 = 0
    var failure: (any Error)?
  }

  /// Runs `writers` threads for so long. Each makes its own operation first; the time begins when
  /// all have, and ends with the last operation.
  static func threads(
    _ writers: Int, seconds: Double, _ make: @escaping @Sendable (Int) throws -> Operation
  ) throws -> Sample {
    let gathered = Mutex(Gathered())
    let (ready, done) = (DispatchGroup(), DispatchGroup())
    let gate = Gate()
    for writer in 0..<writers {
      ready.enter()
      done.enter()
      let thread = Thread {
        do {
          let operation = Result { try make(writer) }
          ready.leave()
          let start = gate.wait()
          let (sample, end) = try loop(start, start + UInt64(seconds * 1e9), operation.get())
          gathered.withLock {
            $0.sample.operations += sample.operations
            $0.sample.latencies += sample.latencies
            $0.end = max($0.end, end)
          }
        } catch {
          gathered.withLock { $0.failure = error }
        }
        done.leave()
      }
      thread.stackSize = 1 << 20
      thread.start()
    }
    ready.wait()
    let start = gate.open()
    done.wait()
    return try gathered.withLock {
      if let failure = $0.failure { throw failure }
      $0.sample.seconds = Double($0.end - start) / 1e9
      return $0.sample
    }
  }

  private static func loop(
    _ start: UInt64, _ deadline: UInt64, _ operation: Operation
  ) throws -> (Sample, end: UInt64) {
    var sample = Sample()
    sample.latencies.reserveCapacity(1 << 16)
    var now = Clock.now()
    while now < deadline {
      let began = try operation(now)
      now = Clock.now()
      if let began {
        sample.latencies.append(now - began)
        sample.operations += 1
      }
    }
    return (sample, now)
  }
}

/// Holds threads until it is opened.
private final class Gate: Sendable {
  private let condition = NSCondition()
  private let openedAt = Mutex<UInt64?>(nil)

  /// The time at which it opened.
  func wait() -> UInt64 {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let time = openedAt.withLock({ $0 }) { return time }
      condition.wait()
    }
  }

  func open() -> UInt64 {
    condition.lock()
    defer { condition.unlock() }
    let now = Clock.now()
    openedAt.withLock { $0 = now }
    condition.broadcast()
    return now
  }
}
