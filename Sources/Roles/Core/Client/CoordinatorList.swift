// Which coordinator a client or server speaks to: the first until it fails, then the next, for
// ever; after each fruitless round a pause that doubles. One whose log is full is left as well, for
// one of which nothing bad was heard lately. All that is an opinion: nothing here is ever struck
// from the list.

import ReplicationCore

struct CoordinatorList: Sendable {
  struct Settings: Hashable, Sendable {
    var firstPause = Duration.milliseconds(50)
    var longestPause = Duration.seconds(5)
    /// Between offers of the same to coordinators that answer and refuse it.
    var longestRefusalPause = Duration.seconds(2)
    /// One that failed or was full is not preferred to a full one for so long.
    var avoidance = Duration.seconds(10)
    /// Addresses come from the network: bounded.
    var limit = 64
    var longestAddress = 256
  }

  private let settings: Settings
  private(set) var addresses: [String] = []
  private var index = 0
  private var failures = 0
  private var refusals = 0
  private var lastRefusal = Instant.zero
  private var avoidedUntil: [String: Instant] = [:]
  /// The last refusal of each that a person was told of.
  private var told: [String: String] = [:]
  /// Before this nothing is sent.
  private(set) var resumeAt = Instant.zero

  init(_ settings: Settings = Settings()) { self.settings = settings }

  var current: String? { addresses.isEmpty ? nil : addresses[index] }

  /// The one so many places after the present one.
  func address(_ offset: Int) -> String? {
    addresses.isEmpty ? nil : addresses[(index + offset) % addresses.count]
  }

  mutating func merge(_ others: [String]) {
    for address in others where addresses.count < settings.limit {
      guard !address.isEmpty, address.utf8.count <= settings.longestAddress else { continue }
      if !addresses.contains(address) { addresses.append(address) }
    }
  }

  mutating func succeeded() {
    failures = 0
    resumeAt = .zero
    if let current { avoidedUntil[current] = nil }
  }

  /// The present one answers that its log is full. Turns to the next one that is not avoided; false
  /// if there is none.
  mutating func isFull(at now: Instant) -> Bool {
    guard let current else { return false }
    avoidedUntil[current] = now + settings.avoidance
    for offset in 1..<max(addresses.count, 1) {
      let next = (index + offset) % addresses.count
      if let until = avoidedUntil[addresses[next]], now < until { continue }
      index = next
      return true
    }
    return false
  }

  /// Turns to the next one; pauses when all have failed in a row.
  mutating func failed(at now: Instant, dice: inout Dice) {
    guard !addresses.isEmpty else { return }
    avoidedUntil[addresses[index]] = now + settings.avoidance
    index = (index + 1) % addresses.count
    failures += 1
    guard failures % addresses.count == 0 else { return }
    pause(rounds: failures, atMost: settings.longestPause, at: now, dice: &dice)
  }

  /// What was offered is refused, by one that answers other questions: those don't shorten this
  /// pause. It is forgotten by and by, or when something is accepted.
  mutating func refused(at now: Instant, dice: inout Dice) {
    guard !addresses.isEmpty else { return }
    if now > lastRefusal + settings.avoidance { refusals = 0 }
    lastRefusal = now
    refusals += 1
    failed(at: now, dice: &dice)
    guard refusals % addresses.count == 0 else { return }
    pause(rounds: refusals, atMost: settings.longestRefusalPause, at: now, dice: &dice)
  }

  mutating func accepted() {
    refusals = 0
    if let current { told[current] = nil }
  }

  /// Whether a person has not been told that already: it is refused again and again.
  mutating func isNews(_ refusal: Refusal, of address: String) -> Bool {
    guard addresses.contains(address) else { return true }
    return told.updateValue(refusal.text, forKey: address) != refusal.text
  }

  private mutating func pause(
    rounds attempts: Int, atMost limit: Duration, at now: Instant, dice: inout Dice
  ) {
    let rounds = min(attempts / addresses.count - 1, 20)
    let pause = min(settings.firstPause * (1 << rounds), limit)
    // Up to a quarter more, so that those who failed together don't return together.
    let jitter = dice.next() % (pause.wholeNanoseconds / 4 + 1)
    resumeAt = max(resumeAt, now + pause + .nanoseconds(Int64(jitter)))
  }
}
