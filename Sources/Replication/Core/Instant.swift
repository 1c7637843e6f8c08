/// A point on a node's own monotonic clock, in nanoseconds from an arbitrary origin. Cores are told
/// the time and never read it; instants of two nodes are never compared.
public struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var nanoseconds: UInt64
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static let zero = Instant(nanoseconds: 0)
  public static let distantFuture = Instant(nanoseconds: .max)

  public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

  /// Saturates at both ends.
  public static func + (a: Instant, span: Duration) -> Instant {
    let (sum, over) = a.nanoseconds.addingReportingOverflow(span.wholeNanoseconds)
    return Instant(nanoseconds: over ? .max : sum)
  }

  /// How long after `b` this is; zero if it is before.
  public static func - (a: Instant, b: Instant) -> Duration {
    .nanoseconds(
      Int64(clamping: a.nanoseconds >= b.nanoseconds ? a.nanoseconds - b.nanoseconds : 0))
  }

  public var description: String { "\(Double(nanoseconds) / 1e9)s" }
}

extension Duration {
  /// Whole nanoseconds, clamped to 0...UInt64.max.
  public var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    if seconds < 0 || attoseconds < 0 { return 0 }
    let (product, over) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return over ? .max : product + UInt64(attoseconds / 1_000_000_000)
  }

  public var wholeMilliseconds: UInt64 { wholeNanoseconds / 1_000_000 }
}
