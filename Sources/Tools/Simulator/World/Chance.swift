import ReplicationCore

// Throws of the world's dice, as the simulator needs them.

extension Dice {
  mutating func chance(_ probability: Double) -> Bool {
    probability > 0 && Double.random(in: 0..<1, using: &self) < probability
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.randomElement(using: &self)
  }

  mutating func span(_ microseconds: ClosedRange<Int>) -> Duration {
    .microseconds(number(microseconds))
  }

  /// Mostly short, seldom long: the exponent is what is even.
  mutating func skewed(_ microseconds: ClosedRange<Int>) -> Duration {
    let low = Double(max(microseconds.lowerBound, 1))
    let ratio = Double(microseconds.upperBound) / low
    var value = low
    var rest = ratio
    // Halvings of the ratio, so that no logarithm of the platform's library enters the run.
    while rest > 1 {
      if chance(0.5) { value *= min(2, rest) }
      rest /= 2
    }
    return .microseconds(Int(value) + number(0...Int(low)))
  }
}
