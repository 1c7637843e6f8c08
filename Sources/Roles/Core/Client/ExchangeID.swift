/// Names one exchange of one core: its request, and the response or failure that ends it. Drawn
/// from a counter, never used twice in a core's life.
public struct ExchangeID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64
  public init(_ value: UInt64) { self.value = value }
  public static func < (a: ExchangeID, b: ExchangeID) -> Bool { a.value < b.value }
  public var description: String { String(value) }
}
