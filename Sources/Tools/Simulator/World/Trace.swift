import LogStore
import ReplicationCore

// What happened, as a hash over everything for equal runs (D) and as the last lines for a person
// who looks at a violation. Lines are made only for what a person wants to read.

public struct Trace {
  /// Over everything that was recorded, in order.
  public private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  public private(set) var count = 0
  private var lines: [String] = []
  private var oldest = 0
  let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func add(_ values: UInt64...) {
    count += 1
    for value in values { hash = (hash ^ value) &* 0x0000_0100_0000_01b3 ^ (hash >> 29) }
  }

  mutating func add(_ bytes: [UInt8]) {
    add(bytes.withUnsafeBytes { Trace.sum($0) })
  }

  mutating func say(_ now: Instant, _ text: @autoclosure () -> String) {
    guard limit > 0 else { return }
    let millis = now.nanoseconds / 1_000
    let line = "\(millis / 1_000_000).\(pad(millis % 1_000_000)) \(text())"
    if lines.count < limit {
      lines.append(line)
    } else {
      lines[oldest] = line
      oldest = (oldest + 1) % limit
    }
  }

  /// Oldest first.
  public var tail: [String] { Array(lines[oldest...] + lines[..<oldest]) }

  private func pad(_ value: UInt64) -> String {
    let text = String(value)
    return String(repeating: "0", count: 6 - text.count) + text
  }

  /// Eight bytes at a time; only equality counts.
  private static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var state = UInt64(bytes.count)
    var at = 0
    while at + 8 <= bytes.count {
      state =
        (state ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        &* 0x9e37_79b9_7f4a_7c15
      state ^= state >> 32
      at += 8
    }
    while at < bytes.count {
      state = (state ^ UInt64(bytes[at])) &* 0x0000_0100_0000_01b3
      at += 1
    }
    return state
  }
}
