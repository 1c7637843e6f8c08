/// Bugs planted by tests to prove that a check can fail (VERIFICATION.md). Never on in production.
package struct LedgerBugs: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// B19: the fold keeps the later fact, not the greater.
  package static let keepsLater = LedgerBugs(rawValue: 2)
  /// B22: what is dead now counts as dead for ever.
  package static let deadNowIsDead = LedgerBugs(rawValue: 4)
  /// B24: contiguity does not count collected and released counters.
  package static let contiguityCountsSubmittedOnly = LedgerBugs(rawValue: 8)
}
