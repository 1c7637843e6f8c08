/// How many bytes may be under way to one peer: it grows while answers come soon and is halved when
/// they come late or not at all, so that heartbeats on the same slow path still get through.
struct FlowWindow: Sendable {
  let limit: Int
  let floor: Int
  let period: Duration
  private(set) var size: Int
  private var lastShrink: Instant?

  init(limit: Int, floor: Int, period: Duration) {
    self.limit = limit
    self.floor = min(floor, limit)
    self.period = period
    size = max(self.floor, limit / 4)
  }

  mutating func answered(bytes: Int, after span: Duration, at now: Instant) {
    if span <= period * 2 {
      size = min(limit, size + bytes)
    } else if span > period * 4 {
      shrink(now)
    }
  }

  mutating func failed(at now: Instant) { shrink(now) }

  private mutating func shrink(_ now: Instant) {
    // What was under way together is late together: that is one reason, not many.
    if let last = lastShrink, now - last < period * 4 { return }
    lastShrink = now
    size = max(floor, size / 2)
  }
}
