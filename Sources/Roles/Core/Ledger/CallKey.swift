import LogStore

/// A call by what makes it one: its counter and its digest.
public struct CallKey: Hashable, Comparable, Sendable {
  public var call: CallName
  public var digest: Digest
  public init(call: CallName, digest: Digest) {
    self.call = call
    self.digest = digest
  }
  public static func < (a: CallKey, b: CallKey) -> Bool {
    (a.call, a.digest) < (b.call, b.digest)
  }
}
